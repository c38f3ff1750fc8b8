package admin

import (
	"fmt"
	"strings"
	"time"
)

const referenceUserFields = "id string, name string, createdAt int, updatedAt int, tags []string, keyIds []string, revoked bool, revokedReason string, " +
	"costLimitInUsd float, costLimitInUsdOverTime float, costLimitInUsdUnit string, rateLimitOverTime int, rateLimitUnit string, ttl string, " +
	"allowedPaths []object, allowedPaths[].path string, allowedPaths[].method string, allowedModels []string, userId string"

const referenceUserLimits = "costLimitInUsd costLimitInUsdOverTime costLimitInUsdUnit rateLimitOverTime rateLimitUnit ttl allowedPaths allowedPaths[].path allowedPaths[].method allowedModels"

func referenceUsers() []referenceRow {
	patch := words("name keyIds revoked revokedReason " + referenceUserLimits)
	return []referenceRow{
		{title: "Create a user", method: "POST", path: usersPath, query: words("tag tags keyIds"), refused: words("provider"),
			body: words("name tags keyIds userId " + referenceUserLimits), answer: fields(referenceUserFields), test: referenceCreateUser},
		{title: "Update a user via id", method: "PATCH", path: usersPath + "/{id}", body: patch, answer: fields(referenceUserFields), test: referenceUpdateUser},
		{title: "Update a user via tags and user id", method: "PATCH", path: usersPath, query: words("userId tags"), body: patch, answer: fields(referenceUserFields),
			test: referenceUpdateUserByName},
		{title: "Get users", method: "GET", path: usersPath, query: words("userIds tags offset limit keyIds"), answer: fields(referenceUserFields), test: referenceListUsers},
	}
}

// referenceUser is the body of the reference's example, without its first brace.
func referenceUser(key string) string {
	return fmt.Sprintf(`"name":"spike","tags":["org-tag-12345"],"keyIds":[%q],"userId":"98daa3ae-961d-4253-bf6a-322a32fdca3d","allowedModels":["gpt-4"],%s}`, key, referenceLimits)
}

func referenceCreateUser(r *reference) {
	key := r.key(r.setting(), "").str("keyId")
	got := r.call("", "?tag=org-tag-12345&tags=org-tag-12345&keyIds="+key, "{"+referenceUser(key))
	r.shows(got.body, `{"createdAt":1772366400,"updatedAt":1772366400,"revoked":false,"revokedReason":"",`+referenceUser(key))
	if !isID.MatchString(got.str("id")) {
		r.t.Errorf("the id is %q", got.str("id"))
	}
	// Days are fine, and a user without a name of its own is called by its id.
	got = r.call("", "", `{"name":"n","ttl":"2d"}`)
	r.shows(got.body, fmt.Sprintf(`{"ttl":"2d","expiresAt":1772539200,"userId":%q}`, got.str("id")))
	if got := r.do("POST", usersPath+"?provider=openai", `{"name":"n"}`); got.status != 400 || !strings.Contains(got.str("detail"), "a user is bound with every provider") {
		r.t.Errorf("with a provider: %d %s", got.status, got.text)
	}
	r.want(r.do("POST", usersPath, `{}`), 400) // name is required
}

// referenceUserPatch changes every field that the reference lists.
func referenceUserPatch(key string) string {
	return fmt.Sprintf(`"name":"spike","keyIds":[%q],"revoked":true,"revokedReason":"expired","allowedModels":["gpt-4"],%s}`, key, referenceLimits)
}

func referenceUpdateUser(r *reference) {
	key := r.key(r.setting(), "").str("keyId")
	id := r.user(`"tags":["org-tag-12345"],"userId":"98daa3ae-961d-4253-bf6a-322a32fdca3d"`).str("id")
	r.advance(time.Minute)
	got := r.call(id, "", "{"+referenceUserPatch(key))
	r.shows(got.body, fmt.Sprintf(`{"id":%q,"createdAt":1772366400,"updatedAt":1772366460,"tags":["org-tag-12345"],"userId":"98daa3ae-961d-4253-bf6a-322a32fdca3d",%s`, id, referenceUserPatch(key)))
	r.want(r.do("PATCH", usersPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d", `{}`), 404)
}

func referenceUpdateUserByName(r *reference) {
	key := r.key(r.setting(), "").str("keyId")
	id := r.user(`"tags":["org-tag-12345"],"userId":"98daa3ae-961d-4253-bf6a-322a32fdca3d"`).str("id")
	other := r.user(`"tags":["org-tag-67890"],"userId":"98daa3ae-961d-4253-bf6a-322a32fdca3d"`).str("id")
	r.advance(time.Minute)
	got := r.call("", "?userId=98daa3ae-961d-4253-bf6a-322a32fdca3d&tags=org-tag-12345", "{"+referenceUserPatch(key))
	r.shows(got.body, fmt.Sprintf(`{"id":%q,"createdAt":1772366400,"updatedAt":1772366460,"tags":["org-tag-12345"],"userId":"98daa3ae-961d-4253-bf6a-322a32fdca3d",%s`, id, referenceUserPatch(key)))
	r.same("the other one", r.do("GET", usersPath+"/"+other, "").at("revoked"), false)
	r.want(r.do("PATCH", usersPath+"?userId=98daa3ae-961d-4253-bf6a-322a32fdca3d", `{}`), 409) // there are two
	r.want(r.do("PATCH", usersPath+"?userId=nobody", `{}`), 404)
}

func referenceListUsers(r *reference) {
	key := r.key(r.setting(), "").str("keyId")
	id := r.want(r.do("POST", usersPath, "{"+referenceUser(key)), 200).str("id")
	r.advance(time.Second)
	other := r.user(`"tags":["org-tag-67890"]`).str("id")
	r.same("all", ids(r.call("", "", "").body, "id"), []string{other, id})
	for _, query := range []string{"?userIds=98daa3ae-961d-4253-bf6a-322a32fdca3d", "?tags=org-tag-12345", "?keyIds=" + key, "?limit=1&offset=1"} {
		got := r.call("", query, "")
		r.same(query, ids(got.body, "id"), []string{id})
		r.shows(got.at(0), `{"createdAt":1772366400,"updatedAt":1772366400,"revoked":false,"revokedReason":"",`+referenceUser(key))
	}
}
