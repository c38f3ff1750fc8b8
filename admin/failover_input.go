package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/store"
)

const (
	paramDeployment = provider.ParamDeployment
	paramAPIVersion = provider.ParamAPIVersion

	defaultStepTimeout = "5m"
	minStepTimeout     = time.Millisecond
	maxStepTimeout     = time.Hour
	defaultCacheTTL    = "168h"
	maxCacheTTL        = 720 * time.Hour
)

// setSteps takes over the steps as they were given.
func setSteps(r *gateway.Route, in []routeStep) (faults []fault) {
	r.Steps = nil
	if len(in) == 0 {
		faults = append(faults, fault{Pointer: "/steps", Detail: "must have at least 1 item"})
	}
	for i, s := range in {
		step := gateway.RouteStep{Provider: s.Provider, Model: s.Model, Retries: int(s.Retries.Value), Timeout: gateway.DefaultStepTimeout, TimeoutText: s.Timeout.Value}
		if s.Params != (routeParams{}) {
			step.Params = map[string]string{}
		}
		for name, value := range map[string]string{paramDeployment: s.Params.DeploymentID, paramAPIVersion: s.Params.APIVersion, provider.ParamPath: s.Params.Path} {
			if value != "" {
				step.Params[name] = value
			}
		}
		if text := s.Timeout.Value; text != "" {
			d, err := time.ParseDuration(text)
			if err != nil || d < minStepTimeout || d > maxStepTimeout {
				faults = append(faults, fault{Pointer: "/steps/" + strconv.Itoa(i) + "/timeout", Detail: "must be a duration from 1ms to 1h, such as 5s or 1m30s"})
			}
			step.Timeout = d
		}
		r.Steps = append(r.Steps, step)
	}
	return faults
}

func setKeyIDs(r *gateway.Route, in []string) (faults []fault) {
	r.KeyIDs = nil
	for i, text := range in {
		id, ok := canonicalID(text)
		switch {
		case !ok:
			faults = append(faults, noSuchKey(i))
		case !slices.Contains(r.KeyIDs, id):
			r.KeyIDs = append(r.KeyIDs, id)
		}
	}
	return faults
}

func noSuchKey(i int) fault {
	return fault{Pointer: "/keyIds/" + strconv.Itoa(i), Detail: "no key has this id"}
}

func setCache(r *gateway.Route, in cacheConfig) (faults []fault) {
	r.Cache = gateway.RouteCache{Enabled: in.Enabled, TTL: in.TTL.Value}
	if in.TTL.Value != "" {
		if d, err := time.ParseDuration(in.TTL.Value); err != nil || d <= 0 || d > maxCacheTTL {
			faults = append(faults, fault{Pointer: "/cacheConfig/ttl", Detail: "must be a positive duration of at most 720h, such as 5s or 168h"})
		}
	}
	return faults
}

func pathFaults(r *gateway.Route) []fault {
	if detail := pathDetail(r.Path); detail != "" {
		return []fault{{Pointer: "/path", Detail: detail}}
	}
	return nil
}

// stepFaults says which steps cannot be called, or speak another API than those
// before them.
func (a *api) stepFaults(ctx context.Context, r *gateway.Route) (faults []fault, err error) {
	operations := []string{r.Operation}
	if r.Operation == "" {
		operations = []string{gateway.OperationChat, gateway.OperationEmbeddings}
	}
	spoken := map[string]provider.Meter{} // by operation: what the steps so far speak
	for i, s := range r.Steps {
		meters, wrong, err := a.stepMeters(ctx, s, operations)
		if err != nil {
			return nil, err
		}
		for operation, meter := range meters {
			if other, ok := spoken[operation]; ok && other != meter {
				wrong = &fault{Pointer: "/provider", Detail: "speaks another API than the steps before it"}
			} else {
				spoken[operation] = meter
			}
		}
		if wrong != nil {
			faults = append(faults, fault{Pointer: "/steps/" + strconv.Itoa(i) + wrong.Pointer, Detail: wrong.Detail})
		}
	}
	return faults, nil
}

