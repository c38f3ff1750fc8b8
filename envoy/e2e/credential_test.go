package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestKeyIsTakenFromEachHeaderAndForwardedInNone; the fake refuses a request
// with any key of ours in it, or with two credentials.
func TestKeyIsTakenFromEachHeaderAndForwardedInNone(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	cases := map[string][]string{
		"bearer token":          nil,
		"lower case scheme":     {"Authorization", "bearer " + e.key.Secret},
		"x-api-key":             {"Authorization", "", "X-Api-Key", e.key.Secret},
		"api-key":               {"Authorization", "", "Api-Key", e.key.Secret},
		"all three, the same":   {"X-Api-Key", e.key.Secret, "Api-Key", e.key.Secret},
		"with anthropic's own":  {"Authorization", "", "X-Api-Key", e.key.Secret, "Anthropic-Version", "2023-06-01", "Anthropic-Beta", "x-2026"},
		"the newer generation":  {"Anthropic-Version", "2026-10-21"},
		"an organization of it": {"Openai-Organization", "org-client", "Openai-Project", "proj-client"},
	}
	for name, headers := range cases {
		t.Run(name, func(t *testing.T) {
			for path, body := range map[string]string{chat: helloChat, messages: helloCall} {
				if path == chat && strings.Contains(strings.Join(headers, " "), "Anthropic") {
					continue
				}
				e.fake.Reset()
				if a := e.post(t, path, body, headers...); a.status != http.StatusOK {
					t.Errorf("%s: got %v", path, a)
				}
				r := e.forwarded(t)
				if path == chat {
					if got := r.Header.Get("Authorization"); got != "Bearer "+fakeprovider.OpenAIKey || r.Header.Get("X-Api-Key") != "" {
						t.Errorf("%s: forwarded %v", path, r.Header)
					}
				} else if r.Header.Get("X-Api-Key") != fakeprovider.AnthropicKey || r.Header.Get("Authorization") != "" {
					t.Errorf("%s: forwarded %v", path, r.Header)
				}
				if r.Header.Get("Openai-Organization")+r.Header.Get("Openai-Project") != "" {
					t.Errorf("%s: forwarded the client's organization: %v", path, r.Header)
				}
				want := "2023-06-01" // the default when the client names none
				for i := 0; i < len(headers); i += 2 {
					if headers[i] == "Anthropic-Version" {
						want = headers[i+1]
					}
				}
				if got := r.Header.Values("Anthropic-Version"); path == messages && (len(got) != 1 || got[0] != want) {
					t.Errorf("anthropic-version: %q, want %s", got, want)
				}
			}
		})
	}
}

