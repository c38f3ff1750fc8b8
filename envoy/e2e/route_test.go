package e2e

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

func TestRouteSmoke(t *testing.T) {
	e := newRouteEnv(t, testenv.Options{})
	e.newRoute("/smoke", []testenv.Object{step(0, testenv.Object{"retries": 1}), step(1, nil), step(2, nil)})
	for _, path := range []string{"/api/route/smoke", "/api/routes/smoke"} {
		a := e.post(t, path, `{"model":"x",`+hello+`}`)
		t.Log(a, a.header, e.calls())
		t.Logf("%+v", e.AwaitEvent(e.key, a.eventID()))
		a = e.post(t, path, `{"model":"x","stream":true,`+hello+`}`)
		t.Log(a, a.header, e.calls())
		t.Logf("%+v", e.AwaitEvent(e.key, a.eventID()))
	}
	e.reset()
	a := e.post(t, "/api/route/smoke", `{"model":"x",`+hello+`}`, "X-Fake-Status", "500")
	t.Log(a, a.header, e.calls())
	e.reset()
	a = e.post(t, "/api/route/smoke", `{"stream":true,`+hello+`}`, "X-Fake-Error-After", "1")
	t.Log(a, a.header, e.calls())
	e.reset()
	a = e.post(t, "/api/route/smoke", `{"stream":true,`+hello+`}`, "X-Fake-Error-After", "3")
	t.Log(a, a.header, e.calls())
}
