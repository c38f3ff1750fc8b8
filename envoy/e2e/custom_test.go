package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestCustomProvider: an API of its own kind, with the credential in each place.
func TestCustomProvider(t *testing.T) {
	for _, where := range []string{"bearer", "header", "query"} {
		t.Run(where, func(t *testing.T) {
			p := startOwn(t, where)
			e := newEnv(t, testenv.Options{AllowUpstream: []string{p.address()}})
			_, key := e.own(t, "own", p, testenv.Object{"allowedModels": []string{"big", "broken", "silent"}, "shouldLogResponse": true})
			for name, c := range map[string]struct {
				body   string
				status int
				tokens [2]int64 // in, out
				cut    bool
			}{
				"JSON":                   {talk("big", false), 200, [2]int64{5, 6}, false},
				"stream":                 {talk("big", true), 200, [2]int64{5, 4}, false},
				"an error":               {talk("broken", false), 500, [2]int64{}, false},
				"a stream without words": {talk("silent", true), 200, [2]int64{5, 0}, true},
			} {
				t.Run(name, func(t *testing.T) {
					want := []byte(strings.Repeat(": nothing\n\n", 11))
					if !c.cut {
						want = p.direct(t, c.body)
					}
					query, forwarded := "?a=b", "?version=7&a=b"
					if where == "query" { // the client's own parameter gives way
						query, forwarded = "?key=mine&a=b", "?version=7&a=b&key="+customKey
					}
					a := e.post(t, ownPath("own")+query, c.body, bearer(key)...)
					if a.status != c.status || (a.err != nil) != c.cut || !c.cut && !bytes.Equal(a.body, want) || c.cut && !bytes.HasPrefix(want, a.body) {
						t.Errorf("got %v, want %d %s", a, c.status, want)
					}
					if got := p.taken(); len(got) != 1 || got[0] != "/v2/generate"+forwarded+" "+c.body {
						t.Errorf("the provider got %q", got)
					}
					ev := e.AwaitEvent(key, a.eventID())
					if ev.Provider != "own" || ev.Status != c.status || ev.Estimated != (c.status == 200) || ev.Incomplete != c.cut ||
						ev.InputTokens != c.tokens[0] || ev.OutputTokens != c.tokens[1] || ev.Path != ownPath("own") || ev.Cost != "0" {
						t.Errorf("event = %+v", ev)
					}
				})
			}
			e.checkOwnRefusals(t, key, p)
			resp, err := e.client.Get("http://" + e.Metrics + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !strings.Contains(string(b), `bricks_requests_total{operation="custom",provider="custom",status="200"} 3`) ||
				!strings.Contains(string(b), "bricks_empty_streams_total 1") || strings.Contains(string(b), `"own"`) {
				t.Errorf("metrics: %v\n%s", err, b)
			}
		})
	}
}

// checkOwnRefusals asks for what is not to be had; nothing of it reaches p.
func (e *env) checkOwnRefusals(t *testing.T, key testenv.Key, p *ownProvider) {
	t.Helper()
	for name, c := range map[string]struct {
		method, path, body string
		key                testenv.Key
		status             int
		code               string
	}{
		"wrong key":         {"POST", ownPath("own"), talk("big", false), testenv.Key{Secret: "nobody's"}, 401, "invalid_api_key"},
		"another's key":     {"POST", ownPath("own"), talk("big", false), e.key, 403, "provider_not_allowed"},
		"unknown provider":  {"POST", ownPath("other"), talk("big", false), key, 404, "not_found"},
		"unknown path":      {"POST", ownPath("own") + "/x", talk("big", false), key, 404, "not_found"},
		"a way out of it":   {"POST", "/api/custom/providers/own/talk/../../other/talk/now", talk("big", false), key, 404, "not_found"},
		"method":            {"GET", ownPath("own"), "", key, 405, "method_not_allowed"},
		"model not allowed": {"POST", ownPath("own"), talk("small", false), key, 403, "model_not_allowed"},
		"model elsewhere":   {"POST", ownPath("own"), `{"model":"big","turns":[{"text":"x"}]}`, key, 400, "invalid_request_error"},
		"two models":        {"POST", ownPath("own"), `{"options":{"engine":"big","engine":"small"},"turns":[{"text":"x"}]}`, key, 400, "invalid_request_error"},
		"no prompt":         {"POST", ownPath("own"), `{"options":{"engine":"big"}}`, key, 400, "invalid_request_error"},
		"built-in's path":   {"POST", chat, helloChat, key, 403, "provider_not_allowed"},
	} {
		a := e.send(t, c.method, c.path, c.body, bearer(c.key)...)
		got := decodeError(t, a)
		if a.status != c.status || got.Error.Code == nil || *got.Error.Code != c.code {
			t.Errorf("%s: got %v, want %d %s", name, a, c.status, c.code)
		}
	}
	if got := p.taken(); len(got) != 0 {
		t.Errorf("refused requests reached the provider: %q", got)
	}
}

// TestCustomProviderCredential: one that the provider refuses is not shown, and
// a redirect leads nobody anywhere.
func TestCustomProviderCredential(t *testing.T) {
	p, other := startOwn(t, "bearer"), startOwn(t, "none")
	e := newEnv(t, testenv.Options{AllowUpstream: []string{p.address(), other.address()}})
	_, key := e.own(t, "own", p, nil)
	a := e.post(t, ownPath("own"), talk("elsewhere", false, other.address()), bearer(key)...)
	if a.status != http.StatusTemporaryRedirect || string(a.body) != `{"moved":true}` {
		t.Errorf("a redirect: got %v", a)
	}
	if got := other.taken(); len(got) != 0 {
		t.Errorf("the redirect was followed: %q", got)
	}
	wrong := "wrong-credential-0123456789"
	e.secrets = append(e.secrets, wrong)
	key = e.CreateKey([]string{e.ownSetting("own", wrong)}, nil)
	a = e.post(t, ownPath("own"), talk("big", false), bearer(key)...)
	if got := decodeError(t, a); a.status != http.StatusUnauthorized || strings.Contains(a.String(), wrong) || !strings.Contains(got.Error.Message, "provider setting") {
		t.Errorf("a wrong credential: got %v", a)
	}
}

// TestCustomProviderMoney: no price and no bound are refused where money is
// limited, before the provider sees anything.
func TestCustomProviderMoney(t *testing.T) {
	p := startOwn(t, "bearer")
	e := newEnv(t, testenv.Options{AllowUpstream: []string{p.address()}})
	_, key := e.own(t, "own", p, testenv.Object{"costLimitInUsd": 5})
	a := e.post(t, ownPath("own"), talk("gpt-4o", false), bearer(key)...)
	if got := decodeError(t, a); a.status != http.StatusForbidden || got.Error.Code == nil || *got.Error.Code != "cost_not_boundable" {
		t.Errorf("got %v, want cost_not_boundable", a)
	}
	if got := p.taken(); len(got) != 0 {
		t.Errorf("the provider saw %q", got)
	}
}

// TestCustomProvidersMayNotLeadInside: an administrator's target is refused like
// a setting's url, and a forged cluster name leads nowhere.
func TestCustomProvidersMayNotLeadInside(t *testing.T) {
	p := startOwn(t, "bearer")
	e := newEnv(t, testenv.Options{AllowUpstream: []string{p.address()}})
	for _, target := range []string{
		"http://127.0.0.1:1/x", "https://127.0.0.1/x", "https://localhost.localdomain@127.0.0.1/", "https://[::1]/x", "https://[::ffff:127.0.0.1]/x", "https://[::ffff:a00:1]/x",
		"https://169.254.169.254/latest/meta-data", "https://10.0.0.1/x", "https://192.168.0.1/x", "https://172.16.0.1/x", "https://100.64.0.1/x",
		"https://2130706433/x", "https://0x7f000001/x", "https://017700000001/x", "https://127.1/x", "https://0/x", "https://[fd00::1]/x", "https://[fe80::1]/x",
		"http://api.example.com/x", "file:///etc/passwd", "https://u:p@api.example.com/x", "https://api.example.com/x#y", "//api.example.com/x",
		"http://" + e.Admin + "/api/keys", "http://" + e.EnvoyAdmin() + "/config_dump",
	} {
		routes := ownRoutes(p.address())
		routes[0]["target_url"] = target
		status, b := e.Call(http.MethodPost, "/api/custom/providers", testenv.Object{"provider": "inside", "route_configs": routes})
		if status != http.StatusBadRequest || !strings.Contains(string(b), "/route_configs/0/target_url") {
			t.Errorf("%s: got %d %s, want 400 that points at it", target, status, b)
		}
	}
	_, key := e.own(t, "own", p, nil)
	for _, forged := range []string{"custom/http/127.0.0.1:1", "custom/http/" + e.Admin, "processor", "xds"} {
		a := e.post(t, ownPath("own"), talk("big", false), append(bearer(key), "X-Bricks-Cluster", forged)...)
		if a.status != http.StatusOK {
			t.Errorf("a forged cluster %s: got %v", forged, a)
		}
	}
}

// TestCustomClusterIsFetchedOnce: many requests meet at a cluster that Envoy
// does not have yet. Each arrives once, whole, with one event.
func TestCustomClusterIsFetchedOnce(t *testing.T) {
	p := startOwn(t, "bearer")
	e := newEnv(t, testenv.Options{AllowUpstream: []string{p.address()}})
	_, key := e.own(t, "own", p, nil)
	const n = 50
	large := strings.Repeat("0123456789", 20_000) // 200 kB: more than one frame
	var wg sync.WaitGroup
	start := time.Now()
	for i := range n {
		wg.Go(func() {
			if a := e.post(t, ownPath("own"), talk("big", false, fmt.Sprint("turn ", i, " of many "), large), bearer(key)...); a.status != http.StatusOK {
				t.Errorf("request %d: got %v", i, a)
			}
		})
	}
	wg.Wait()
	t.Logf("measured: %d first requests took %v", n, time.Since(start).Round(time.Millisecond))
	got := p.taken()
	seen := map[string]bool{}
	for _, r := range got {
		if i := strings.Index(r, "turn "); i >= 0 && strings.Contains(r, large) {
			seen[r[i:i+10]] = true
		}
	}
	if len(got) != n || len(seen) != n {
		t.Errorf("the provider got %d requests, %d different ones, want %d", len(got), len(seen), n)
	}
	if events := e.AwaitEvents(key, n); len(events) != n {
		t.Errorf("%d events, want %d", len(events), n)
	}
}

// TestCustomProviderChangesUnderLoad: the target moves to and fro while requests
// run. None fails, and once a change is answered no request goes the old way.
func TestCustomProviderChangesUnderLoad(t *testing.T) {
	places := []*ownProvider{startOwn(t, "bearer"), startOwn(t, "bearer")}
	e := newEnv(t, testenv.Options{AllowUpstream: []string{places[0].address(), places[1].address()}})
	id, key := e.own(t, "own", places[0], nil)
	done := make(chan struct{})
	var sent atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if a := e.post(t, ownPath("own"), talk("big", true), bearer(key)...); a.status != http.StatusOK || a.err != nil {
					t.Errorf("got %v", a)
				}
				sent.Add(1)
			}
		})
	}
	const rounds = 20
	var slowest time.Duration
	for i := range rounds {
		to, from := places[(i+1)%2], places[i%2]
		before := time.Now()
		if late := e.Do(http.MethodPatch, "/api/custom/providers/"+id, testenv.Object{"route_configs": ownRoutes(to.address())})["unacknowledged"]; late != nil {
			t.Errorf("not acknowledged by %v", late)
		}
		slowest = max(slowest, time.Since(before))
		mark := fmt.Sprint("round ", i, ";")
		if a := e.post(t, ownPath("own"), talk("big", false, mark), bearer(key)...); a.status != http.StatusOK {
			t.Errorf("round %d: got %v", i, a)
		}
		if got := strings.Join(from.taken(), " "); strings.Contains(got, mark) {
			t.Errorf("round %d went the old way", i)
		}
		if got := strings.Join(to.taken(), " "); !strings.Contains(got, mark) {
			t.Errorf("round %d did not arrive", i)
		}
	}
	close(done)
	wg.Wait()
	t.Logf("measured: %d requests during %d changes, the slowest change took %v", sent.Load(), rounds, slowest.Round(time.Millisecond))
}

