package configserver

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/secrets"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// retryInterval is the pause after the store did not answer.
const retryInterval = 200 * time.Millisecond

// maxKeys bounds one update. A processor that comes back asks for all it knew:
// in one piece the answer would pass gRPC's limit of 4 MiB, and a revocation
// would wait for the whole of it.
const maxKeys = 256

// work is what one update tells of.
type work struct {
	keys     map[secrets.Digest]secrets.Digest
	settings map[string]bool
	policies map[string]bool
	routes   routeWork
	users    []endUser
	prices   bool
	customs  customs
	mark     uint64 // up to which changes are in it; 0: some are left for later
	all      bool   // nothing is left for later
}

// take moves work out of the dirty sets: changes before answers.
func (x *stream) take() work {
	x.mu.Lock()
	defer x.mu.Unlock()
	w := work{
		keys: map[secrets.Digest]secrets.Digest{}, settings: x.dirtySettings, prices: x.dirtyPrices,
		customs: x.dirtyCustoms.take(), routes: x.takeRoutes(), policies: x.policies.take(),
	}
	x.dirtySettings, x.dirtyPrices = map[string]bool{}, false
	for _, set := range []map[secrets.Digest]secrets.Digest{x.dirtyKeys, x.asked} {
		for d, presented := range set {
			if len(w.keys) == maxKeys {
				x.poke()
				break
			}
			w.keys[d] = presented
			delete(set, d)
		}
	}
	w.users = x.takeUsers()
	if len(x.dirtyKeys) == 0 && len(x.dirtyUsers) == 0 {
		w.mark = x.marked
		w.all = len(x.asked) == 0 && len(x.askedUsers) == 0
	}
	return w
}

// putBack marks w dirty again after the store failed.
func (x *stream) putBack(w work) {
	x.putBackUsers(w.users)
	x.mu.Lock()
	defer x.mu.Unlock()
	for d, presented := range w.keys {
		if _, ok := x.followed[d]; ok {
			x.dirtyKeys[d] = presented
		}
	}
	for id := range w.settings {
		x.dirtySettings[id] = true
	}
	x.policies.putBack(w.policies)
	x.putBackRoutes(w.routes)
	x.dirtyPrices = x.dirtyPrices || w.prices
	x.dirtyCustoms.putBack(w.customs)
}

