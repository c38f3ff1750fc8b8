package admin

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// View spells an object of the store as the audit log shows it: as the API
// answers it, so without secrets. Objects whose time is over are shown as the
// store has them. An object of a kind that is not known here is an error, so
// that a new kind is given its view before anyone can change it.
func View(object any) ([]byte, error) {
	switch o := object.(type) {
	case *gateway.ProviderSetting:
		return json.Marshal(newSettingAnswer(o))
	case *gateway.CustomProvider:
		return json.Marshal(newCustomAnswer(o))
	case *gateway.Key:
		return json.Marshal(newKeyAnswer(o, time.Time{}))
	case *gateway.Route:
		return json.Marshal(newFailoverAnswer(o))
	case *gateway.User:
		return json.Marshal(newUserAnswer(o, time.Time{}))
	case *gateway.Policy:
		return json.Marshal(newPolicyAnswer(o))
	case *gateway.PriceOverride:
		return json.Marshal(newOverrideAnswer(o))
	case gateway.UnknownPricePolicy:
		return json.Marshal(map[string]any{"unknownPricePolicy": o})
	case *gateway.AdminKey:
		return json.Marshal(newAdminKeyAnswer(o))
	case *store.Corrections:
		return json.Marshal(struct {
			Corrections int   `json:"corrections"`
			Difference  usd   `json:"differenceInUsd"`
			From        int64 `json:"from"`
			To          int64 `json:"to"`
		}{o.Count, usd(o.Difference), o.From.Unix(), o.To.Unix()})
	}
	return nil, fmt.Errorf("the admin API has no view of a %T", object)
}
