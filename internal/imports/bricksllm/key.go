package bricksllm

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/imports"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// body is what the admin API is sent of a key or a user.
type body = map[string]any

// bounds takes what keys and users have in common: life, limits and paths.
func (d *database) bounds(r *imports.Record, o *imports.Object, b body) (unit gateway.Unit) {
	var (
		created            int64
		tags               []string
		revoked            bool
		reason, ttl        string
		cost, overTime     json.Number
		costUnit, rateUnit string
		rate               int64
		allowedPaths       []struct{ Path, Method string }
	)
	r.Take("created_at", &created)
	r.Drop("updated_at")
	r.Take("name", &o.Name)
	r.Take("tags", &tags)
	r.Take("revoked", &revoked)
	r.Take("revoked_reason", &reason)
	r.Take("ttl", &ttl)
	r.Take("cost_limit_in_usd", &cost)
	r.Take("cost_limit_in_usd_over_time", &overTime)
	r.Take("cost_limit_in_usd_unit", &costUnit)
	r.Take("rate_limit_over_time", &rate)
	r.Take("rate_limit_unit", &rateUnit)
	r.Take("allowed_paths", &allowedPaths)
	b["name"], b["tags"] = o.Name, tags
	if revoked {
		b["revoked"], b["revokedReason"] = true, reason
	}
	if cost != "" && cost != "0" {
		b["costLimitInUsd"] = imports.Limit(cost)
	}
	if overTime != "" && overTime != "0" {
		b["costLimitInUsdOverTime"], b["costLimitInUsdUnit"] = imports.Limit(overTime), costUnit
	}
	if rate != 0 || rateUnit != "" {
		b["rateLimitOverTime"], b["rateLimitUnit"] = rate, rateUnit
	}
	if len(allowedPaths) > 0 {
		rules := []map[string]string{}
		for _, p := range allowedPaths {
			rules = append(rules, map[string]string{"path": p.Path, "method": p.Method})
		}
		b["allowedPaths"] = rules
	}
	d.life(o, b, created, ttl)
	return gateway.Unit(costUnit)
}

// life ends the object when BricksLLM would have: its time counts from when it was
// made there.
func (d *database) life(o *imports.Object, b body, created int64, ttl string) {
	if ttl == "" {
		return
	}
	life, err := time.ParseDuration(ttl)
	if err != nil {
		o.Lose("ttl", "is no duration")
		return
	}
	if life == 0 {
		return // none, there
	}
	seconds := int64(life / time.Second)
	b["ttl"] = strconv.FormatInt(max(1, seconds), 10) + "s"
	o.ExpiresAt = time.Unix(created+seconds, 0).UTC()
	if !d.now.Before(o.ExpiresAt) {
		o.Note("expired")
	}
}

func (d *database) key(r *imports.Record) *imports.Object {
	var id, setting, policyID, secret string
	var settings []string
	var notHashed, logRequest, logResponse, rotation bool
	r.Take("key_id", &id)
	d.keys[id] = true
	o := &imports.Object{Kind: imports.Key, ID: imports.NewID(Source, imports.Key, id)}
	b := body{}
	unit := d.bounds(r, o, b)
	r.Take("setting_id", &setting)
	r.Take("setting_ids", &settings)
	r.Take("policy_id", &policyID)
	r.Take("key", &secret)
	r.Take("is_key_not_hashed", &notHashed)
	r.Take("should_log_request", &logRequest)
	r.Take("should_log_response", &logResponse)
	r.Take("rotation_enabled", &rotation)
	b["settingIds"] = d.known(o, append([]string{setting}, settings...))
	if policyID != "" {
		b["policyId"] = imports.NewID(Source, imports.Policy, policyID)
	}
	b["shouldLogRequest"], b["shouldLogResponse"], b["rotationEnabled"] = logRequest, logResponse, rotation
	d.secret(o, b, secret, notHashed)
	o.Spent = d.ofKeys[id].spent(unit)
	o.Body = b
	return o
}

// secret keeps the key working for its holder. A text that may be a hash and is
// said to be none is refused: taken as a secret, whoever has read the hash would
// have a key.
func (d *database) secret(o *imports.Object, b body, kept string, notHashed bool) {
	raw, err := hex.DecodeString(kept)
	hash := err == nil && len(raw) == len(secrets.Digest{})
	switch {
	case notHashed && hash:
		o.Refuse("key", "looks like a hash, and isKeyNotHashed says that it is none; rotate the key there, or make it anew here")
	case notHashed:
		b["key"], b["isKeyNotHashed"] = kept, true
	case hash:
		digest := secrets.Digest(raw)
		o.Hash = &digest
	default:
		o.Refuse("key", "is no SHA-256 in hexadecimal; make the key anew here")
	}
}

// known drops settings that are no more: BricksLLM passes over them, too.
func (d *database) known(o *imports.Object, ids []string) []string {
	list := []string{}
	for _, id := range ids {
		switch {
		case id == "":
		case d.settings[id]:
			list = append(list, imports.NewID(Source, imports.Setting, id))
		default:
			o.Note("provider setting " + id + " does not exist there any more, and is left out")
		}
	}
	return list
}

func (d *database) user(r *imports.Record) *imports.Object {
	var id, userID string
	var keys, models []string
	r.Take("id", &id)
	o := &imports.Object{Kind: imports.User, ID: imports.NewID(Source, imports.User, id)}
	b := body{}
	unit := d.bounds(r, o, b)
	r.Take("user_id", &userID)
	r.Take("key_ids", &keys)
	r.Take("allowed_models", &models)
	ids := []string{}
	for _, k := range keys {
		if d.keys[k] {
			ids = append(ids, imports.NewID(Source, imports.Key, k))
		} else {
			o.Note("key " + k + " does not exist there any more, and is left out")
		}
	}
	b["userId"], b["keyIds"], b["allowedModels"] = userID, ids, models
	if userID == "" {
		userID = id
	}
	o.Spent = d.ofUsers[userID].spent(unit)
	o.Body = b
	return o
}
