package admin

import (
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const (
	referenceLimits = `"costLimitInUsd":5.5,"costLimitInUsdOverTime":2,"costLimitInUsdUnit":"d","rateLimitOverTime":2,"rateLimitUnit":"m","ttl":"24h",` +
		`"allowedPaths":[{"path":"/api/providers/openai/v1/chat/completion","method":"POST"}]`
	referenceKeyFields = "name string, createdAt int, updatedAt int, revoked bool, revokedReason string, tags []string, keyId string, " +
		"costLimitInUsd float, costLimitInUsdOverTime float, costLimitInUsdUnit string, rateLimitOverTime int, rateLimitUnit string, ttl string, " +
		"allowedPaths []object, allowedPaths[].path string, allowedPaths[].method string, settingId string, settingIds []string, " +
		"shouldLogRequest bool, shouldLogResponse bool, rotationEnabled bool, policyId string, isKeyNotHashed bool"
)

func referenceKeys() []referenceRow {
	return []referenceRow{
		{title: "Get keys", method: "GET", path: keysPath, query: words("tag tags provider keyIds"), answer: fields(referenceKeyFields), test: referenceListKeys},
		{title: "Get keys V2", method: "POST", path: keySearchPath, body: words("keyIds tags name revoked limit offset order returnCount"),
			answer: append(fields("keys []object, count int"), prefixed("keys[].", fields(referenceKeyFields))...), test: referenceSearchKeys},
		{title: "Create key", method: "PUT", path: keysPath,
			body: words("name tags key settingId settingIds costLimitInUsd costLimitInUsdOverTime costLimitInUsdUnit rateLimitOverTime rateLimitUnit ttl " +
				"allowedPaths allowedPaths[].path allowedPaths[].method shouldLogRequest shouldLogResponse rotationEnabled policyId isKeyNotHashed"),
			answer: fields(referenceKeyFields), test: referenceCreateKey},
		{title: "Update key", method: "PATCH", path: keysPath + "/{keyId}",
			body: words("settingId settingIds name tags revoked revokedReason costLimitInUsd costLimitInUsdOverTime costLimitInUsdUnit rateLimitOverTime rateLimitUnit " +
				"allowedPaths allowedPaths[].path allowedPaths[].method shouldLogRequest shouldLogResponse rotationEnabled policyId isKeyNotHashed"),
			answer: fields(referenceKeyFields), test: referenceUpdateKey},
		{title: "Get top spending key Ids", method: "POST", path: topKeysPath, body: words("start end keyIds tags name revoked limit offset order"),
			answer: fields(referenceKeyFields), test: referenceTopKeys},
	}
}

func prefixed(prefix string, list []string) (all []string) {
	for _, f := range list {
		all = append(all, prefix+f)
	}
	return all
}

// referenceKey makes the key of the reference's examples.
func (r *reference) referenceKey(name, tag string) (id, setting, policy string) {
	r.t.Helper()
	setting, policy = r.setting(), r.policy(`"orgId-1"`, "")
	made := r.want(r.do("PUT", keysPath, fmt.Sprintf(`{"name":%q,"tags":[%q],"settingIds":[%q],"policyId":%q,"shouldLogResponse":true,%s}`,
		name, tag, setting, policy, referenceLimits)), 200)
	return made.str("keyId"), setting, policy
}

// referenceKeyWant is what that key looks like when it was made at the fixture's time.
func referenceKeyWant(id, setting, policy string) string {
	return fmt.Sprintf(`{"name":"spike's developer key","createdAt":1772366400,"updatedAt":1772366400,"revoked":false,"revokedReason":"","tags":["org-tag-12345"],`+
		`"keyId":%q,"settingId":%q,"settingIds":[%q],"policyId":%q,"shouldLogRequest":false,"shouldLogResponse":true,"rotationEnabled":false,"isKeyNotHashed":false,%s}`,
		id, setting, setting, policy, referenceLimits)
}

func referenceListKeys(r *reference) {
	id, setting, policy := r.referenceKey("spike's developer key", "org-tag-12345")
	r.advance(time.Second)
	other, _, _ := r.referenceKey("other", "org-tag-67890")
	all := r.call("", "", "")
	r.same("all keys", ids(all.body, "keyId"), []string{other, id}) // newest first
	for _, query := range []string{"?tag=org-tag-12345", "?tags=org-tag-12345", "?tags=org-tag-12345&provider=openai", "?keyIds=" + id} {
		got := r.call("", query, "")
		r.same(query, ids(got.body, "keyId"), []string{id})
		r.shows(got.at(0), referenceKeyWant(id, setting, policy))
	}
	r.same("of another provider", len(r.call("", "?provider=anthropic", "").list()), 0)
	r.same("by both", ids(r.call("", "?keyIds="+id+"&keyIds="+other, "").body, "keyId"), []string{other, id})
}

func referenceSearchKeys(r *reference) {
	id, setting, policy := r.referenceKey("spike's developer key", "org-tag-12345")
	r.advance(time.Second)
	other, _, _ := r.referenceKey("another key", "org-tag-12345")
	got := r.call("", "", fmt.Sprintf(`{"keyIds":[%q,%q],"tags":["org-tag-12345"],"name":"key","revoked":false,"limit":1,"offset":0,"order":"asc","returnCount":true}`, id, other))
	r.same("the first page", ids(got.at("keys"), "keyId"), []string{id})
	r.same("the count", got.at("count"), 2.0)
	r.shows(got.body, `{}`)
	r.shows(got.at("keys", 0), referenceKeyWant(id, setting, policy))
	got = r.call("", "", `{"limit":1,"offset":1,"order":"asc"}`)
	r.same("the second page", ids(got.at("keys"), "keyId"), []string{other})
	r.same("a count that was not asked for", got.at("count"), nil)
	r.same("descending", ids(r.call("", "", `{"order":"desc"}`).at("keys"), "keyId"), []string{other, id})
	r.same("by a part of the name", ids(r.call("", "", `{"name":"developer"}`).at("keys"), "keyId"), []string{id})
	r.same("revoked ones", len(ids(r.call("", "", `{"revoked":true}`).at("keys"), "keyId")), 0)
}

func referenceCreateKey(r *reference) {
	setting, policy := r.setting(), r.policy(`"orgId-1"`, "")
	flags := `"shouldLogRequest":false,"shouldLogResponse":true,"rotationEnabled":false,"isKeyNotHashed":false`
	body := func(more string) string {
		return fmt.Sprintf(`{"name":"spike's developer key","tags":["org-tag-12345"],"policyId":%q,%s,%s,%s}`, policy, flags, referenceLimits, more)
	}
	got := r.call("", "", body(fmt.Sprintf(`"key":"abcdef12345","settingIds":[%q]`, setting)))
	r.shows(got.body, referenceKeyWant(got.str("keyId"), setting, policy))
	if k, _, err := r.store.KeyByDigest(r.t.Context(), r.shown.digest("abcdef12345")); err != nil || k.ID != got.str("keyId") {
		r.t.Errorf("the secret opens %v, %v", k, err)
	}
	// The deprecated field, and a time to live of days.
	got = r.call("", "", fmt.Sprintf(`{"name":"k","settingId":%q,"ttl":"2d"}`, setting))
	r.shows(got.body, fmt.Sprintf(`{"settingId":%q,"settingIds":[%q],"ttl":"2d","expiresAt":1772539200}`, setting, setting))
	r.want(r.do("PUT", keysPath, `{"name":"k"}`), 400) // settingIds is required
	r.want(r.do("PUT", keysPath, body(fmt.Sprintf(`"key":"abcdef12345","settingIds":[%q]`, setting))), 409)
}

func referenceUpdateKey(r *reference) {
	made := r.key(r.setting(), `"costLimitInUsd":1`)
	id, setting, policy := made.str("keyId"), r.setting(), r.policy(`"orgId-1"`, "")
	r.advance(time.Minute)
	changed := `"name":"spike's developer key","tags":["org-tag-12345"],"revoked":true,"revokedReason":"The key has expired","costLimitInUsd":5.5,` +
		`"costLimitInUsdOverTime":2,"costLimitInUsdUnit":"d","rateLimitOverTime":2,"rateLimitUnit":"m",` +
		`"allowedPaths":[{"path":"/api/providers/openai/v1/chat/completions","method":"POST"}],` +
		`"shouldLogRequest":true,"shouldLogResponse":true,"rotationEnabled":true,"isKeyNotHashed":true`
	ids := fmt.Sprintf(`"settingId":%q,"settingIds":[%q],"policyId":%q`, setting, setting, policy)
	got := r.call(id, "", `{`+changed+`,`+ids+`}`)
	r.shows(got.body, fmt.Sprintf(`{"keyId":%q,"createdAt":1772366400,"updatedAt":1772366460,%s,%s}`, id, changed, ids))
	// What is left out stays.
	got = r.call(id, "", `{"name":"n"}`)
	r.shows(got.body, `{"name":"n","revoked":true,"costLimitInUsd":5.5,"rotationEnabled":true,"tags":["org-tag-12345"]}`)
	got = r.want(r.do("PATCH", keysPath+"/"+r.key(setting, `"ttl":"24h"`).str("keyId"), `{}`), 200)
	r.shows(got.body, `{"ttl":"24h"}`)
	r.want(r.do("PATCH", keysPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d", `{}`), 404)
}

func referenceTopKeys(r *reference) {
	first, setting, policy := r.referenceKey("spike's developer key", "org-tag-12345")
	second, _, _ := r.referenceKey("another key", "org-tag-12345")
	for i, key := range []string{first, second, first} {
		e := &gateway.Event{ID: fmt.Sprintf("0b7d3f5e-6c1a-4e2b-9f8d-2a4c6e8b0d%02d", i), CreatedAt: r.clock(), KeyID: key, Tags: []string{"org-tag-12345"},
			Cost: 800_000_000, PriceStatus: gateway.Priced}
		if err := r.store.WriteEvents(r.t.Context(), []*gateway.Event{e}); err != nil {
			r.t.Fatal(err)
		}
	}
	const span = `"start":1772366400,"end":1772366401`
	got := r.call("", "", fmt.Sprintf(`{%s,"keyIds":[%q,%q],"tags":["org-tag-12345"],"name":"key","revoked":false,"limit":1,"offset":0,"order":"desc"}`, span, first, second))
	r.same("the dearest", ids(got.body, "keyId"), []string{first})
	r.shows(got.at(0), referenceKeyWant(first, setting, policy))
	r.shows(got.at(0), `{"costInUsd":1.6}`)
	r.same("ascending", ids(r.call("", "", `{`+span+`,"order":"asc"}`).body, "keyId"), []string{second, first})
	r.same("the second page", ids(r.call("", "", `{`+span+`,"limit":1,"offset":1}`).body, "keyId"), []string{second})
	got = r.call("", "", `{"start":1772366401,"end":1772366402,"limit":1}`)
	r.shows(got.at(0), `{"costInUsd":0}`) // nothing was spent then
	r.want(r.do("POST", topKeysPath, `{"start":1}`), 400)
}
