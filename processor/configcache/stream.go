package configcache

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// goodbyeTimeout is how long the end of a stream may take.
const goodbyeTimeout = time.Second

// Run keeps the config stream up until ctx ends, and then says goodbye: nobody
// may be served any more. It returns ctx's error, or why this processor may not
// begin: another one counts in its process.
func (c *Cache) Run(ctx context.Context) error {
	backoff := newBackoff()
	for ctx.Err() == nil {
		start := time.Now()
		err := c.stream(ctx)
		if c.connected.Swap(false) {
			c.lastContact.Store(time.Now().UnixNano())
		}
		if ctx.Err() != nil {
			break
		}
		if status.Code(err) == codes.FailedPrecondition {
			select {
			case <-c.ready:
				c.displaced.Store(true)
			default:
				return err
			}
		}
		c.o.Logger.Warn("config stream ended", slog.Any("error", err))
		if time.Since(start) > 10*time.Second {
			backoff = newBackoff()
		}
		if err := backoff.wait(ctx); err != nil {
			break
		}
	}
	return ctx.Err()
}

// stream runs one config stream to its end.
func (c *Cache) stream(ctx context.Context) error {
	// The stream outlives ctx by its goodbye, once it is accepted.
	streamCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	keep := context.AfterFunc(ctx, cancel)
	stream, err := configv1.NewConfigDiscoveryClient(c.o.Conn).Stream(streamCtx)
	if err != nil {
		return err
	}
	if err := stream.Send(c.begin()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	header, err := stream.Header()
	if err == nil && header == nil {
		_, err = stream.Recv() // says why there is none
	}
	if err != nil {
		return err
	}
	keep()
	c.accepted()
	g, both := errgroup.WithContext(streamCtx)
	g.Go(func() error {
		for {
			select {
			case r := <-c.outbox:
				if err := stream.Send(r); err != nil {
					return err
				}
			case <-ctx.Done():
				time.AfterFunc(goodbyeTimeout, cancel)
				return stream.CloseSend()
			case <-both.Done():
				return both.Err()
			}
		}
	})
	g.Go(func() error {
		defer cancel()
		for {
			u, err := stream.Recv()
			if err != nil {
				return err
			}
			c.lastContact.Store(time.Now().UnixNano())
			c.apply(u)
			c.send(&configv1.ConfigRequest{AckNonce: u.Nonce})
		}
	})
	return g.Wait()
}

// accepted notes that the control plane serves this stream, and asks what came
// up since begin.
func (c *Cache) accepted() {
	c.mu.Lock()
	c.lastContact.Store(time.Now().UnixNano())
	c.displaced.Store(false)
	c.connected.Store(true)
	late := &configv1.ConfigRequest{}
	c.keyQuestions.open(func(d Digest) { late.SubscribeKeys = append(late.SubscribeKeys, d[:]) })
	c.userQuestions.open(func(u endUser) { late.SubscribeUsers = append(late.SubscribeUsers, u.proto()) })
	c.mu.Unlock()
	if len(late.SubscribeKeys) > 0 || len(late.SubscribeUsers) > 0 {
		c.send(late)
	}
	c.readyOnce.Do(func() { close(c.ready) })
}

// begin opens a new epoch and builds the first request, which asks for every
// known and every wanted key.
func (c *Cache) begin() *configv1.ConfigRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	c.epoch.Add(1)
	c.beginCustoms()
	c.beginPolicies()
	first := &configv1.ConfigRequest{NodeId: c.o.NodeID, Instance: c.instance, CountsInProcess: c.o.CountsInProcess}
	c.keys.Range(func(k, v any) bool {
		d := k.(Digest)
		if v.(*entry).key == nil {
			c.keys.Delete(d) // asked again when presented again
		} else {
			first.SubscribeKeys = append(first.SubscribeKeys, d[:])
		}
		return true
	})
	c.absent, c.arriving = nil, nil
	c.keyQuestions.reopen(func(d Digest) { first.SubscribeKeys = append(first.SubscribeKeys, d[:]) })
	// Known end users are asked for again when they come: there may be many.
	c.userQuestions.reopen(func(u endUser) { first.SubscribeUsers = append(first.SubscribeUsers, u.proto()) })
	return first
}

// drain empties the outbox of what was meant for an earlier stream.
func (c *Cache) drain() {
	for {
		select {
		case <-c.outbox:
		default:
			return
		}
	}
}

type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{next: 50 * time.Millisecond} }

// wait sleeps for 50 ms at first, doubling up to 1 s.
func (b *backoff) wait(ctx context.Context) error {
	t := time.NewTimer(b.next)
	defer t.Stop()
	b.next = min(2*b.next, time.Second)
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func keyFromProto(k *configv1.Key) *gateway.Key {
	key := &gateway.Key{
		ID: k.Id, Name: k.Name, Tags: k.Tags, Revision: k.Revision,
		Revoked: k.Revoked, RevokedReason: k.RevokedReason,
		SettingIDs: k.SettingIds, AllowedModels: k.AllowedModels, PolicyID: k.PolicyId,
		ShouldLogRequest: k.ShouldLogRequest, ShouldLogResponse: k.ShouldLogResponse,
		RotationEnabled: k.RotationEnabled, RequireUser: k.RequireUser, AllowUnbounded: k.AllowUnbounded,
		MaxParallelRequests: int(k.MaxParallelRequests),
		CostLimit:           gateway.NanoUSD(k.CostLimit),
		CostLimitOverTime:   gateway.NanoUSD(k.CostLimitOverTime), CostLimitUnit: gateway.Unit(k.CostLimitUnit),
		RateLimitOverTime: k.RateLimitOverTime, RateLimitUnit: gateway.Unit(k.RateLimitUnit),
	}
	if k.ExpiresAtMs != 0 {
		key.ExpiresAt = time.UnixMilli(k.ExpiresAtMs)
	}
	for _, p := range k.AllowedPaths {
		key.AllowedPaths = append(key.AllowedPaths, gateway.PathRule{Path: p.Path, Method: p.Method})
	}
	return key
}

func settingFromProto(s *configv1.ProviderSetting) *Setting {
	return &Setting{
		ProviderSetting: gateway.ProviderSetting{
			ID: s.Id, Provider: s.Provider, APIKey: gateway.NewSecret(s.ApiKey),
			Params: s.Params, AllowedModels: s.AllowedModels, Revision: s.Revision,
		},
		Cluster: s.Cluster, Authority: s.Authority, PathPrefix: s.PathPrefix,
	}
}
