package configserver

import (
	"context"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// counter is the place of the one processor that counts in its own process. The
// zero value is free.
type counter struct {
	instance string        // whose it is; empty: nobody's
	evict    func()        // ends its stream
	left     chan struct{} // closed when that stream has given the place back
}

// startCounting takes the place for a stream, and lets go of it with release. A
// new stream of the same process takes over: its old one hangs in a broken
// connection.
func (s *Server) startCounting(ctx context.Context, first *configv1.ConfigRequest, evict func()) (release func(), err error) {
	left := make(chan struct{})
	for {
		s.mu.Lock()
		held := s.counts
		if held.left == nil {
			s.counts = counter{first.Instance, evict, left}
			s.mu.Unlock()
			break
		}
		s.mu.Unlock()
		if held.instance == "" || held.instance != first.Instance {
			return nil, errSecondCounter
		}
		held.evict()
		select {
		case <-held.left:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	unlock := func() {}
	if s.LockCounting != nil {
		unlock, err = s.LockCounting(ctx)
	}
	release = func() {
		unlock()
		s.mu.Lock()
		s.counts = counter{}
		s.mu.Unlock()
		close(left)
	}
	if err == nil {
		return release, nil
	}
	unlock = func() {}
	release()
	if gateway.KindOf(err) == gateway.Conflict {
		return nil, errSecondCounter
	}
	s.logger.Error("processor's place not taken", slog.String("node", first.NodeId), slog.Any("error", err))
	return nil, status.Error(codes.Unavailable, "the store cannot say whether another processor counts")
}

var errSecondCounter = status.Error(codes.FailedPrecondition,
	"another processor on this database counts limits in its own process: stop it, or give both a Redis to count in (REDIS_URL or REDIS_HOSTS)")
