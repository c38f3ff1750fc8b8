package admin

import (
	"context"
	"net/http"
	"reflect"
	"time"
)

// probeTimeout is how long a provider may take to answer a test.
const probeTimeout = 10 * time.Second

type probeAnswer struct {
	OK          bool   `json:"ok" doc:"Whether the provider took the credential."`
	Status      int    `json:"status,omitempty" doc:"HTTP status of the provider's answer; absent when there was none."`
	LatencyInMs int64  `json:"latencyInMs" doc:"How long it took, in milliseconds."`
	Hint        string `json:"hint" doc:"What it means and what to do."`
}

func (a *api) probeRoute() route {
	return route{
		method: http.MethodPost, path: settingsPath + "/{id}/test", id: "testProviderSetting",
		summary: "Call the provider with a setting, to see whether it works", group: "provider settings", access: writingWhole,
		answer: reflect.TypeFor[probeAnswer](), statuses: []int{404, 503}, handle: a.probeSetting,
	}
}

// probeSetting tells no more of the provider's answer than its status: the body
// may repeat the credential.
func (a *api) probeSetting(ctx context.Context, c *call) (any, error) {
	s, err := c.setting(ctx)
	if err != nil {
		return nil, err
	}
	if a.Probe == nil {
		return nil, unavailable.with("this process cannot call providers")
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r := a.Probe(ctx, s)
	return probeAnswer{OK: r.OK(), Status: r.Status, LatencyInMs: max(1, r.Latency.Milliseconds()), Hint: r.Hint()}, nil
}