// TestCustomProviderComesAndGoes: deletion is in force at once, and the same
// name and origin may come back, also after Envoy dropped the cluster.
func TestCustomProviderComesAndGoes(t *testing.T) {
	p := startOwn(t, "bearer")
	e := newEnv(t, testenv.Options{AllowUpstream: []string{p.address()}})
	for round := range 3 {
		id, key := e.own(t, "own", p, nil)
		setting := e.Do(http.MethodGet, "/api/key-management/keys/"+key.ID, nil)["settingIds"].([]any)[0].(string)
		if a := e.post(t, ownPath("own"), talk("big", false), bearer(key)...); a.status != http.StatusOK {
			t.Fatalf("round %d: got %v", round, a)
		}
		if status, _ := e.Call(http.MethodDelete, "/api/custom/providers/"+id, nil); status != http.StatusConflict {
			t.Errorf("deleted although a setting uses it: %d", status)
		}
		e.Do(http.MethodPatch, "/api/key-management/keys/"+key.ID, testenv.Object{"settingIds": []string{e.openAI}})
		e.Do(http.MethodDelete, "/api/provider-settings/"+setting, nil)
		e.Do(http.MethodDelete, "/api/custom/providers/"+id, nil)
		if a := e.post(t, ownPath("own"), talk("big", false), bearer(key)...); a.status != http.StatusNotFound {
			t.Fatalf("round %d: got %v after the deletion", round, a)
		}
		if round == 0 {
			continue // comes back before Envoy dropped the cluster, perhaps
		}
		testenv.Eventually(t, 10*time.Second, "Envoy drops the cluster", func() bool {
			return !strings.Contains(e.clusters(t), "custom/http/"+p.address())
		})
	}
}

