package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// refusalCase is a request that the gateway must answer itself. Of the shapes,
// Anthropic's has a type only, OpenAI's a type and a code.
type refusalCase struct {
	method, path, body string
	headers            []string
	key                testenv.Key // the env's if empty
	status             int
	code               string // event's refusal code, and OpenAI's code; "" for no event
	anonymous          bool   // no event: nobody knows whose it is
}

// typeOf says what the error's type must be, by hand from the two APIs' names.
var openAITypes = map[int]string{
	400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "invalid_request_error",
	405: "invalid_request_error", 413: "invalid_request_error", 415: "invalid_request_error", 429: "rate_limit_error",
}

var anthropicTypes = map[int]string{
	400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
	405: "invalid_request_error", 413: "request_too_large", 415: "invalid_request_error", 429: "rate_limit_error",
}

// checkRefusal sends c and checks status, shape, code and event, and that the
// provider saw nothing.
func (e *env) checkRefusal(t *testing.T, c refusalCase) answer {
	t.Helper()
	seen := len(e.fake.Requests())
	key := e.key
	headers := c.headers
	if c.key.ID != "" {
		key = c.key
		headers = append(bearer(key), headers...)
	}
	if c.method == "" {
		c.method = http.MethodPost
	}
	a := e.send(t, c.method, c.path, c.body, headers...)
	got := decodeError(t, a)
	if a.status != c.status {
		t.Errorf("got %v, want status %d", a, c.status)
	}
	if a.eventID() == "" {
		t.Error("the answer has no x-bricks-event-id")
	}
	if strings.HasPrefix(c.path, "/api/providers/anthropic/") {
		if got.Type != "error" || got.Error.Code != nil || got.Error.Type != anthropicTypes[c.status] {
			t.Errorf("got %s, want Anthropic's shape with type %s", a.body, anthropicTypes[c.status])
		}
	} else if got.Type != "" || got.Error.Code == nil || *got.Error.Code != c.code || got.Error.Type != openAITypes[c.status] {
		t.Errorf("got %s, want OpenAI's shape with type %s and code %s", a.body, openAITypes[c.status], c.code)
	}
	if n := len(e.fake.Requests()); n != seen {
		t.Errorf("the provider saw %d requests", n-seen)
	}
	if c.anonymous {
		return a
	}
	ev := e.AwaitEvent(key, a.eventID())
	if ev.Status != c.status || ev.RefusalCode != c.code || ev.Cost != "0" || ev.RefusedCount != 1 {
		t.Errorf("event = %+v", ev)
	}
	return a
}

func TestUnknownCallers(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	revoked := e.newKey(nil)
	e.Do(http.MethodPatch, "/api/key-management/keys/"+revoked.ID, testenv.Object{"revoked": true, "revokedReason": "left"})
	deleted := e.newKey(nil)
	if status, b := e.Call(http.MethodDelete, "/api/key-management/keys/"+deleted.ID, nil); status != http.StatusOK {
		t.Fatalf("delete: got %d %s", status, b)
	}
	cases := map[string]refusalCase{
		"no key":                    {headers: []string{"Authorization", ""}, anonymous: true},
		"unknown key":               {headers: []string{"Authorization", "Bearer nobody-0123456789"}, anonymous: true},
		"deleted key":               {headers: bearer(deleted), anonymous: true},
		"two different keys":        {headers: []string{"X-Api-Key", "another-0123456789"}, anonymous: true},
		"a third, different key":    {headers: []string{"X-Api-Key", e.key.Secret, "Api-Key", "another-0123456789"}, anonymous: true},
		"not a bearer token":        {headers: []string{"Authorization", "Basic " + e.key.Secret}, anonymous: true},
		"an empty bearer token":     {headers: []string{"Authorization", "Bearer "}, anonymous: true},
		"revoked key":               {key: revoked, code: "invalid_api_key"},
		"the provider's own key":    {headers: []string{"Authorization", "Bearer " + fakeprovider.OpenAIKey}, anonymous: true},
		"unknown key, no such path": {path: "/api/providers/openai/v1/nothing", headers: []string{"Authorization", "Bearer nobody-0123456789"}, anonymous: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.status, c.code = http.StatusUnauthorized, "invalid_api_key"
			if c.path != "" {
				c.body = helloChat
				e.checkRefusal(t, c)
				return
			}
			c.path, c.body = chat, helloChat
			e.checkRefusal(t, c)
			c.path, c.body = messages, helloCall
			e.checkRefusal(t, c)
		})
	}
	t.Run("one message for all that are unknown", func(t *testing.T) {
		none := e.post(t, chat, helloChat, "Authorization", "")
		unknown := e.post(t, chat, helloChat, "Authorization", "Bearer nobody-0123456789")
		if string(none.body) != string(unknown.body) {
			t.Errorf("got %s and %s", none.body, unknown.body)
		}
	})
	t.Run("expired key", func(t *testing.T) {
		key := e.newKey(testenv.Object{"ttl": "2s"})
		if a := e.post(t, chat, helloChat, bearer(key)...); a.status != http.StatusOK {
			t.Fatalf("before its end: got %v", a)
		}
		testenv.Eventually(t, 5*time.Second, "the key expires", func() bool {
			return e.post(t, chat, helloChat, bearer(key)...).status == http.StatusUnauthorized
		})
		e.checkRefusal(t, refusalCase{path: chat, body: helloChat, key: key, status: 401, code: "invalid_api_key"})
	})
}

