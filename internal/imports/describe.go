package imports

import (
	"encoding/json"
	"time"
)

// shown are the members of a setting that cannot be a credential.
var shown = map[string]bool{"url": true, "resourceName": true, "apiVersion": true, "authScheme": true, "modelMap": true}

// Describe spells what is made, as the admin API is sent it, without secrets and
// without what says nothing.
func (o *Object) Describe() string {
	text, err := json.Marshal(o.Body)
	if err != nil {
		return ""
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return ""
	}
	put := func(name string, v any) { members[name], _ = json.Marshal(v) } // texts and numbers always encode
	for name, v := range members {
		if Empty(v) || string(v) == "0" || name == "name" {
			delete(members, name)
		}
	}
	if members["key"] != nil {
		put("key", "…")
	}
	if raw := members["setting"]; raw != nil {
		var values map[string]any
		_ = json.Unmarshal(raw, &values) // what is none shows nothing
		for name := range values {
			if !shown[name] {
				values[name] = "…"
			}
		}
		put("setting", values)
	}
	if len(o.Prices) > 0 {
		put("prices", o.Prices)
	}
	if !o.ExpiresAt.IsZero() {
		put("expiresAt", o.ExpiresAt.Format(time.RFC3339))
	}
	if o.Spent.Total > 0 {
		put("spentInUsd", o.Spent.Total)
	}
	if o.Spent.Unit != "" && o.Spent.InWindow > 0 {
		put("spentInWindowInUsd", o.Spent.InWindow)
	}
	text, _ = json.Marshal(members)
	return string(text)
}
