package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const noCache = `"cacheConfig":{"enabled":false}`

func TestRouteLifeCycle(t *testing.T) {
	f := newFixture(t)
	key := f.key(f.setting(), "").str("keyId")
	body := fmt.Sprintf(`{"name":"r","path":"/production/chat","keyIds":["%s","%s"],"cacheConfig":{"enabled":false,"ttl":"5s"},
		"steps":[{"provider":"openai","model":"gpt-4o","retries":2,"params":{},"timeout":"1500ms"},{"provider":"openai","model":"gpt-4o-mini"}]}`, key, strings.ToUpper(key))
	made := f.want(f.do("POST", failoverPath, body), 200)
	id := made.str("id")
	if made.at("steps", 0, "retries") != 2.0 || made.at("steps", 0, "timeout") != "1500ms" || made.at("steps", 1, "retries") != 0.0 || made.at("steps", 1, "timeout") != "5m" ||
		made.at("cacheConfig", "ttl") != "5s" || len(made.at("keyIds").([]any)) != 1 || made.str("path") != "/production/chat" {
		t.Errorf("made %s", made.text)
	}
	stored, err := f.store.Route(t.Context(), id)
	if err != nil || stored.Steps[0].Timeout != 1500*time.Millisecond || stored.Steps[1].Timeout != gateway.DefaultStepTimeout || stored.Operation != "" {
		t.Errorf("stored %+v, %v", stored, err)
	}
	if !slices.Contains(f.applied, stored.Revision) {
		t.Error("answered before it was in force")
	}
	got := f.want(f.do("GET", failoverPath+"/"+id, ""), 200)
	if got.text != made.text {
		t.Errorf("GET %s, POST %s", got.text, made.text)
	}
	// What GET shows can be sent back, and changes nothing.
	same := f.want(f.do("PATCH", failoverPath+"/"+id, got.text), 200)
	if fmt.Sprint(same.at("steps")) != fmt.Sprint(got.at("steps")) || fmt.Sprint(same.at("keyIds")) != fmt.Sprint(got.at("keyIds")) {
		t.Errorf("after PATCH with itself %s", same.text)
	}
	second := f.want(f.do("POST", failoverPath, `{"name":"s","path":"/","keyIds":[],"operation":"embeddings","steps":[{"provider":"openai","model":"m"}],`+noCache+`}`), 200)
	if second.str("operation") != "embeddings" || second.at("cacheConfig", "ttl") != "168h" {
		t.Errorf("second %s", second.text)
	}
	list := f.want(f.do("GET", failoverPath, ""), 200)
	if list.at(0, "id") != second.str("id") || list.at(1, "id") != id {
		t.Errorf("list %s", list.text)
	}
	patched := f.want(f.do("PATCH", failoverPath+"/"+id, `{"path":"/other","operation":"chat","steps":[{"provider":"openai","model":"o1"}]}`), 200)
	if patched.str("path") != "/other" || patched.str("name") != "r" || patched.str("operation") != "chat" || len(patched.at("steps").([]any)) != 1 {
		t.Errorf("patched %s", patched.text)
	}
	f.want(f.do("PATCH", failoverPath+"/"+id, `{"path":"/"}`), 409)
	f.want(f.do("POST", failoverPath, strings.Replace(body, "/production/chat", "/other", 1)), 409)
	f.want(f.do("PATCH", failoverPath+"/"+id, `{"name":"x"}`, header("If-Match", made.header.Get("ETag"))), 412)
	f.want(f.do("PATCH", failoverPath+"/"+id, `{"name":"x"}`, header("If-Match", patched.header.Get("ETag"))), 200)
	before, err := f.store.Route(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	purged := f.want(f.do("DELETE", failoverPath+"/"+id+"/cache", ""), 200)
	after, err := f.store.Route(t.Context(), id)
	if err != nil || purged.str("name") != "x" || purged.str("path") != "/other" || after.Revision <= before.Revision || !slices.Contains(f.applied, after.Revision) {
		t.Errorf("purged %s, now %+v, %v", purged.text, after, err)
	}
	f.want(f.do("DELETE", failoverPath+"/"+id, ""), 200)
	f.want(f.do("DELETE", failoverPath+"/"+id, ""), 404)
	f.want(f.do("DELETE", failoverPath+"/"+id+"/cache", ""), 404)
	f.want(f.do("GET", failoverPath+"/"+id, ""), 404)
	f.want(f.do("PATCH", failoverPath+"/"+id, `{}`), 404)
}

func TestRoutesThatCannotBe(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	key := f.key(setting, "").str("keyId")
	narrow := f.want(f.do("POST", settingsPath, `{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef"},"allowedModels":["gpt-4o"]}`), 200).str("id")
	narrowKey := f.key(narrow, "").str("keyId")
	for name, c := range map[string]struct{ change, want string }{
		"no name":             {`{"name":" "}`, "/name"},
		"relative path":       {`{"path":"chat"}`, "/path"},
		"dots":                {`{"path":"/a/../b"}`, "/path"},
		"empty segment":       {`{"path":"/a//b"}`, "/path"},
		"slash at the end":    {`{"path":"/a/"}`, "/path"},
		"escape":              {`{"path":"/a%2fb"}`, "/path"},
		"query":               {`{"path":"/a?b"}`, "/path"},
		"parameter":           {`{"path":"/a;b"}`, "/path"},
		"umlaut":              {`{"path":"/ä"}`, "/path"},
		"no steps":            {`{"steps":[]}`, "/steps"},
		"steps null":          {`{"steps":null}`, "/steps"},
		"eleven steps":        {`{"steps":[` + strings.Repeat(`{"provider":"openai","model":"m"},`, 10) + `{"provider":"openai","model":"m"}]}`, "/steps"},
		"unknown provider":    {`{"steps":[{"provider":"nobody","model":"m"}]}`, "/steps/0/provider"},
		"no model":            {`{"steps":[{"provider":"openai","model":""}]}`, "/steps/0/model"},
		"many retries":        {`{"steps":[{"provider":"openai","model":"m","retries":6}]}`, "/steps/0/retries"},
		"negative retries":    {`{"steps":[{"provider":"openai","model":"m","retries":-1}]}`, "/steps/0/retries"},
		"no timeout":          {`{"steps":[{"provider":"openai","model":"m","timeout":"0s"}]}`, "/steps/0/timeout"},
		"long timeout":        {`{"steps":[{"provider":"openai","model":"m","timeout":"61m"}]}`, "/steps/0/timeout"},
		"timeout no duration": {`{"steps":[{"provider":"openai","model":"m","timeout":"5"}]}`, "/steps/0/timeout"},
		"unknown param":       {`{"steps":[{"provider":"openai","model":"m","params":{"x":"y"}}]}`, "/steps/0/params/x"},
		"two APIs":            {`{"keyIds":[],"steps":[{"provider":"openai","model":"m"},{"provider":"anthropic","model":"m"}]}`, "/steps/1/provider"},
		"wrong operation":     {`{"keyIds":[],"operation":"embeddings","steps":[{"provider":"anthropic","model":"m"}]}`, "/steps/0"},
		"unknown operation":   {`{"operation":"images"}`, "/operation"},
		"no setting":          {`{"steps":[{"provider":"anthropic","model":"m"}]}`, "/steps/0"},
		"model not allowed":   {`{"keyIds":["` + narrowKey + `"],"steps":[{"provider":"openai","model":"gpt-4o"},{"provider":"openai","model":"other"}]}`, "/steps/1"},
		"no such key":         {`{"keyIds":["98daa3ae-961d-4253-bf6a-322a32fdca3d"]}`, "/keyIds/0"},
		"no id":               {`{"keyIds":["` + key + `","x"]}`, "/keyIds/1"},
		"long ttl":            {`{"cacheConfig":{"enabled":false,"ttl":"721h"}}`, "/cacheConfig/ttl"},
		"cache incomplete":    {`{"cacheConfig":{}}`, "/cacheConfig/enabled"},
		"unknown field":       {`{"stpes":[]}`, "/stpes"},
	} {
		t.Run(name, func(t *testing.T) {
			good := map[string]any{}
			if err := json.Unmarshal([]byte(`{"name":"r","path":"/ok","keyIds":["`+key+`"],"steps":[{"provider":"openai","model":"gpt-4o"}],`+noCache+`}`), &good); err != nil {
				t.Fatal(err)
			}
			change := map[string]any{}
			if err := json.Unmarshal([]byte(c.change), &change); err != nil {
				t.Fatal(err)
			}
			for name, value := range change {
				good[name] = value
			}
			body, err := json.Marshal(good)
			if err != nil {
				t.Fatal(err)
			}
			got := f.want(f.do("POST", failoverPath, string(body)), 400)
			if !slices.Equal(got.pointers(), []string{c.want}) {
				t.Errorf("faults at %v, want %s: %s", got.pointers(), c.want, got.text)
			}
		})
	}
	for _, missing := range []string{"name", "path", "keyIds", "steps", "cacheConfig"} {
		whole := map[string]any{"name": "r", "path": "/ok", "keyIds": []string{}, "steps": []any{}, "cacheConfig": map[string]any{"enabled": false}}
		delete(whole, missing)
		body, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.want(f.do("POST", failoverPath, string(body)), 400); !slices.Contains(got.pointers(), "/"+missing) {
			t.Errorf("without %s: %s", missing, got.text)
		}
	}
	// A change is judged as a whole, and refused as a whole.
	id := f.want(f.do("POST", failoverPath, `{"name":"r","path":"/ok","keyIds":["`+key+`"],"steps":[{"provider":"openai","model":"gpt-4o"}],`+noCache+`}`), 200).str("id")
	for body, want := range map[string]string{
		`{"steps":[{"provider":"anthropic","model":"m"}]}`:                 "/steps/0",
		`{"name":"new","keyIds":["98daa3ae-961d-4253-bf6a-322a32fdca3d"]}`: "/keyIds/0",
		`{"steps":null}`:                    "/steps",
		`{"cacheConfig":null}`:              "/cacheConfig",
		`{"cacheConfig":{"enabled":null}}`:  "/cacheConfig/enabled",
		`{"steps":[{"provider":"openai"}]}`: "/steps/0/model",
	} {
		if got := f.want(f.do("PATCH", failoverPath+"/"+id, body), 400); !slices.Equal(got.pointers(), []string{want}) {
			t.Errorf("%s: faults at %v, want %s", body, got.pointers(), want)
		}
	}
	if got := f.do("GET", failoverPath+"/"+id, ""); got.str("name") != "r" || len(got.at("steps").([]any)) != 1 {
		t.Errorf("after refused changes %s", got.text)
	}
	// A key that is gone does not stand in the way of other changes.
	f.want(f.do("DELETE", keysPath+"/"+key, ""), 200)
	f.want(f.do("PATCH", failoverPath+"/"+id, `{"name":"still"}`), 200)
	f.want(f.do("PATCH", failoverPath+"/"+id, `{"keyIds":null}`), 200)
}

func TestRoutesAndRoles(t *testing.T) {
	f := newFixture(t)
	body := `{"name":"r","path":"/a","keyIds":[],"steps":[{"provider":"openai","model":"m"}],` + noCache + `}`
	id := f.want(f.do("POST", failoverPath, body), 200).str("id")
	one := failoverPath + "/" + id
	f.want(f.do("GET", one, "", as(viewerKey)), 200)
	f.want(f.do("GET", failoverPath, "", as(viewerKey)), 200)
	f.want(f.do("POST", failoverPath, body, as(viewerKey)), 403)
	f.want(f.do("PATCH", one, `{}`, as(viewerKey)), 403)
	f.want(f.do("DELETE", one, "", as(viewerKey)), 403)
	// Routes carry no tags: a key with a scope sees none.
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		body := ""
		if method == "PATCH" {
			body = "{}"
		}
		f.want(f.do(method, one, body, as(scopedKey)), 403)
		f.want(f.do(method, one, body, as("")), 401)
	}
	f.want(f.do("GET", failoverPath, "", as(scopedKey)), 403)
	f.want(f.do("POST", failoverPath, body, as(scopedKey)), 403)
}
