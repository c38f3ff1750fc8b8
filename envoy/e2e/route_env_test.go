package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// startFakes starts n fake providers with a credential of its own each: a
// request that reaches one with another's is refused, and fails its test.
func startFakes(t *testing.T, n int) []*fakeprovider.Provider {
	t.Helper()
	var fakes []*fakeprovider.Provider
	for i := range n {
		f, err := fakeprovider.Start(fakeprovider.Options{OpenAIKeys: []string{stepCredential(i)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		fakes = append(fakes, f)
	}
	return fakes
}

func stepCredential(i int) string { return fmt.Sprintf("sk-step-credential-%d-0123456789", i) }

// stepModels: by its model a request shows which step it was for.
var stepModels = []string{"gpt-4o-mini", "gpt-4o", "gpt-4.1-nano"}

// routeEnv is a gateway with three upstreams, each of which serves one model.
type routeEnv struct {
	*env
	fakes []*fakeprovider.Provider
	up    []string // settings
}

func newRouteEnv(t *testing.T, o testenv.Options) *routeEnv {
	t.Helper()
	fakes := startFakes(t, 3)
	for _, f := range fakes {
		o.AllowUpstream = append(o.AllowUpstream, f.Address())
	}
	e := &routeEnv{env: newEnv(t, o), fakes: fakes}
	for i, f := range fakes {
		e.up = append(e.up, e.CreateSetting("openai", stepCredential(i), f.URL(), testenv.Object{"allowedModels": []string{stepModels[i]}}))
		e.secrets = append(e.secrets, stepCredential(i))
	}
	e.key = e.routeKey(nil)
	t.Cleanup(func() {
		for i, f := range fakes {
			if v := f.Violations(); len(v) > 0 {
				t.Errorf("upstream %d saw what it must not see: %q", i, v)
			}
		}
	})
	return e
}

// routeKey is a key with all three settings.
func (e *routeEnv) routeKey(more testenv.Object) testenv.Key {
	k := e.CreateKey(e.up, more)
	for _, f := range e.fakes {
		f.Forbid(k.Secret)
	}
	e.secrets = append(e.secrets, k.Secret)
	e.keys = append(e.keys, k)
	return k
}

// step is a step at upstream i; more goes on top.
func step(i int, more testenv.Object) testenv.Object {
	s := testenv.Object{"provider": "openai", "model": stepModels[i]}
	for k, v := range more {
		s[k] = v
	}
	return s
}

// newRoute makes a route for the env's key and more keys, and returns its id.
func (e *routeEnv) newRoute(path string, steps []testenv.Object, keys ...testenv.Key) string {
	ids := []string{e.key.ID}
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	id, _ := e.Do(http.MethodPost, "/api/routes", testenv.Object{
		"name": path, "path": path, "steps": steps, "keyIds": ids, "cacheConfig": testenv.Object{"enabled": false},
	})["id"].(string)
	return id
}

// calls is how many requests each upstream saw since the last reset.
func (e *routeEnv) calls() []int {
	var n []int
	for _, f := range e.fakes {
		n = append(n, len(f.Requests()))
	}
	return n
}

func (e *routeEnv) reset() {
	for _, f := range e.fakes {
		f.Reset()
	}
}

// event waits for the answer's event, in a subtest of its own goroutine.
func (e *routeEnv) event(t *testing.T, a answer) (found testenv.Event) {
	t.Helper()
	if a.eventID() == "" {
		t.Fatalf("no event id in %v of %v", a.header, a)
	}
	testenv.Eventually(t, waitForEvents, "event "+a.eventID(), func() bool {
		for _, ev := range e.Events(url.Values{"keyIds": {e.key.ID}}) {
			if ev.ID == a.eventID() {
				found = ev
				return true
			}
		}
		return false
	})
	return found
}
