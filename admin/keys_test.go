package admin

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// everyField has all members of a key that a client may choose.
const everyField = `"tags":["a","b"],"costLimitInUsd":5.5,"costLimitInUsdOverTime":0.000000001,"costLimitInUsdUnit":"mo",
	"rateLimitOverTime":2,"rateLimitUnit":"m","ttl":"1h30m","allowedPaths":[{"path":"/api/providers/openai/v1/chat/completions","method":"POST"}],
	"shouldLogRequest":true,"shouldLogResponse":true,"rotationEnabled":true,"isKeyNotHashed":true,"allowedModels":["gpt-4o"],
	"requireUser":true,"allowUnbounded":true,"maxParallelRequests":7`

func TestKeyWithEveryField(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	made := f.key(setting, everyField)
	secret := made.str("key")
	if !regexp.MustCompile(`^bk-[A-Za-z0-9_-]{43}$`).MatchString(secret) {
		t.Errorf("key %q", secret)
	}
	got := f.do("GET", keysPath+"/"+made.str("keyId"), "")
	for name, want := range map[string]any{
		"name": "k", "costLimitInUsd": 5.5, "costLimitInUsdOverTime": 1e-9, "costLimitInUsdUnit": "mo",
		"rateLimitOverTime": 2.0, "rateLimitUnit": "m", "ttl": "1h30m", "revoked": false, "revokedReason": "",
		"settingId": setting, "shouldLogRequest": true, "shouldLogResponse": true, "rotationEnabled": true,
		"isKeyNotHashed": true, "requireUser": true, "allowUnbounded": true, "maxParallelRequests": 7.0, "key": secret,
		"createdAt": float64(f.clock().Unix()), "expiresAt": float64(f.clock().Add(90 * time.Minute).Unix()),
	} {
		if got.at(name) != want {
			t.Errorf("%s: got %v, want %v", name, got.at(name), want)
		}
	}
	if !strings.Contains(got.text, `"costLimitInUsdOverTime":0.000000001,`) {
		t.Errorf("money is not spelled as a plain decimal: %s", got.text)
	}
	if got.at("settingIds", 0) != setting || got.at("tags", 1) != "b" || got.at("allowedModels", 0) != "gpt-4o" ||
		got.at("allowedPaths", 0, "method") != "POST" {
		t.Errorf("lists: %s", got.text)
	}
	if viewed := f.do("GET", keysPath+"/"+made.str("keyId"), "", as(viewerKey)); viewed.at("key") != nil {
		t.Errorf("a viewer sees the secret")
	}
	found, _, err := f.store.KeyByDigest(t.Context(), f.keyring.KeyDigest(secrets.HashKey(secret)))
	if err != nil || found.ID != made.str("keyId") {
		t.Errorf("the store does not know the secret: %v", err)
	}
}

func TestKeyWithoutLimits(t *testing.T) {
	f := newFixture(t)
	made := f.key(f.setting(), "")
	for _, name := range []string{"costLimitInUsd", "costLimitInUsdOverTime", "costLimitInUsdUnit", "rateLimitOverTime", "rateLimitUnit", "ttl", "expiresAt", "maxParallelRequests", "warnings", "unacknowledged"} {
		if v := made.at(name); v != nil {
			t.Errorf("%s is %v, want absent", name, v)
		}
	}
	if again := f.do("GET", keysPath+"/"+made.str("keyId"), ""); again.at("key") != nil {
		t.Errorf("the secret is shown twice")
	}
}

