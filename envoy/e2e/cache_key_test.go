package e2e

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

const wholeChat = `{"model":"m","messages":[{"role":"system","content":"be kind"},{"role":"user","content":[{"type":"text","text":"hi"}],"name":"n"}],` +
	`"temperature":0.5,"top_p":1,"seed":7,"n":1,"max_tokens":16,"stop":["x","y"],"user":"u","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}],` +
	`"metadata":{"k":"v"},"response_format":{"type":"text"},"unknown":{"big":9007199254740993,"deep":[1,{"x":null}]}}`

// sameChat says what wholeChat says.
const sameChat = ` { "unknown" : {"deep":[1,{"x":null}],"big":9007199254740993},"response_format":{"type":"text"}, "metadata":{"k":"v"},
	"tools":[{"function":{"parameters":{"properties":{"a":{"type":"string"}},"type":"object"},"name":"f"},"type":"function"}],
	"user":"u","stop":["x","y"],"max_tokens":16,"n":1,"seed":7,"top_p":1,"temperature":0.5,
	"messages":[{"content":"be \u006bind","role":"system"},{"name":"n","role":"user","content":[{"text":"hi","type":"text"}]}],"model":"m"}`

// cacheKeys: a change of anything that an answer may depend on is another
// request.
func cacheKeys(t *testing.T, e *faultEnv) {
	other := e.routeKey(nil)
	e.cachedRoute("/keys/a", "", []testenv.Object{step(0, nil)}, other)
	e.cachedRoute("/keys/b", "", []testenv.Object{step(0, nil)}, other)
	ask := func(path, body string, headers ...string) string {
		a := e.post(t, path, body, headers...)
		if a.status != 200 {
			t.Errorf("%s %s: %v", path, body, a)
		}
		return cached(a)
	}
	if first, second := ask("/api/route/keys/a", wholeChat), ask("/api/route/keys/a", wholeChat); first != "miss" || second != "hit" {
		t.Fatalf("got %q, then %q", first, second)
	}
	// Nothing but its looks has changed.
	for name, headers := range map[string][]string{
		"itself": nil, "software": {"User-Agent", "x", "X-Stainless-Lang", "go", "Accept", "text/plain"}, "names": {"X-Custom-Event-Id", "7", "X-Metadata", `{"a":1}`},
		"traces": {"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Request-Id", "r", "X-Correlation-Id", "c"}, "the key's header": {"Authorization", "", "X-Api-Key", e.key.Secret},
	} {
		for _, body := range []string{wholeChat, sameChat} {
			if got := ask("/api/route/keys/a", body, headers...); got != "hit" {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	before := e.upstreamCalls()
	others := 0
	miss := func(name, path, body string, headers ...string) {
		others++
		if got := ask(path, body, headers...); got != "miss" {
			t.Errorf("%s: %s", name, got)
		}
	}
	miss("another key", "/api/route/keys/a", wholeChat, bearer(other)...)
	miss("another route", "/api/route/keys/b", wholeChat)
	miss("a query", "/api/route/keys/a?x=1", wholeChat)
	miss("a header", "/api/route/keys/a", wholeChat, "OpenAI-Beta", "x=1")
	miss("its value", "/api/route/keys/a", wholeChat, "OpenAI-Beta", "x=2")
	miss("a header nobody knows", "/api/route/keys/a", wholeChat, "X-Vendor-Mode", "strict")
	for _, m := range mutations {
		changed, ok := m.apply(wholeChat)
		if !ok {
			t.Errorf("%v changes nothing", m)
		}
		miss(changed, "/api/route/keys/a", changed)
	}
	if n := e.upstreamCalls() - before; n != others {
		t.Errorf("%d calls for %d requests", n, others)
	}
}