// TestForwardedHeaders lists every header that the provider gets of a client
// that sends all there is.
func TestForwardedHeaders(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	a := e.post(t, chat, helloChat,
		"Cookie", "session=1", "Forwarded", "for=10.0.0.1", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "evil.example",
		"X-Real-Ip", "10.0.0.1", "X-Bricks-Cluster", "processor", "X-Bricks-Anything", "1", "X-Envoy-Upstream-Rq-Timeout-Ms", "1",
		"X-Envoy-Original-Dst-Host", "127.0.0.1:1", "X-Envoy-Unknown", "1", "X-Custom-Event-Id", "mine", "X-Metadata", `{"team":"a"}`,
		"X-Request-Timeout", "20s", "X-User-Id", "ann", "Accept-Encoding", "gzip, br", "X-Request-Id", "chosen-by-the-client",
		"X-Stainless-Lang", "go", "Idempotency-Key", "abc", "Accept", "application/json")
	if a.status != http.StatusOK {
		t.Fatalf("got %v", a)
	}
	got := e.forwarded(t).Header
	want := http.Header{
		"Authorization": {"Bearer " + fakeprovider.OpenAIKey}, "Content-Type": {"application/json"}, "User-Agent": {"e2e"},
		"Content-Length": got["Content-Length"], "X-Stainless-Lang": {"go"}, "Idempotency-Key": {"abc"}, "Accept": {"application/json"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("forwarded headers (-want +got):\n%s", diff)
	}
	ev := e.AwaitEvent(e.key, a.eventID())
	if ev.CustomID != "mine" || ev.UserID != "ann" || ev.ID == "chosen-by-the-client" {
		t.Errorf("event = %+v", ev)
	}
}

// TestProvidersHeadersAndCredentialStayBehind: a provider that repeats the
// credential, or pretends to be the gateway, is not believed.
func TestProvidersHeadersAndCredentialStayBehind(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for path, bodies := range map[string][]string{
		chat:     {helloChat, `{"model":"gpt-4o-mini","stream":true,` + hello + `}`},
		messages: {helloCall, `{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,` + hello + `}`},
	} {
		for _, body := range bodies {
			for _, split := range []string{"4096", "3"} {
				a := e.post(t, path, body, "X-Fake-Echo", "credential", "X-Fake-Split", split)
				if a.status != http.StatusOK || a.err != nil {
					t.Errorf("%s: got %v", path, a)
				}
				all := a.String()
				for name, values := range a.header {
					all += name + strings.Join(values, " ")
				}
				// Streamed word by word, the credential is one word.
				if strings.Contains(all, fakeprovider.OpenAIKey) || strings.Contains(all, fakeprovider.AnthropicKey) {
					t.Errorf("%s split %s: the client got a credential: %v %v", path, split, a.header, a)
				}
				for _, name := range []string{"Set-Cookie", "Alt-Svc", "Server", "X-Bricks-Spoofed", "X-Envoy-Upstream-Service-Time"} {
					if v := a.header.Get(name); v != "" {
						t.Errorf("%s: the client got %s: %s", path, name, v)
					}
				}
				if a.header.Get("X-Ratelimit-Remaining-Tokens") == "" {
					t.Errorf("%s: the provider's own rate limit did not pass: %v", path, a.header)
				}
			}
		}
	}
}

// TestRefusedCredential: the provider's 401 names the credential, so the
// client gets the gateway's words.
func TestRefusedCredential(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for provider, path := range map[string]string{"openai": chat, "anthropic": messages} {
		wrong := "sk-wrong-credential-0123456789"
		e.secrets = append(e.secrets, wrong)
		key := e.CreateKey([]string{e.CreateSetting(provider, wrong, e.fake.URL(), nil)}, nil)
		a := e.post(t, path, map[string]string{chat: helloChat, messages: helloCall}[path], bearer(key)...)
		got := decodeError(t, a)
		if strings.Contains(a.String(), wrong) || a.status != http.StatusUnauthorized || !strings.Contains(got.Error.Message, "provider") {
			t.Errorf("%s: got %v", provider, a)
		}
		if ev := e.AwaitEvent(key, a.eventID()); ev.Status != 401 || ev.Cost != "0" {
			t.Errorf("%s: event = %+v", provider, ev)
		}
	}
}

// TestChangesAreInForceWhenTheyAreAnswered makes a change and sends the next
// request at once, many times over.
func TestChangesAreInForceWhenTheyAreAnswered(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	keyPath := func(k testenv.Key) string { return "/api/key-management/keys/" + k.ID }
	expect := func(what string, k testenv.Key, status int) {
		t.Helper()
		if a := e.post(t, chat, helloChat, bearer(k)...); a.status != status {
			t.Fatalf("%s: got %v, want %d", what, a, status)
		}
	}
	start := time.Now()
	const rounds = 20
	for range rounds {
		k := e.newKey(nil)
		expect("new key", k, 200)
		e.Do(http.MethodPatch, keyPath(k), testenv.Object{"revoked": true})
		expect("revoked key", k, 401)
		e.Do(http.MethodPatch, keyPath(k), testenv.Object{"revoked": false})
		expect("key given back", k, 200)
		e.Do(http.MethodPatch, keyPath(k), testenv.Object{"allowedModels": []string{"gpt-4o"}})
		expect("narrowed key", k, 403)
		rotated := k
		rotated.Secret, _ = e.Do(http.MethodPost, keyPath(k)+"/rotate", testenv.Object{})["key"].(string)
		e.secrets = append(e.secrets, rotated.Secret)
		e.fake.Forbid(rotated.Secret)
		expect("rotated key", rotated, 403)
		if status, b := e.Call(http.MethodDelete, keyPath(k), nil); status != http.StatusOK {
			t.Fatalf("delete: got %d %s", status, b)
		}
		expect("deleted key", rotated, 401)
	}
	t.Logf("measured: %d rounds of 6 changes and requests took %v", rounds, time.Since(start).Round(time.Millisecond))

	second, err := fakeprovider.Start(fakeprovider.Options{OpenAIKeys: []string{"sk-second-credential-0123456789"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	e.secrets = append(e.secrets, "sk-second-credential-0123456789")
	e.Do(http.MethodPatch, "/api/provider-settings/"+e.openAI, testenv.Object{"setting": testenv.Object{"apiKey": "sk-second-credential-0123456789"}})
	expect("a credential that the provider does not know", e.key, 401)
	e.Do(http.MethodPatch, "/api/provider-settings/"+e.openAI, testenv.Object{"setting": testenv.Object{"apiKey": fakeprovider.OpenAIKey}})
	expect("the right credential", e.key, 200)
	if status, b := e.Call(http.MethodPatch, "/api/provider-settings/"+e.openAI, testenv.Object{"setting": testenv.Object{"url": second.URL()}}); status != http.StatusBadRequest {
		t.Errorf("a private upstream that is not allowed: got %d %s", status, b)
	}
}

// TestRotationSpreadsRequests over the settings that fit.
func TestRotationSpreadsRequests(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	other := e.CreateSetting("openai", fakeprovider.OpenAIKey, e.fake.URL(), nil)
	key := e.CreateKey([]string{e.openAI, other}, testenv.Object{"rotationEnabled": true})
	for range 10 {
		if a := e.post(t, chat, helloChat, bearer(key)...); a.status != http.StatusOK {
			t.Fatalf("got %v", a)
		}
	}
	count := map[string]int{}
	for _, ev := range e.AwaitEvents(key, 10) {
		count[ev.SettingID]++
	}
	if count[e.openAI] != 5 || count[other] != 5 {
		t.Errorf("settings were used %v times, want 5 each", count)
	}
}