func TestKeyRoundTrip(t *testing.T) {
	f := newFixture(t)
	setting, other := f.setting(), f.setting()
	for name, extra := range map[string]string{"plain": "", "full": everyField, "revoked": `"revoked":true,"revokedReason":"leaked"`, "short-lived": `"ttl":"1m"`} {
		for _, wait := range []time.Duration{0, time.Hour} { // the last one has expired by then
			t.Run(fmt.Sprint(name, " after ", wait), func(t *testing.T) {
				id := f.key(setting, extra).str("keyId")
				f.want(f.do("PATCH", keysPath+"/"+id, `{"settingIds":["`+setting+`","`+other+`"]}`), 200)
				f.advance(wait)
				before := f.do("GET", keysPath+"/"+id, "")
				f.want(f.do("PATCH", keysPath+"/"+id, before.text), 200)
				after := f.do("GET", keysPath+"/"+id, "")
				strip := regexp.MustCompile(`"updatedAt":\d+`)
				if got, want := strip.ReplaceAllString(after.text, ""), strip.ReplaceAllString(before.text, ""); got != want {
					t.Errorf("GET after PATCH of GET:\n%s\nbefore:\n%s", got, want)
				}
				stored, err := f.store.Key(t.Context(), id)
				if err != nil || stored.Revoked != (name == "revoked") {
					t.Errorf("stored revoked %v, %v", stored.Revoked, err)
				}
			})
		}
	}
	// What was read can also be created again, but not with the secret that is taken.
	plain := f.do("GET", keysPath+"/"+f.key(setting, "").str("keyId"), "")
	f.want(f.do("PUT", keysPath, plain.text), 200)
	full := f.do("GET", keysPath+"/"+f.key(setting, everyField).str("keyId"), "")
	f.want(f.do("PUT", keysPath, full.text), 409)
}