// clusters is what Envoy says of its clusters.
func (e *env) clusters(t *testing.T) string {
	t.Helper()
	resp, err := e.client.Get("http://" + e.EnvoyAdmin() + "/clusters")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCustomClusterOutlivesARestart: Envoy goes on with what it fetched while
// the gateway is away, and is told of later changes by the one that comes back.
func TestCustomClusterOutlivesARestart(t *testing.T) {
	places := []*ownProvider{startOwn(t, "bearer"), startOwn(t, "bearer")}
	e := newEnv(t, testenv.Options{Serve: true, AllowUpstream: []string{places[0].address(), places[1].address()}})
	id, key := e.own(t, "own", places[0], nil)
	expect := func(what string, to *ownProvider) {
		t.Helper()
		testenv.Eventually(t, 10*time.Second, what, func() bool {
			a, err := e.try(t.Context(), http.MethodPost, ownPath("own"), talk("big", false), bearer(key)...)
			return err == nil && a.status == http.StatusOK
		})
		if len(to.taken()) == 0 {
			t.Errorf("%s: the request went elsewhere", what)
		}
	}
	expect("at first", places[0])
	e.Kill()
	e.Restart()
	expect("after the restart", places[0])
	e.Do(http.MethodPatch, "/api/custom/providers/"+id, testenv.Object{"route_configs": ownRoutes(places[1].address())})
	expect("after a change", places[1])
	testenv.Eventually(t, 10*time.Second, "Envoy drops the old cluster", func() bool {
		all := e.clusters(t)
		return !strings.Contains(all, "custom/http/"+places[0].address()) && strings.Contains(all, "custom/http/"+places[1].address())
	})
}

// TestCustomProviderThatCannotBeReached: a host that nobody knows, and a port
// where nobody listens.
func TestCustomProviderThatCannotBeReached(t *testing.T) {
	p := startOwn(t, "bearer")
	dead := p.address()
	e := newEnv(t, testenv.Options{AllowUpstream: []string{dead}})
	id, key := e.own(t, "own", p, nil)
	p.CloseClientConnections()
	_ = p.Listener.Close()
	nowhere := ownRoutes(dead)
	nowhere[0]["target_url"] = "https://no-such-host.invalid/v2/generate"
	for name, routes := range map[string][]testenv.Object{"nobody listens": ownRoutes(dead), "no such host": nowhere} {
		e.Do(http.MethodPatch, "/api/custom/providers/"+id, testenv.Object{"route_configs": routes})
		a := e.post(t, ownPath("own"), talk("big", false), bearer(key)...)
		if got := decodeError(t, a); a.status != http.StatusBadGateway && a.status != http.StatusServiceUnavailable || got.Error.Code == nil || *got.Error.Code != "upstream_error" {
			t.Errorf("%s: got %v", name, a)
		}
		if ev := e.AwaitEvent(key, a.eventID()); ev.Status != a.status || ev.Cost != "0" {
			t.Errorf("%s: event = %+v", name, ev)
		}
	}
}

// TestTheDocumentedCustomProvider: the example of docs/custom-providers.md is
// one, but for its host.
func TestTheDocumentedCustomProvider(t *testing.T) {
	text, err := os.ReadFile("../../docs/custom-providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("no example")
	}
	p := startOwn(t, "header")
	e := newEnv(t, testenv.Options{AllowUpstream: []string{p.address()}})
	example = strings.Replace(example, "https://llm.example.com/v2/generate", p.URL+"/v2/generate?version=7", 1)
	e.Do(http.MethodPost, "/api/custom/providers", json.RawMessage(example))
	key := e.CreateKey([]string{e.ownSetting("own", customKey)}, nil)
	e.secrets = append(e.secrets, customKey, key.Secret)
	a := e.post(t, "/api/custom/providers/own/generate", talk("big", true), bearer(key)...)
	if a.status != http.StatusOK || !strings.HasSuffix(string(a.body), "data: <end>\n\n") {
		t.Errorf("got %v", a)
	}
	if ev := e.AwaitEvent(key, a.eventID()); ev.Incomplete || ev.OutputTokens != 4 || !ev.Streamed {
		t.Errorf("event = %+v", ev)
	}
}
