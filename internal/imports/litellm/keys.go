package litellm

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/imports"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// Read reads the configuration file and the listed keys; notes are about neither
// an object nor a key. getenv resolves os.environ/NAME.
func Read(config, keys []byte, getenv func(string) string, now time.Time) (objects []*imports.Object, notes []string, err error) {
	c, notes, err := readConfig(config, getenv)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range c.settings {
		objects = append(objects, s.object)
	}
	objects = append(objects, c.refused...)
	records, note, err := listed(keys)
	if err != nil {
		return nil, nil, err
	}
	if note != "" {
		notes = append(notes, note)
	}
	for _, text := range records {
		r, err := imports.NewRecord(text)
		if err != nil {
			return nil, nil, errors.New("the list of keys holds something that is no object: list them with return_full_object=true")
		}
		objects = append(objects, c.key(r, now))
	}
	return objects, notes, nil
}

// listed are the keys of one answer after the other. note says that some are
// missing, or nothing.
func listed(text []byte) (records []json.RawMessage, note string, err error) {
	total := 0
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var answer json.RawMessage
		err := d.Decode(&answer)
		if errors.Is(err, io.EOF) {
			break
		}
		keys, of, ok := page(answer)
		if err != nil || !ok {
			return nil, "", errors.New("the file of keys is no answer of /key/list or /key/info")
		}
		records, total = append(records, keys...), max(total, of)
	}
	if total > len(records) {
		note = fmt.Sprintf("the list has %d of %d keys: get its other pages, too", len(records), total)
	}
	return records, note, nil
}