func TestKeyPatchClears(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	for name, empty := range map[string]string{
		"null":  `{"tags":null,"costLimitInUsd":null,"costLimitInUsdOverTime":null,"rateLimitOverTime":null,"ttl":null,"allowedPaths":null,"allowedModels":null,"maxParallelRequests":null,"requireUser":null,"settingIds":null}`,
		"empty": `{"tags":[],"costLimitInUsd":null,"costLimitInUsdOverTime":null,"costLimitInUsdUnit":null,"rateLimitOverTime":null,"rateLimitUnit":null,"ttl":"","allowedPaths":[],"allowedModels":[],"maxParallelRequests":null,"requireUser":false,"settingIds":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			id := f.key(setting, everyField).str("keyId")
			f.want(f.do("PATCH", keysPath+"/"+id, `{}`), 200)
			if k, _ := f.store.Key(t.Context(), id); k.CostLimit != 5_500_000_000 || len(k.Tags) != 2 || k.TTL != "1h30m" {
				t.Errorf("an empty PATCH changed the key: %+v", k)
			}
			f.want(f.do("PATCH", keysPath+"/"+id, empty), 200)
			k, err := f.store.Key(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if k.CostLimit != 0 || k.CostLimitOverTime != 0 || k.CostLimitUnit != "" || k.RateLimitOverTime != 0 || k.RateLimitUnit != "" ||
				k.TTL != "" || !k.ExpiresAt.IsZero() || len(k.Tags)+len(k.AllowedPaths)+len(k.AllowedModels)+len(k.SettingIDs) != 0 || k.MaxParallelRequests != 0 || k.RequireUser {
				t.Errorf("not cleared: %+v", k)
			}
			if !k.ShouldLogRequest || k.Name != "k" {
				t.Errorf("absent members changed: %+v", k)
			}
		})
	}
}

func TestKeyBadInput(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	id := f.key(setting, "").str("keyId")
	s := `"name":"n","settingIds":["` + setting + `"]`
	for name, tc := range map[string]struct {
		body     string
		pointers []string
		patchToo bool
	}{
		"nothing":              {`{}`, []string{"/name"}, false},
		"no setting":           {`{"name":"n"}`, []string{"/settingIds"}, false},
		"empty settings":       {`{"name":"n","settingIds":[],"settingId":""}`, []string{"/settingIds"}, false},
		"empty name":           {`{"name":"","settingIds":["` + setting + `"]}`, []string{"/name"}, true},
		"blank name":           {`{"name":"  ","settingIds":["` + setting + `"]}`, []string{"/name"}, true},
		"null name":            {`{"name":null,"settingIds":["` + setting + `"]}`, []string{"/name"}, true},
		"unknown setting":      {`{"name":"n","settingIds":["` + setting + `","98daa3ae-961d-4253-bf6a-322a32fdca3d"]}`, []string{"/settingIds/1"}, true},
		"setting is no id":     {`{"name":"n","settingId":"x"}`, []string{"/settingId"}, true},
		"settings disagree":    {`{` + s + `,"settingId":"98daa3ae-961d-4253-bf6a-322a32fdca3d"}`, []string{"/settingId"}, true},
		"zero cost":            {`{` + s + `,"costLimitInUsd":0}`, []string{"/costLimitInUsd"}, true},
		"negative cost":        {`{` + s + `,"costLimitInUsd":-1}`, []string{"/costLimitInUsd"}, true},
		"finer than nano":      {`{` + s + `,"costLimitInUsd":0.0000000001}`, []string{"/costLimitInUsd"}, true},
		"huge cost":            {`{` + s + `,"costLimitInUsd":1e30}`, []string{"/costLimitInUsd"}, true},
		"exponent bomb":        {`{` + s + `,"costLimitInUsd":1e999999999}`, []string{"/costLimitInUsd"}, true},
		"cost as text":         {`{` + s + `,"costLimitInUsd":"5"}`, []string{"/costLimitInUsd"}, true},
		"cost without unit":    {`{` + s + `,"costLimitInUsdOverTime":1}`, []string{"/costLimitInUsdUnit"}, true},
		"cost unit alone":      {`{` + s + `,"costLimitInUsdUnit":"d"}`, []string{"/costLimitInUsdOverTime"}, true},
		"cost per second":      {`{` + s + `,"costLimitInUsdOverTime":1,"costLimitInUsdUnit":"s"}`, []string{"/costLimitInUsdUnit"}, true},
		"zero rate":            {`{` + s + `,"rateLimitOverTime":0,"rateLimitUnit":"m"}`, []string{"/rateLimitOverTime"}, true},
		"fractional rate":      {`{` + s + `,"rateLimitOverTime":1.5,"rateLimitUnit":"m"}`, []string{"/rateLimitOverTime"}, true},
		"huge rate":            {`{` + s + `,"rateLimitOverTime":1e40,"rateLimitUnit":"m"}`, []string{"/rateLimitOverTime"}, true},
		"inexact rate":         {`{` + s + `,"rateLimitOverTime":9007199254740992,"rateLimitUnit":"m"}`, []string{"/rateLimitOverTime"}, true},
		"cost over the bound":  {`{` + s + `,"costLimitInUsd":9223372036.5}`, []string{"/costLimitInUsd"}, true},
		"rate without unit":    {`{` + s + `,"rateLimitOverTime":1}`, []string{"/rateLimitUnit"}, true},
		"rate per month":       {`{` + s + `,"rateLimitOverTime":1,"rateLimitUnit":"mo"}`, []string{"/rateLimitUnit"}, true},
		"ttl without unit":     {`{` + s + `,"ttl":"5"}`, []string{"/ttl"}, true},
		"ttl zero":             {`{` + s + `,"ttl":"0s"}`, []string{"/ttl"}, true},
		"ttl in weeks":         {`{` + s + `,"ttl":"1w"}`, []string{"/ttl"}, true},
		"ttl too long":         {`{` + s + `,"ttl":"99999999999999d"}`, []string{"/ttl"}, true},
		"ttl negative":         {`{` + s + `,"ttl":"-1h"}`, []string{"/ttl"}, true},
		"path elsewhere":       {`{` + s + `,"allowedPaths":[{"path":"/v1/x","method":"GET"}]}`, []string{"/allowedPaths/0/path"}, true},
		"method unknown":       {`{` + s + `,"allowedPaths":[{"path":"/api/x","method":"FETCH"}]}`, []string{"/allowedPaths/0/method"}, true},
		"path rule incomplete": {`{` + s + `,"allowedPaths":[{"path":"/api/x"},{"method":"GET"}]}`, []string{"/allowedPaths/0/method", "/allowedPaths/1/path"}, true},
		"unknown path field":   {`{` + s + `,"allowedPaths":[{"path":"/api/x","method":"GET","x":1}]}`, []string{"/allowedPaths/0/x"}, true},
		"short key":            {`{` + s + `,"key":"1234567"}`, []string{"/key"}, true},
		"blank in key":         {`{` + s + `,"key":"1234 5678"}`, []string{"/key"}, true},
		"parallel zero":        {`{` + s + `,"maxParallelRequests":0}`, []string{"/maxParallelRequests"}, true},
		"policy unknown":       {`{` + s + `,"policyId":"98daa3ae-961d-4253-bf6a-322a32fdca3d"}`, []string{"/policyId"}, true},
		"reason alone":         {`{` + s + `,"revokedReason":"x"}`, []string{"/revokedReason"}, true},
		"null for revoked":     {`{` + s + `,"revoked":null}`, []string{"/revoked"}, true},
		"bool as text":         {`{` + s + `,"revoked":"yes"}`, []string{"/revoked"}, true},
		"unknown field":        {`{` + s + `,"costLimitInUSD":1}`, []string{"/costLimitInUSD"}, true},
		"control in tag":       {`{` + s + `,"tags":["ok","a\nb"]}`, []string{"/tags/1"}, true},
		"many faults":          {`{"name":1,"ttl":2,"tags":3,"x":4}`, []string{"/name", "/tags", "/ttl", "/x"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := map[string]string{"PUT": keysPath, "POST": keysPath}
			if tc.patchToo {
				calls["PATCH"] = keysPath + "/" + id
			}
			for method, path := range calls {
				got := f.do(method, path, tc.body)
				if got.status != 400 || got.str("type") != "/errors/validation" {
					t.Fatalf("%s %s: %d %s", method, tc.body, got.status, got.text)
				}
				pointers := got.pointers()
				slices.Sort(pointers)
				if !slices.Equal(pointers, tc.pointers) {
					t.Errorf("%s %s: pointers %q, want %q\n%s", method, tc.body, pointers, tc.pointers, got.text)
				}
			}
		})
	}
	zero := f.do("PUT", keysPath, `{`+s+`,"costLimitInUsd":0}`)
	if !strings.Contains(zero.str("detail"), "omit it or send null for no limit") {
		t.Errorf("no hint: %s", zero.text)
	}
}

func TestKeyChosenByClient(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	weak := f.key(setting, `"key":"my-secret-key"`)
	if weak.at("warnings", 0) == nil || weak.at("key") != nil {
		t.Errorf("weak key: %s", weak.text)
	}
	strong := f.key(setting, `"key":"kR7-vQ2x_Yp9zLm4.Tn8wB"`)
	if strong.at("warnings") != nil {
		t.Errorf("strong key: %s", strong.text)
	}
	twice := f.want(f.do("PUT", keysPath, `{"name":"n","settingId":"`+setting+`","key":"my-secret-key"}`), 409)
	if strings.Contains(twice.text, "my-secret-key") {
		t.Errorf("conflict shows the key: %s", twice.text)
	}
	id := weak.str("keyId")
	f.want(f.do("PATCH", keysPath+"/"+id, `{"key":"my-secret-key"}`), 200)
	f.want(f.do("PATCH", keysPath+"/"+id, `{"key":"my-other-secret-key"}`), 400)
}

func TestKeyExpiry(t *testing.T) {
	f := newFixture(t)
	id := f.key(f.setting(), `"ttl":"1h"`).str("keyId")
	path := keysPath + "/" + id
	f.advance(time.Hour - time.Second)
	if got := f.do("GET", path, ""); got.at("revoked") != false {
		t.Errorf("a second early: %s", got.text)
	}
	f.advance(time.Second)
	if got := f.do("GET", path, ""); got.at("revoked") != true || got.str("revokedReason") != "expired" {
		t.Errorf("at its ttl: %s", got.text)
	}
	f.want(f.do("PATCH", path, `{"revoked":false}`), 400)
	if got := f.want(f.do("PATCH", path, `{"ttl":"2d"}`), 200); got.at("revoked") != false || got.at("expiresAt") != float64(f.clock().Add(48*time.Hour).Unix()) {
		t.Errorf("with a new ttl: %s", got.text)
	}
	f.want(f.do("PATCH", path, `{"ttl":"1s"}`), 200)
	f.advance(time.Minute)
	if got := f.want(f.do("PATCH", path, `{"ttl":null,"revoked":false}`), 200); got.at("revoked") != false || got.at("ttl") != nil {
		t.Errorf("with no ttl: %s", got.text)
	}
}

func TestKeyRotate(t *testing.T) {
	f := newFixture(t)
	made := f.key(f.setting(), `"isKeyNotHashed":true`)
	path := keysPath + "/" + made.str("keyId") + "/rotate"
	rotated := f.want(f.do("POST", path, ""), 200)
	if rotated.str("key") == made.str("key") || rotated.at("oldKeyValidUntil") != float64(f.clock().Add(time.Hour).Unix()) {
		t.Errorf("rotate: %s", rotated.text)
	}
	until := func(secret string) (time.Time, error) {
		_, u, err := f.store.KeyByDigest(t.Context(), f.keyring.KeyDigest(secrets.HashKey(secret)))
		return u, err
	}
	if u, err := until(made.str("key")); err != nil || !u.Equal(f.clock().Add(time.Hour)) {
		t.Errorf("old secret until %v, %v", u, err)
	}
	if shown := f.do("GET", keysPath+"/"+made.str("keyId"), ""); shown.str("key") != rotated.str("key") {
		t.Errorf("shown again: %s", shown.text)
	}
	f.want(f.do("POST", path, `{"key":"chosen-by-the-client","gracePeriod":"0s"}`), 200)
	if _, err := until(rotated.str("key")); gateway.KindOf(err) != gateway.NotFound {
		t.Errorf("old secret after a grace of 0s: %v", err)
	}
	f.want(f.do("POST", path, `{"key":"chosen-by-the-client"}`), 409)
	if got := f.want(f.do("POST", path, `{"key":"short","gracePeriod":"soon","x":1}`), 400); !slices.Equal(got.pointers(), []string{"/x"}) {
		t.Errorf("pointers %v", got.pointers())
	}
	if got := f.want(f.do("POST", path, `{"key":"short","gracePeriod":"soon"}`), 400); len(got.pointers()) != 2 {
		t.Errorf("pointers %v", got.pointers())
	}
	f.want(f.do("POST", path, `{}`, header("If-Match", `"1"`)), 412)
}

func TestShowSecretLater(t *testing.T) {
	f := newFixture(t)
	id := f.key(f.setting(), "").str("keyId")
	if got := f.want(f.do("PATCH", keysPath+"/"+id, `{"isKeyNotHashed":true}`), 200); got.at("warnings", 0) == nil {
		t.Errorf("no warning: %s", got.text)
	}
	if got := f.do("GET", keysPath+"/"+id, ""); got.at("key") != nil || got.at("warnings", 0) == nil {
		t.Errorf("before the rotation: %s", got.text)
	}
	made := f.do("POST", keysPath+"/"+id+"/rotate", `{}`).str("key")
	if got := f.do("GET", keysPath+"/"+id, ""); got.str("key") != made {
		t.Errorf("after the rotation: %s", got.text)
	}
}

func TestListKeys(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	var ids []string
	for _, tags := range []string{`["a","b"]`, `["a"]`, `["c,d"]`} {
		ids = append(ids, f.key(setting, `"tags":`+tags).str("keyId"))
	}
	for query, want := range map[string][]int{
		"":                       {2, 1, 0},
		"?tag=a":                 {1, 0},
		"?tags=a,b":              {0},
		"?tags=a&tags=b":         {0},
		"?tag=c,d":               {2},
		"?tags=":                 {2, 1, 0},
		"?provider=openai":       {2, 1, 0},
		"?provider=anthropic":    {},
		"?keyIds={0},{2}&keyIds": {2, 0},
		"?keyIds=unknown":        {},
	} {
		for i, id := range ids {
			query = strings.ReplaceAll(query, fmt.Sprintf("{%d}", i), id)
		}
		got := f.want(f.do("GET", keysPath+query, ""), 200)
		found := []int{}
		for i := range got.list() {
			found = append(found, slices.Index(ids, got.at(i, "keyId").(string)))
		}
		if !slices.Equal(found, want) {
			t.Errorf("%s: keys %v, want %v", query, found, want)
		}
	}
	for query, parameter := range map[string]string{"?tag=a&tag=b": "tag", "?nonsense=1": "nonsense", "?tag=%0a": "tag", "?limit=5": "limit"} {
		got := f.want(f.do("GET", keysPath+query, ""), 400)
		if got.str("type") != "/errors/bad-query" || !slices.Equal(got.pointers(), []string{parameter}) {
			t.Errorf("%s: %s", query, got.text)
		}
	}
	f.want(f.do("GET", keysPath+"/"+ids[0]+"?x=1", ""), 400)
	f.want(f.do("GET", keysPath+"?%zz", ""), 400)
}

func TestSearchKeys(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	for i := range 5 {
		f.want(f.do("PUT", keysPath, fmt.Sprintf(`{"name":"Key %d","settingId":"%s","revoked":%v,"tags":["t"]}`, i, setting, i == 0)), 200)
	}
	for body, want := range map[string]struct {
		names string
		count any
	}{
		`{}`: {"43210", nil},
		`{"order":"asc","limit":2,"offset":1,"returnCount":true}`: {"12", 5.0},
		`{"revoked":true}`:                           {"0", nil},
		`{"revoked":false,"limit":1}`:                {"4", nil},
		`{"name":"key 3"}`:                           {"3", nil},
		`{"tags":["t","u"],"returnCount":true}`:      {"", 0.0},
		`{"keyIds":["x"],"returnCount":true}`:        {"", 0.0},
		`{"keyIds":[],"tags":null,"limit":0}`:        {"43210", nil},
		`{"limit":1000,"offset":4.0,"revoked":null}`: {"0", nil},
	} {
		got := f.want(f.do("POST", keySearchPath, body, as(viewerKey)), 200)
		names := ""
		for i := range got.at("keys").([]any) {
			names += strings.TrimPrefix(got.at("keys", i, "name").(string), "Key ")
		}
		if names != want.names || got.at("count") != want.count {
			t.Errorf("%s: %q %v, want %q %v", body, names, got.at("count"), want.names, want.count)
		}
	}
	for _, body := range []string{`{"limit":1001}`, `{"limit":-1}`, `{"offset":-1}`, `{"order":"up"}`, `{"limt":1}`} {
		f.want(f.do("POST", keySearchPath, body), 400)
	}
}

func TestUnknownKey(t *testing.T) {
	f := newFixture(t)
	for _, id := range []string{"98daa3ae-961d-4253-bf6a-322a32fdca3d", "x", "%00", "..%2f..", "{98daa3ae-961d-4253-bf6a-322a32fdca3d}"} {
		for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: "{}", http.MethodDelete: ""} {
			f.want(f.do(method, keysPath+"/"+id, body), 404)
		}
		f.want(f.do("POST", keysPath+"/"+id+"/rotate", "{}"), 404)
	}
}