// send is the stream's sender. It returns when ctx ends or the stream breaks.
func (x *stream) send(ctx context.Context, g configv1.ConfigDiscovery_StreamServer) error {
	nonce := uint64(0)
	for {
		select {
		case <-x.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		w := x.take()
		updates, left, err := x.updates(ctx, w)
		if err != nil {
			// No answer rather than a wrong one: the processor says
			// "unavailable" while it waits.
			x.s.logger.Error("config update not built, trying again", slog.String("node", x.node), slog.Any("error", err))
			x.putBack(w)
			if err := x.retryLater(ctx); err != nil {
				return err
			}
			continue
		}
		if len(left) > 0 {
			w.mark, w.all = 0, false
			x.putBackUsers(left)
			x.poke()
		}
		for i, u := range updates {
			nonce++
			u.Nonce = nonce
			if i == len(updates)-1 {
				x.mu.Lock()
				x.unacked[nonce] = sent{w.mark, w.all, time.Now()}
				x.mu.Unlock()
			}
			if err := g.Send(u); err != nil {
				return err
			}
		}
	}
}

func (x *stream) retryLater(ctx context.Context) error {
	t := time.NewTimer(retryInterval)
	defer t.Stop()
	select {
	case <-t.C:
		select {
		case x.wake <- struct{}{}:
		default:
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// updates read what w names as it is now, but for the end users that are left
// over for the next round. The last one covers all of w.
func (x *stream) updates(ctx context.Context, w work) (updates []*configv1.ConfigUpdate, left []endUser, err error) {
	revision, err := x.s.Store.Revision(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read revision: %w", err)
	}
	u := &configv1.ConfigUpdate{Revision: revision}
	if w.prices {
		if u.Prices, err = x.prices(ctx); err != nil {
			return nil, nil, err
		}
	}
	// Copies: w has to be as it was when it is put back.
	settings, policies := maps.Clone(w.settings), maps.Clone(w.policies)
	for stored, presented := range w.keys {
		key, until, err := x.s.Store.KeyByDigest(ctx, stored)
		switch {
		case gateway.KindOf(err) == gateway.NotFound:
			u.AbsentKeys = append(u.AbsentKeys, presented[:])
		case err != nil:
			return nil, nil, fmt.Errorf("read key: %w", err)
		default:
			u.Keys = append(u.Keys, keyToProto(presented, key, until))
			for _, id := range key.SettingIDs {
				settings[id] = true
			}
			if key.PolicyID != "" {
				policies[key.PolicyID] = true
			}
		}
	}
	if err := x.addSettings(ctx, u, settings); err != nil {
		return nil, nil, err
	}
	if left, err = x.addUsers(ctx, u, w.users); err != nil {
		return nil, nil, err
	}
	before, err := x.addPolicies(ctx, u, policies)
	if err != nil {
		return nil, nil, err
	}
	told, err := x.addCustoms(ctx, u, w.customs)
	if err != nil {
		return nil, nil, err
	}
	before = append(before, told...)
	routes, err := x.s.routeUpdates(ctx, w.routes)
	for i, r := range routes {
		if i == len(routes)-1 {
			u.Routes = r // with the rest: one update as long as it fits
			break
		}
		before = append(before, &configv1.ConfigUpdate{Revision: revision, Routes: r})
	}
	return append(before, u), left, err
}

// prices reads all overrides and the policy.
func (x *stream) prices(ctx context.Context) (*configv1.Prices, error) {
	overrides, err := x.s.Store.PriceOverrides(ctx)
	if err != nil {
		return nil, fmt.Errorf("read price overrides: %w", err)
	}
	policy, err := x.s.Store.UnknownPricePolicy(ctx)
	if err != nil {
		return nil, fmt.Errorf("read unknown-price policy: %w", err)
	}
	p := &configv1.Prices{UnknownPricePolicy: string(policy)}
	for _, o := range overrides {
		p.Overrides = append(p.Overrides, &configv1.PriceOverride{
			Id: o.ID, SettingId: o.SettingID, Model: o.Model, EffectiveFrom: o.EffectiveFrom.Unix(), Prices: o.Prices,
		})
	}
	return p, nil
}

func (x *stream) addSettings(ctx context.Context, u *configv1.ConfigUpdate, wanted map[string]bool) error {
	if len(wanted) == 0 {
		return nil
	}
	ids := make([]string, 0, len(wanted))
	for id := range wanted {
		ids = append(ids, id)
	}
	// From now on changes of these are followed: before the read, so that none
	// falls between.
	x.mu.Lock()
	for _, id := range ids {
		x.usedSettings[id] = true
	}
	x.mu.Unlock()
	settings, err := x.s.Store.Settings(ctx, ids)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	for _, s := range settings {
		delete(wanted, s.ID)
		p, err := settingToProto(s)
		if err != nil {
			// The admin API refuses such settings; one in the store is not usable.
			x.s.logger.Error("provider setting is not usable", slog.String("setting_id", s.ID), slog.Any("error", err))
			wanted[s.ID] = true
			continue
		}
		u.Settings = append(u.Settings, p)
	}
	for id := range wanted {
		u.RemovedSettings = append(u.RemovedSettings, id)
	}
	return nil
}

func keyToProto(presented secrets.Digest, k *gateway.Key, until time.Time) *configv1.Key {
	p := &configv1.Key{
		Digest: presented[:], Id: k.ID, Revision: k.Revision, Name: k.Name, Tags: k.Tags,
		Revoked: k.Revoked, RevokedReason: k.RevokedReason,
		SettingIds: k.SettingIDs, AllowedModels: k.AllowedModels, PolicyId: k.PolicyID,
		ShouldLogRequest: k.ShouldLogRequest, ShouldLogResponse: k.ShouldLogResponse,
		RotationEnabled: k.RotationEnabled, RequireUser: k.RequireUser, AllowUnbounded: k.AllowUnbounded,
		MaxParallelRequests: int64(k.MaxParallelRequests),
		CostLimit:           int64(k.CostLimit),
		CostLimitOverTime:   int64(k.CostLimitOverTime), CostLimitUnit: string(k.CostLimitUnit),
		RateLimitOverTime: k.RateLimitOverTime, RateLimitUnit: string(k.RateLimitUnit),
	}
	end := k.ExpiresAt
	if !until.IsZero() && (end.IsZero() || until.Before(end)) {
		end = until // a rotated-out secret ends before its key does
	}
	if !end.IsZero() {
		p.ExpiresAtMs = end.UnixMilli()
	}
	for _, r := range k.AllowedPaths {
		p.AllowedPaths = append(p.AllowedPaths, &configv1.PathRule{Path: r.Path, Method: r.Method})
	}
	return p
}

func settingToProto(s *gateway.ProviderSetting) (*configv1.ProviderSetting, error) {
	if provider.IsCustom(s.Provider) { // its routes say where requests go
		return &configv1.ProviderSetting{
			Id: s.ID, Revision: s.Revision, Provider: s.Provider, ApiKey: s.APIKey.Reveal(), AllowedModels: s.AllowedModels, Params: s.Params,
		}, nil
	}
	o, err := provider.OriginOf(s)
	if err != nil {
		return nil, err
	}
	return &configv1.ProviderSetting{
		Id: s.ID, Revision: s.Revision, Provider: s.Provider, ApiKey: s.APIKey.Reveal(),
		AllowedModels: s.AllowedModels, Params: s.Params,
		Cluster: o.Cluster(), Authority: o.Authority(), PathPrefix: o.Prefix,
	}, nil
}