// stepMeters are the operations that a step does, and how each tells its usage.
// wrong, with a pointer within the step, is why it cannot be called.
func (a *api) stepMeters(ctx context.Context, s gateway.RouteStep, operations []string) (meters map[string]provider.Meter, wrong *fault, err error) {
	p, ok := provider.Get(s.Provider)
	if !ok || !slices.Contains(a.Providers, s.Provider) {
		return a.customMeters(ctx, s, operations)
	}
	if s.Params[provider.ParamPath] != "" {
		return nil, &fault{Pointer: "/params/path", Detail: "is for custom providers only"}, nil
	}
	meters = map[string]provider.Meter{}
	for _, operation := range operations {
		m, _, e := p.ForOperation(operation, s.Params)
		if e != nil {
			wrong = &fault{Detail: e.Error()}
			continue
		}
		meters[operation] = m.Endpoint.Meter
	}
	if len(meters) > 0 {
		wrong = nil
	}
	return meters, wrong, nil
}

// customMeters is stepMeters for a step at a custom provider.
func (a *api) customMeters(ctx context.Context, s gateway.RouteStep, operations []string) (map[string]provider.Meter, *fault, error) {
	p, err := a.customFor(ctx, s.Provider)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, &fault{Pointer: "/provider", Detail: "is no custom provider and is not supported; this version supports " + strings.Join(a.Providers, ", ")}, nil
	}
	for _, name := range [...]string{paramDeployment, paramAPIVersion} {
		if s.Params[name] != "" {
			return nil, &fault{Pointer: "/params/" + name, Detail: "is not for custom providers"}, nil
		}
	}
	made, err := provider.NewCustom(p)
	if err != nil {
		return nil, nil, err
	}
	done, err := made.StepOperations(operations, s.Params)
	if err != nil {
		return nil, &fault{Detail: err.Error()}, nil
	}
	meters := map[string]provider.Meter{}
	for _, operation := range done {
		meters[operation] = provider.MeterOpenAI
	}
	return meters, nil, nil
}

// pathDetail says what is wrong with a route's path. What Envoy or another proxy
// could read differently is refused: escapes, parameters, dots as segments.
func pathDetail(path string) string {
	switch {
	case !strings.HasPrefix(path, "/"):
		return "must start with a slash"
	case strings.ContainsFunc(path, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("/-_.:", c))
	}):
		return "may hold letters, digits, slashes, dashes, underscores, dots and colons only"
	case strings.Contains(path, "//") || strings.Contains(path, "/.") || len(path) > 1 && strings.HasSuffix(path, "/"):
		return "must have no empty segment and none that begins with a dot"
	}
	return ""
}

// unservedKeys says which keys do not exist, and which have no setting for a
// step: their requests would pass over it without a word.
func (a *api) unservedKeys(ctx context.Context, r *gateway.Route) (faults []fault, err error) {
	if len(r.KeyIDs) == 0 {
		return nil, nil
	}
	list, _, err := a.Store.Keys(ctx, store.KeyFilter{IDs: r.KeyIDs})
	if err != nil {
		return nil, err
	}
	keys := map[string]*gateway.Key{}
	var settingIDs []string
	for _, k := range list {
		keys[k.ID] = k
		settingIDs = append(settingIDs, k.SettingIDs...)
	}
	settings := map[string]*gateway.ProviderSetting{}
	if settingIDs = distinct(settingIDs); len(settingIDs) > 0 {
		found, err := a.Store.Settings(ctx, settingIDs)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			settings[s.ID] = s
		}
	}
	for i, id := range r.KeyIDs {
		k := keys[id]
		if k == nil {
			faults = append(faults, noSuchKey(i))
			continue
		}
		for n, step := range r.Steps {
			if !serves(k, settings, step) {
				faults = append(faults, fault{Pointer: "/steps/" + strconv.Itoa(n), Detail: fmt.Sprintf("key %s has no provider setting for %s that allows model %s", id, step.Provider, step.Model)})
			}
		}
	}
	return faults, nil
}

func serves(k *gateway.Key, settings map[string]*gateway.ProviderSetting, step gateway.RouteStep) bool {
	return slices.ContainsFunc(k.SettingIDs, func(id string) bool {
		s := settings[id]
		return s != nil && s.Provider == step.Provider && (len(s.AllowedModels) == 0 || slices.Contains(s.AllowedModels, step.Model))
	})
}