func TestWhatAKeyMayNotDo(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	paths := e.newKey(testenv.Object{"allowedPaths": []testenv.Object{{"path": chat, "method": "POST"}}})
	narrow := e.newKey(testenv.Object{"allowedModels": []string{"gpt-4o"}})
	limited := e.CreateSetting("openai", fakeprovider.OpenAIKey, e.fake.URL(), testenv.Object{"allowedModels": []string{"gpt-4o"}})
	setting := e.CreateKey([]string{limited}, nil)
	alone := e.CreateKey([]string{e.anthropic}, nil)
	users := e.newKey(testenv.Object{"requireUser": true})
	named := `{"model":"gpt-4o-mini","user":"ann",` + hello + `}`
	cases := map[string]refusalCase{
		"path not among the key's":        {path: embeddings, body: `{"model":"text-embedding-3-small","input":"x"}`, key: paths, status: 403, code: "path_not_allowed"},
		"path in escapes":                 {path: "/api/providers/openai/v1/%65mbeddings", body: `{"model":"text-embedding-3-small","input":"x"}`, key: paths, status: 403, code: "path_not_allowed"},
		"path not among them, anthropic":  {path: messages, body: helloCall, key: paths, status: 403, code: "path_not_allowed"},
		"model not among the key's":       {path: chat, body: helloChat, key: narrow, status: 403, code: "model_not_allowed"},
		"model not among them, anthropic": {path: messages, body: helloCall, key: narrow, status: 403, code: "model_not_allowed"},
		"model by another case":           {path: chat, body: strings.Replace(helloChat, "gpt-4o-mini", "GPT-4o", 1), key: narrow, status: 403, code: "model_not_allowed"},
		"model not among the setting's":   {path: chat, body: helloChat, key: setting, status: 403, code: "model_not_allowed"},
		"no setting for the provider":     {path: chat, body: helloChat, key: alone, status: 403, code: "provider_not_allowed"},
		"no user":                         {path: chat, body: helloChat, key: users, status: 400, code: "invalid_request_error"},
		"two users":                       {path: chat, body: named, headers: []string{"X-User-Id", "bob"}, status: 400, code: "invalid_request_error"},
		"unknown path":                    {path: "/api/providers/openai/v1/nothing", body: helloChat, status: 404, code: "not_found"},
		"unknown path, anthropic":         {path: "/api/providers/anthropic/v1/nothing", body: helloCall, status: 404, code: "not_found"},
		"unknown provider":                {path: "/api/providers/nobody/v1/chat/completions", body: helloChat, status: 404, code: "not_found"},
		"outside the API":                 {path: "/anything", body: helloChat, status: 404, code: "not_found"},
		"method":                          {method: "DELETE", path: chat, status: 405, code: "method_not_allowed"},
		"method, anthropic":               {method: "DELETE", path: messages, status: 405, code: "method_not_allowed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { e.checkRefusal(t, c) })
	}
	for _, headers := range [][]string{{"X-User-Id", "ann"}, nil} {
		a := e.post(t, chat, named, append(bearer(users), headers...)...)
		if ev := e.AwaitEvent(users, a.eventID()); a.status != http.StatusOK || ev.UserID != "ann" {
			t.Errorf("with a user: got %v, event %+v", a, ev)
		}
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	bodies := map[string]string{
		"no JSON":               `{"model":`,
		"text":                  `hello`,
		"an array":              `[1]`,
		"null":                  `null`,
		"data after the object": helloChat + `{}`,
		"duplicate model":       `{"model":"gpt-4o-mini","model":"gpt-4o",` + hello + `}`,
		"duplicate in escapes":  `{"model":"gpt-4o-mini","\u006dodel":"gpt-4o",` + hello + `}`,
		"no model":              `{` + hello + `}`,
		"model is a number":     `{"model":1,` + hello + `}`,
		"model is null":         `{"model":null,` + hello + `}`,
		"model is empty":        `{"model":"",` + hello + `}`,
		"stream is a string":    `{"model":"gpt-4o-mini","stream":"true",` + hello + `}`,
		"max_tokens negative":   `{"model":"gpt-4o-mini","max_tokens":-1,` + hello + `}`,
		"max_tokens a fraction": `{"model":"gpt-4o-mini","max_tokens":1.5,` + hello + `}`,
		"invalid UTF-8":         "{\"model\":\"gpt-4o-mini\",\"x\":\"\xff\"," + hello + `}`,
		"too deep":              `{"model":"gpt-4o-mini","x":` + deep + `,` + hello + `}`,
		"a BOM":                 "\xef\xbb\xbf" + helloChat,
		"a trailing comma":      `{"model":"gpt-4o-mini",` + hello + `,}`,
		"a leading zero":        `{"model":"gpt-4o-mini","n":01,` + hello + `}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			e.checkRefusal(t, refusalCase{path: chat, body: body, status: 400, code: "invalid_request_error"})
			e.checkRefusal(t, refusalCase{path: messages, body: body, status: 400, code: "invalid_request_error"})
		})
	}
	big := `{"x":"` + strings.Repeat("a", 11<<20) + `"}`
	cases := map[string]refusalCase{
		"no body":               {path: chat, status: 400, code: "invalid_request_error"},
		"body where none is":    {method: "GET", path: models, body: "{}", status: 400, code: "invalid_request_error"},
		"form":                  {path: chat, body: "a=b", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type"},
		"another charset":       {path: chat, body: "{}", headers: []string{"Content-Type", "application/json; charset=utf-16"}, status: 415, code: "unsupported_media_type"},
		"compressed":            {path: chat, body: "x", headers: []string{"Content-Encoding", "gzip"}, status: 415, code: "unsupported_media_type"},
		"compressed, anthropic": {path: messages, body: "x", headers: []string{"Content-Encoding", "br"}, status: 415, code: "unsupported_media_type"},
		"too large":             {path: chat, body: big, status: 413, code: "request_too_large"},
		"too large, anthropic":  {path: messages, body: big, status: 413, code: "request_too_large"},
		"x-metadata":            {path: chat, body: helloChat, headers: []string{"X-Metadata", "no json"}, status: 400, code: "invalid_request_error"},
		"x-request-timeout":     {path: chat, body: helloChat, headers: []string{"X-Request-Timeout", "soon"}, status: 400, code: "invalid_request_error"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { e.checkRefusal(t, c) })
	}
}

func TestRateLimit(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	key := e.newKey(testenv.Object{"rateLimitOverTime": 2, "rateLimitUnit": "h"})
	for i, path := range []string{chat, messages} {
		body := []string{helloChat, helloCall}[i]
		a := e.post(t, path, body, bearer(key)...)
		if a.status != http.StatusOK || a.header.Get("X-Ratelimit-Limit-Requests") != "2" ||
			a.header.Get("X-Ratelimit-Remaining-Requests") != strconv.Itoa(1-i) || a.header.Get("X-Ratelimit-Reset-Requests") == "" {
			t.Errorf("request %d: got %v with %v", i, a, a.header)
		}
	}
	for i, path := range []string{chat, messages} {
		a := e.checkRefusal(t, refusalCase{path: path, body: []string{helloChat, helloCall}[i], key: key, status: 429, code: "rate_limit_exceeded"})
		retry, err := strconv.Atoi(a.header.Get("Retry-After"))
		if err != nil || retry < 3500 || retry > 3600 {
			t.Errorf("Retry-After: %q, want almost an hour", a.header.Get("Retry-After"))
		}
		for name, want := range map[string]string{"X-Ratelimit-Limit-Requests": "2", "X-Ratelimit-Remaining-Requests": "0"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %q, want %s", name, got, want)
			}
		}
	}
}

// TestRetryAfterIsTrue: a client that comes back when it was told to is served,
// and one that comes before is not.
func TestRetryAfterIsTrue(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	key := e.newKey(testenv.Object{"rateLimitOverTime": 1, "rateLimitUnit": "s"})
	ask := func() answer { return e.post(t, chat, helloChat, bearer(key)...) }
	first := time.Now()
	if a := ask(); a.status != http.StatusOK {
		t.Fatalf("got %v", a)
	}
	a := ask()
	if retry := a.header.Get("Retry-After"); a.status != http.StatusTooManyRequests || retry != "1" {
		t.Fatalf("got %v with Retry-After %q, want 429 and 1", a, retry)
	}
	asked := time.Now()
	testenv.Eventually(t, 5*time.Second, "served again", func() bool { return ask().status == http.StatusOK })
	if since := time.Since(first); since < time.Second-50*time.Millisecond {
		t.Errorf("served again %v after the first, want a second", since)
	}
	if since := time.Since(asked); since > time.Second+500*time.Millisecond {
		t.Errorf("served again %v after Retry-After: 1", since)
	}
}

// TestCostLimit: helloChat with max_tokens 5 costs 4500 nano-dollars, and is
// reserved at 14 tokens of input and 5 of output: 5100.
func TestCostLimit(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	body := `{"model":"gpt-4o-mini","max_tokens":5,` + hello + `}`
	for name, c := range map[string]struct {
		limits testenv.Object
		retry  string // x-should-retry
	}{
		"total":  {testenv.Object{"costLimitInUsd": 0.00003}, "false"},
		"window": {testenv.Object{"costLimitInUsdOverTime": 0.00003, "costLimitInUsdUnit": "mo"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			key := e.newKey(c.limits)
			spent, n := int64(0), 0
			for ; ; n++ {
				a := e.post(t, chat, body, bearer(key)...)
				if a.status != http.StatusOK {
					got := decodeError(t, a)
					if a.status != http.StatusTooManyRequests || *got.Error.Code != "insufficient_quota" || a.header.Get("X-Should-Retry") != c.retry {
						t.Errorf("got %v with %v", a, a.header)
					}
					if c.retry == "" && a.header.Get("Retry-After") == "" {
						t.Error("a window's refusal has no Retry-After")
					}
					break
				}
				spent += 4500
				if spent > 30000 {
					t.Fatalf("spent %d nano-dollars of 30000", spent)
				}
				if a.header.Get("X-Bricks-Cost-Remaining-Usd") == "" {
					t.Errorf("no x-bricks-cost-remaining-usd in %v", a.header)
				}
			}
			if n == 0 {
				t.Error("nothing was admitted")
			}
		})
	}
	t.Run("cost that cannot be bounded", func(t *testing.T) {
		key := e.newKey(testenv.Object{"costLimitInUsd": 1})
		e.checkRefusal(t, refusalCase{path: chat, body: `{"model":"fake-unpriced",` + hello + `}`, key: key, status: 403, code: "cost_not_boundable"})
	})
	t.Run("wholly reserved", func(t *testing.T) {
		key := e.newKey(testenv.Object{"costLimitInUsd": 0.000015})
		done := make(chan answer)
		long := `{"model":"gpt-4o-mini","max_tokens":20,"user":"holder",` + hello + `}`
		go func() {
			a, _ := e.try(t.Context(), http.MethodPost, chat, long, append(bearer(key), "X-Fake-Hold", "reserved")...)
			done <- a
		}()
		if _, err := e.fake.Await(t.Context(), func(r fakeprovider.Request) bool { return r.Header.Get("X-Fake-Hold") == "reserved" }); err != nil {
			t.Fatal(err)
		}
		a := e.checkRefusal(t, refusalCase{path: chat, body: long, key: key, status: 429, code: "budget_reserved"})
		if a.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After: %q, want 1", a.header.Get("Retry-After"))
		}
		e.fake.Release("reserved")
		if a := <-done; a.status != http.StatusOK {
			t.Errorf("the holder got %v", a)
		}
	})
}