// page reads an answer of /key/list or /key/info, or a list of keys or of such
// answers. total is how many keys there are in all its pages; 0: it does not say.
func page(text []byte) (records []json.RawMessage, total int, ok bool) {
	if json.Unmarshal(text, &records) == nil {
		return flat(records), 0, true
	}
	var answer struct {
		Keys  []json.RawMessage `json:"keys"`
		Total int               `json:"total_count"`
		Info  json.RawMessage   `json:"info"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Keys == nil && answer.Info == nil {
		return nil, 0, false
	}
	if answer.Info != nil {
		return flat([]json.RawMessage{text}), 0, true
	}
	return answer.Keys, answer.Total, true
}

// flat takes the keys out of answers of /key/info, which name the hash beside.
func flat(records []json.RawMessage) []json.RawMessage {
	for i, text := range records {
		var one struct {
			Key  string                     `json:"key"`
			Info map[string]json.RawMessage `json:"info"`
		}
		if json.Unmarshal(text, &one) != nil || one.Info == nil {
			continue
		}
		if _, ok := one.Info["token"]; !ok {
			one.Info["token"], _ = json.Marshal(one.Key) // a string always encodes
		}
		records[i], _ = json.Marshal(one.Info) // of what was decoded
	}
	return records
}

type body = map[string]any

func (c *catalogue) key(r *imports.Record, now time.Time) *imports.Object {
	var token, alias, user, team string
	r.Take("token", &token)
	r.Take("key_alias", &alias)
	r.Take("user_id", &user)
	r.Take("team_id", &team)
	o := &imports.Object{Kind: imports.Key, Name: alias, ID: imports.NewID(Source, imports.Key, token)}
	raw, err := hex.DecodeString(token)
	if err != nil || len(raw) != len(secrets.Digest{}) {
		o.ID = imports.NewID(Source, imports.Key, "without a hash "+alias) // the id is no secret, the token may be one
		o.Refuse("token", "is no SHA-256 in hexadecimal; make the key anew here")
	} else {
		digest := secrets.Digest(raw)
		o.Hash = &digest
	}
	if o.Name == "" {
		o.Name = "litellm " + o.ID[:8]
	}
	b := body{"name": o.Name}
	if user != "" {
		o.Note("the user " + user + " is not in the list: a budget of its own is to be made here as a user")
	}
	if team != "" {
		o.Lose("team_id", "stands for the budget and the models of team "+team+", which the list does not tell")
	}
	c.models(r, o, b)
	money(r, o, b)
	rates(r, o, b)
	life(r, o, b, now)
	metadata(r, o, b)
	var rotates bool
	if r.Take("auto_rotate", &rotates); rotates {
		o.Note("is not rotated by itself here")
	}
	r.Drop("rotation_interval", "team_member_spend", "organization_spend", "org_spend", "end_user_spend", "login_method", "request_route",
		"key_name", "api_key", "created_at", "created_by", "updated_at", "updated_by", "last_active", "last_refreshed_at", "budget_reset_at",
		"team_alias", "team_spend", "user_spend", "user_email", "user_role", "model_spend", "soft_budget", "soft_budget_cooldown",
		"rotation_count", "last_rotation_at", "key_rotation_at")
	o.Lost = append(o.Lost, r.Rest()...)
	o.Body = b
	return o
}

// models gives the key the settings that serve its models, and those models by
// the providers' names.
func (c *catalogue) models(r *imports.Record, o *imports.Object, b body) {
	var names []string
	r.Take("models", &names)
	if slices.Contains(names, "all-proxy-models") {
		names = nil // which means the same
	}
	serving := c.deployments
	if len(names) > 0 {
		serving = nil
		for _, name := range names {
			list, known := c.serving(name)
			if !known {
				o.Lose("models", fmt.Sprintf("has %q, which nothing that is imported serves", name))
			}
			serving = append(serving, list...)
		}
	}
	var settings, models []string
	used := map[string]int{}
	for _, d := range serving {
		if len(names) == 0 && len(d.setting.object.Lost) > 0 {
			o.Note(d.name + " is left out with its provider setting")
			continue
		}
		if !slices.Contains(settings, d.setting.object.ID) {
			settings = append(settings, d.setting.object.ID)
			used[d.setting.provider]++
		}
		if d.model == "" && len(names) > 0 {
			o.Lose("models", fmt.Sprintf("has %q, which stands for many: name the models one by one", d.name))
		}
		if d.name != d.model && d.model != "" && len(names) > 0 {
			o.Note(fmt.Sprintf("asks for %s as %s, the provider's name, from now on", d.name, d.model))
		}
		if d.model != "" && !slices.Contains(models, d.model) {
			models = append(models, d.model)
		}
	}
	b["settingIds"] = settings
	if len(names) > 0 {
		b["allowedModels"] = models
	}
	if len(names) > 0 && len(models) == 0 {
		o.Refuse("models", "has none that is imported; without them the key would have all")
	}
	for _, n := range used {
		if n > 1 {
			b["rotationEnabled"] = true
		}
	}
}

// units are the budget durations that have a window here.
var units = map[string]gateway.Unit{
	"60s": gateway.Minute, "1m": gateway.Minute, "60m": gateway.Hour, "1h": gateway.Hour, "hourly": gateway.Hour,
	"24h": gateway.Day, "1d": gateway.Day, "daily": gateway.Day, "1mo": gateway.Month, "30d": gateway.Month, "monthly": gateway.Month,
}

// money takes the budget and what is spent of it. LiteLLM's spend is that since
// the budget was last reset, so all of it counts in the window that runs here.
func money(r *imports.Record, o *imports.Object, b body) {
	var budget, spend json.Number
	var duration string
	r.Take("max_budget", &budget)
	r.Take("budget_duration", &duration)
	r.Take("spend", &spend)
	if spent, ok := imports.Cost(spend); ok {
		o.Spent.Total, o.Spent.InWindow = spent, spent
	} else if spend != "" {
		o.Lose("spend", "is no amount of money")
	}
	switch unit, ok := units[duration]; {
	case budget == "":
	case imports.Limit(budget) == "0.000000000":
		o.Lose("max_budget", "is nothing: the key may do what costs nothing, which no limit here says")
	case duration == "":
		b["costLimitInUsd"] = imports.Limit(budget)
	case !ok:
		o.Lose("budget_duration", fmt.Sprintf("is %q; windows here are a minute, an hour, a day and a month", duration))
	default:
		b["costLimitInUsdOverTime"], b["costLimitInUsdUnit"] = imports.Limit(budget), unit
		o.Spent.Unit = unit
		if unit == gateway.Month {
			o.Note("the budget begins anew on the first of a month, in UTC")
		}
	}
}

func rates(r *imports.Record, o *imports.Object, b body) {
	var rpm, tpm, parallel *int64
	r.Take("rpm_limit", &rpm)
	r.Take("tpm_limit", &tpm)
	r.Take("max_parallel_requests", &parallel)
	if tpm != nil {
		o.Lose("tpm_limit", "bounds tokens a minute; limits here are of requests and of money")
	}
	for _, l := range []struct {
		field, here string
		value       *int64
	}{{"rpm_limit", "rateLimitOverTime", rpm}, {"max_parallel_requests", "maxParallelRequests", parallel}} {
		if l.value != nil && *l.value <= 0 {
			o.Lose(l.field, "lets nothing pass; revoke the key instead")
		} else if l.value != nil {
			b[l.here] = *l.value
		}
	}
	if b["rateLimitOverTime"] != nil {
		b["rateLimitUnit"] = gateway.Minute
	}
}

// life takes the end of the key, and whether it is blocked.
func life(r *imports.Record, o *imports.Object, b body, now time.Time) {
	var blocked bool
	var expires string
	r.Take("blocked", &blocked)
	r.Take("expires", &expires)
	if blocked {
		b["revoked"], b["revokedReason"] = true, "blocked at LiteLLM"
	}
	if expires == "" {
		return
	}
	end, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		if end, err = time.Parse("2006-01-02T15:04:05.999999", strings.Replace(expires, " ", "T", 1)); err != nil {
			o.Lose("expires", "is no time")
			return
		}
	}
	o.ExpiresAt = end.UTC().Truncate(time.Second)
	b["ttl"] = fmt.Sprintf("%ds", max(1, int64(o.ExpiresAt.Sub(now)/time.Second)))
	if !now.Before(o.ExpiresAt) {
		o.Note("expired")
	}
}

// metadata takes the tags. Some of what else it may hold restricts the key.
func metadata(r *imports.Record, o *imports.Object, b body) {
	var members map[string]json.RawMessage
	r.Take("metadata", &members)
	for _, name := range sortedKeys(members) {
		switch raw := members[name]; {
		case imports.Empty(raw):
		case name == "tags":
			var tags []string
			if json.Unmarshal(raw, &tags) != nil {
				o.Lose("metadata.tags", "is no list of texts")
			}
			b["tags"] = tags
		case strings.Contains(name, "limit") || strings.Contains(name, "guardrail") || strings.Contains(name, "polic") || strings.Contains(name, "budget") || strings.HasPrefix(name, "allowed") || strings.HasPrefix(name, "disable"):
			o.Lose("metadata."+name, "restricts the key, and has no counterpart")
		default:
			o.Note("metadata." + name + " is not taken over")
		}
	}
	var routes []string
	r.Take("allowed_routes", &routes)
	for _, route := range routes {
		if route != "llm_api_routes" { // which is all that a key may call here
			o.Lose("allowed_routes", "are LiteLLM's paths; give the key allowedPaths")
			break
		}
	}
}
