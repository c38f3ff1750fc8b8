package admin

import (
	"context"
	"net/http"
	"reflect"
	"time"
)

const documentPath = "/api/openapi.json"

type health struct {
	Status  string `json:"status" enum:"ok"`
	Version string `json:"version"`
}

// anyObject is an answer whose members other packages define.
type anyObject map[string]any

func (a *api) systemRoutes() []route {
	const group = "system"
	object := reflect.TypeFor[anyObject]()
	return []route{
		{method: http.MethodGet, path: "/api/health", id: "getHealth", summary: "Whether the API and its store work", group: group,
			answer: reflect.TypeFor[health](), handle: a.getHealth},
		{method: http.MethodGet, path: "/api/xds/status", id: "getXDSStatus", summary: "What every Envoy has acknowledged and refused", group: group,
			access: readingWhole, answer: object, statuses: []int{404}, handle: a.getXDSStatus},
		{method: http.MethodGet, path: documentPath, id: "getOpenAPI", summary: "This document", group: group,
			answer: object, handle: func(context.Context, *call) (any, error) { return a.document, nil }},
	}
}

func (a *api) getHealth(ctx context.Context, _ *call) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := a.Store.Ping(ctx); err != nil {
		a.Logger.WarnContext(ctx, "store did not answer", "error", err)
		return nil, unavailable.with("the store does not answer")
	}
	return health{Status: "ok", Version: a.Version}, nil
}

func (a *api) getXDSStatus(context.Context, *call) (any, error) {
	if a.XDSStatus == nil {
		return nil, notFound.with("this process runs no xDS server")
	}
	return a.XDSStatus(), nil
}
