// Package configserver serves the config stream: processors subscribe to keys
// by digest and to end users by name, and are told of them, of the settings and
// policies that the keys use, and of every later change. Routes and custom
// providers are few, so that every processor is told of all.
//
// Each stream has one sender, which takes what is marked as dirty, reads it from
// the store as it is then, and sends it. Subscriptions and changes both only
// mark: since reading and sending happen in one place and in order, an answer
// to an old question can never follow the news of a revocation.
package configserver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	MatchingUsers(ctx context.Context, userID, keyID string, tags []string, limit int) ([]*gateway.User, error)
	CustomProviders(ctx context.Context, f store.CustomProviderFilter) ([]*gateway.CustomProvider, error)
	Policies(ctx context.Context, f store.PolicyFilter) ([]*gateway.Policy, error)
	Revision(ctx context.Context) (int64, error)
	PriceOverrides(ctx context.Context) ([]*gateway.PriceOverride, error)
	UnknownPricePolicy(ctx context.Context) (gateway.UnknownPricePolicy, error)
}

// Server implements bricks.config.v1.ConfigDiscovery. Safe for concurrent use.
type Server struct {
	configv1.UnimplementedConfigDiscoveryServer
	Options
	logger *slog.Logger

	maxFollowed int           // keys a stream may follow, and end users
	ackTimeout  time.Duration // how long an update may go without its acknowledgement

	mu      sync.Mutex
	streams map[*stream]struct{}
	lost    []*stream // ended without a goodbye: their processors may serve what they knew; oldest first
	counts  counter
}

// Options configures a Server. Store and Keyring are required.
type Options struct {
	Store   Store
	Keyring *secrets.Keyring
	// StaleAfter is how long a processor without a stream serves what it knows;
	// 1h if 0.
	StaleAfter time.Duration
	// LockCounting takes the place of the one processor on this store that counts
	// limits in its own process; a Conflict when it is taken. Nil: the caller
	// holds it.
	LockCounting func(ctx context.Context) (release func(), err error)
}

const (
	// maxFollowed is more than a processor's cache holds.
	maxFollowed = 100_000
	// ackTimeout: who does not acknowledge for so long is hung. Its stream ends,
	// and with it what is kept for it here.
	ackTimeout = 30 * time.Second
)

// New returns a server without streams.
func New(o Options, logger *slog.Logger) *Server {
	if o.StaleAfter == 0 {
		o.StaleAfter = time.Hour
	}
	return &Server{Options: o, logger: logger, maxFollowed: maxFollowed, ackTimeout: ackTimeout, streams: map[*stream]struct{}{}}
}

// Register adds the server to g.
func (s *Server) Register(g *grpc.Server) { configv1.RegisterConfigDiscoveryServer(g, s) }

// Stream serves one processor.
func (s *Server) Stream(g configv1.ConfigDiscovery_StreamServer) error {
	first, err := g.Recv()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(g.Context())
	defer cancel()
	if first.CountsInProcess {
		release, err := s.startCounting(ctx, first, cancel)
		if err != nil {
			return err
		}
		defer release()
	}
	if err := g.SendHeader(nil); err != nil { // the stream is accepted
		return err
	}
	x := newStream(s, first.NodeId)
	s.begin(x)
	err = s.serve(ctx, x, first, g)
	s.end(x, err == nil)
	return err
}

// serve returns nil when the processor has said goodbye. Its goroutines end with
// the handler: a send to a processor that hangs is ended by nothing else.
func (s *Server) serve(ctx context.Context, x *stream, first *configv1.ConfigRequest, g configv1.ConfigDiscovery_StreamServer) error {
	sent, received := make(chan error, 1), make(chan error, 1)
	go func() { sent <- x.send(ctx, g) }()
	go func() { received <- x.receive(first, g) }()
	look := time.NewTicker(s.ackTimeout / 4)
	defer look.Stop()
	for {
		select {
		case err := <-received:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case err := <-sent:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
			if x.overdue() {
				return status.Error(codes.DeadlineExceeded, "updates are not acknowledged")
			}
		}
	}
}

// Streams is how many processors are connected now.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

// Changed marks what the changes touch, on every stream that follows it, and
// returns a barrier for the acknowledgements.
func (s *Server) Changed(changes []store.Change) Barrier {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := Barrier{}
	s.forget()
	for x := range s.streams {
		if mark, touched := x.mark(changes); touched {
			b[x] = mark
		}
	}
	for _, x := range s.lost {
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

// Wait returns once every touched stream has acknowledged or is lost, or when
// ctx ends: with the names of the nodes that did not acknowledge and may still
// serve what they knew before.
func (b Barrier) Wait(ctx context.Context) (missing []string) {
	for x, mark := range b {
		if !x.wait(ctx, mark) {
			missing = append(missing, x.node)
		}
	}
	return missing
}
