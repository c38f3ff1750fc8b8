// Package configserver serves the config stream: processors subscribe to keys
// by digest and are told of them, of the settings that they use, and of every
// later change. Routes are few, so that every processor is told of all.
//
// Each stream has one sender, which takes what is marked as dirty, reads it from
// the store as it is then, and sends it. Subscriptions and changes both only
// mark: since reading and sending happen in one place and in order, an answer
// to an old question can never follow the news of a revocation.
package configserver

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// Store is what the server reads.
type Store interface {
	KeyByDigest(ctx context.Context, digest secrets.Digest) (*gateway.Key, time.Time, error)
	Settings(ctx context.Context, ids []string) ([]*gateway.ProviderSetting, error)
	Routes(ctx context.Context, ids []string) ([]*gateway.Route, error)
	Revision(ctx context.Context) (int64, error)
}

// Server implements bricks.config.v1.ConfigDiscovery. Safe for concurrent use.
type Server struct {
	configv1.UnimplementedConfigDiscoveryServer
	store   Store
	keyring *secrets.Keyring
	logger  *slog.Logger

	mu      sync.Mutex
	streams map[*stream]struct{}
}

// New returns a server without streams.
func New(s Store, k *secrets.Keyring, logger *slog.Logger) *Server {
	return &Server{store: s, keyring: k, logger: logger, streams: map[*stream]struct{}{}}
}

// Register adds the server to g.
func (s *Server) Register(g *grpc.Server) { configv1.RegisterConfigDiscoveryServer(g, s) }

// Stream serves one processor.
func (s *Server) Stream(g configv1.ConfigDiscovery_StreamServer) error {
	first, err := g.Recv()
	if err != nil {
		return err
	}
	x := newStream(s, first.NodeId)
	s.mu.Lock()
	s.streams[x] = struct{}{}
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(g.Context())
	sent := make(chan error, 1)
	go func() {
		defer cancel() // a sender that failed ends the stream
		sent <- x.send(ctx, g)
	}()
	received := make(chan error, 1)
	go func() { received <- x.receive(first, g) }()
	select {
	case err = <-received:
	case err = <-sent:
		sent <- err
	}
	cancel()
	s.mu.Lock()
	delete(s.streams, x)
	s.mu.Unlock()
	x.end()
	<-sent
	return err
}

// Changed marks what the changes touch, on every stream that follows it, and
// returns a barrier for the acknowledgements.
func (s *Server) Changed(changes []store.Change) Barrier {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := Barrier{}
	for x := range s.streams {
		if mark, touched := x.mark(changes); touched {
			b[x] = mark
		}
	}
	return b
}

// Resync marks all that is followed on every stream. It is for a control plane
// that begins: it cannot know which changes came after what these streams were
// told.
func (s *Server) Resync() Barrier {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := Barrier{}
	for x := range s.streams {
		if mark, touched := x.markAll(); touched {
			b[x] = mark
		}
	}
	return b
}

// Barrier waits for the streams that a change touched.
type Barrier map[*stream]uint64

// Wait returns once every touched stream has acknowledged or is gone, or when
// ctx ends: then with the names of the nodes that did not.
func (b Barrier) Wait(ctx context.Context) (missing []string) {
	for x, mark := range b {
		if !x.wait(ctx, mark) {
			missing = append(missing, x.node)
		}
	}
	return missing
}
