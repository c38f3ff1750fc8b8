package processor

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/bricks-gateway/bricks/internal/cache"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

func keyed() *exchange {
	p, _ := provider.Get("openai")
	m, _, err := p.ForOperation("chat", nil)
	if err != nil {
		panic(err)
	}
	setting := &configcache.Setting{ProviderSetting: gateway.ProviderSetting{ID: "s", Revision: 1}}
	return &exchange{
		key: &gateway.Key{ID: "key"},
		in:  inbound{authorization: "Bearer secret"},
		steps: []*routeStep{{
			RouteStep: gateway.RouteStep{Provider: "openai", Model: "m"}, match: m, settings: []*configcache.Setting{setting},
		}},
	}
}

func keyFor(t testing.TB, x *exchange, body string, pairs ...string) cache.Key {
	t.Helper()
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	k, ok := x.cacheKey(m, []byte(body))
	if !ok {
		t.Fatalf("no key for %s", body)
	}
	return k
}

// TestWhatElseIsPartOfTheKey: what a request through Envoy shows badly.
func TestWhatElseIsPartOfTheKey(t *testing.T) {
	const body = `{"messages":[]}`
	seen := map[cache.Key]string{keyFor(t, keyed(), body): "the first"}
	for name, change := range map[string]func(*exchange){
		"a rotated secret":    func(x *exchange) { x.in.authorization = "Bearer other" },
		"the key's id":        func(x *exchange) { x.key.ID = "key2" },
		"its policy":          func(x *exchange) { x.key.PolicyID = "p" },
		"a setting's version": func(x *exchange) { x.steps[0].settings[0].Revision++ },
		"another setting":     func(x *exchange) { x.steps[0].settings[0].ID = "s2" },
		"one setting more":    func(x *exchange) { x.steps[0].settings = append(x.steps[0].settings, x.steps[0].settings[0]) },
		"one step more":       func(x *exchange) { x.steps = append(x.steps, x.steps[0]) },
		"no step":             func(x *exchange) { x.steps = nil },
		"the step's place":    func(x *exchange) { x.steps[0].position++ },
		"a query":             func(x *exchange) { x.in.query = "a" },
	} {
		x := keyed()
		change(x)
		k := keyFor(t, x, body)
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[k] = name
	}
	for name, pairs := range map[string][]string{
		"one header": {"x-a", "bc"}, "its border": {"x-ab", "c"}, "two": {"x-a", "b", "c", ""}, "its value": {"x-a", "bd"}, "an empty one": {"x-a", ""},
	} {
		k := keyFor(t, keyed(), body, pairs...)
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[k] = name
	}
	if keyFor(t, keyed(), body, "x-a", "1", "x-b", "2") != keyFor(t, keyed(), body, "x-b", "2", "x-a", "1") {
		t.Error("the order of headers is part of the key")
	}
	if _, ok := keyed().cacheKey(&corev3.HeaderMap{}, []byte(`{"a":`)); ok {
		t.Error("half a body has a key")
	}
}

// FuzzCacheKey: two bodies share a key exactly if they hold the same values,
// numbers as they are spelled.
func FuzzCacheKey(f *testing.F) {
	for _, pair := range [][2]string{
		{`{"a":1}`, ` { "a" : 1 } `}, {`{"a":1,"b":2}`, `{"b":2,"a":1}`}, {`{"a":"\u0041"}`, `{"a":"A"}`}, {`{"a":1}`, `{"a":1.0}`},
		{`{"a":9007199254740992}`, `{"a":9007199254740993}`}, {`{"a":[1,2]}`, `{"a":[2,1]}`}, {`{"a":{}}`, `{"a":[]}`}, {`{"a":"1"}`, `{"a":1}`},
		{`{"a":null}`, `{}`}, {`{"é":1}`, `{"e\u0301":1}`}, {`{"a":"\ud83d\ude00"}`, `{"a":"😀"}`}, {`{"a":-0}`, `{"a":0}`}, {`{"a":1e3}`, `{"a":1E3}`},
	} {
		f.Add([]byte(pair[0]), []byte(pair[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if jsonscan.Check(a) != nil || jsonscan.Check(b) != nil {
			return // the body is refused before
		}
		if equal, same := reflect.DeepEqual(values(t, a), values(t, b)), keyFor(t, keyed(), string(a)) == keyFor(t, keyed(), string(b)); equal != same {
			t.Errorf("%s and %s: equal %v, same key %v", a, b, equal, same)
		}
	})
}

func values(t *testing.T, body []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func BenchmarkCacheKey(b *testing.B) {
	x := keyed()
	body := []byte(`{"model":"gpt-4o-mini","temperature":0.2,"messages":[{"role":"system","content":"You are kind."},{"role":"user","content":"` + string(bytes.Repeat([]byte("word "), 200)) + `"}]}`)
	h := &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "user-agent", RawValue: []byte("x")}, {Key: "openai-beta", RawValue: []byte("y")}}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := x.cacheKey(h, body); !ok {
			b.Fatal("no key")
		}
	}
}
