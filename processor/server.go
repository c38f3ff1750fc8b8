// Package processor is the external processing (ext_proc) server: it takes
// Envoy's ProcessingRequests and decides, for each request, whether it may go
// on, where to and with which credential, and what its answer cost.
//
// One exchange value serves one gRPC stream, which is one HTTP request; it is
// owned by the stream's goroutine and needs no lock. Its phases are explicit:
// a provider's credential leaves only in the step from admitted to forwarded,
// after the intent is in the spool. The package reads no database.
package processor

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/cache"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/telemetry"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// Config answers who a key is, where its settings lead, and which users bind an
// end user of it.
type Config interface {
	Key(ctx context.Context, digest configcache.Digest) (*gateway.Key, error)
	// IsKey reports whether a secret with this digest is known to be a key's.
	IsKey(ctx context.Context, digest configcache.Digest) bool
	Setting(id string) (*configcache.Setting, bool)
	// Route's error has the kind NotFound or Unavailable.
	Route(path string) (*gateway.Route, error)
	// TicketKey signs what a request hands to its attempts; nil: not known yet.
	TicketKey() []byte
	Users(ctx context.Context, key *gateway.Key, name string) ([]*gateway.User, error)
	CustomProvider(name string) (*provider.Custom, error)
	// Policy's error has the kind NotFound or Unavailable.
	Policy(id string) (*policy.Policy, error)
}

// Spool keeps events. Both methods return once the record survives a crash of
// the process.
type Spool interface {
	Intent(*gateway.Event) error
	Final(*gateway.Event) error
}

// Jobs knows the work of providers whose cost is not known yet.
type Jobs interface {
	// PendingJob reports whether the state of some stands at the path of the
	// provider, or below it.
	PendingJob(ctx context.Context, provider, path string) (bool, error)
}

// Options configures a Server. Config, Spool, Limiter, Prices, Policies and Logger are required.
type Options struct {
	Config  Config
	Spool   Spool
	Limiter limit.Limiter
	Prices  Prices
	Logger  *slog.Logger
	// Registerer takes the server's metrics; none are kept if nil.
	Registerer prometheus.Registerer
	// Usage bounds the labels that clients choose.
	Usage telemetry.Options
	// DefaultUser bounds each end user of a key that no user object matches.
	DefaultUser gateway.Limits
	// Strict: bodies are never stored, whatever a key says.
	Strict bool
	// Tracer makes the spans of requests and calls; nil: none are made.
	Tracer *telemetry.Tracer
	// Jobs says what is yet to be charged; nil: nothing is.
	Jobs Jobs
	// GenAI serves the GenAI entry; nil: its requests are refused.
	GenAI *GenAI
	// Policies finds personal data for the keys that have a policy.
	Policies *policy.Engine
	// Cache keeps answers of routes that ask for it; nil: none do.
	Cache cache.Store
	// MaxCached is the largest answer that is kept, in bytes; 1 MiB if 0.
	MaxCached int
	// Timeout bounds the time to an answer's first byte; 600s if 0.
	Timeout time.Duration
	// MaxBody is the largest request body in bytes; 10 MiB if 0.
	MaxBody int
	// MaxBodies bounds the bytes of all request bodies that may be on their way
	// to the processor at once; 512 MiB if 0.
	MaxBodies int64
}

// Server implements Envoy's ExternalProcessor. Safe for concurrent use.
type Server struct {
	o         Options
	metrics   *metrics
	refusals  *refusalLog
	rotations rotations
	health    *health
	flights   flights
	bodies    atomic.Int64 // bytes announced by requests whose body is not dealt with
	// cacheWarned is when it was last said that the cache failed, in Unix seconds.
	cacheWarned atomic.Int64
}

var _ extprocv3.ExternalProcessorServer = (*Server)(nil)

// New returns a server.
func New(o Options) *Server {
	if o.Timeout == 0 {
		o.Timeout = 600 * time.Second
	}
	if o.MaxBody == 0 {
		o.MaxBody = 10 << 20
	}
	if o.MaxBodies == 0 {
		o.MaxBodies = 512 << 20
	}
	if o.MaxCached == 0 {
		o.MaxCached = 1 << 20
	}
	s := &Server{o: o, metrics: newMetrics(o.Registerer, o.Usage), health: newHealth()}
	s.metrics.watchSteps(o.Registerer, s.health)
	s.refusals = newRefusalLog(s.writeFinal)
	return s
}

// Register adds the server to g.
func (s *Server) Register(g *grpc.Server) { extprocv3.RegisterExternalProcessorServer(g, s) }

// Close writes what is held back of the refusals' events.
func (s *Server) Close() { s.refusals.flush() }

// Process serves one request. It returns nil only when Envoy ended the stream:
// a clean end of ours would let the request go on unprocessed.
func (s *Server) Process(stream extprocv3.ExternalProcessor_ProcessServer) (err error) {
	x := &exchange{s: s, ctx: stream.Context(), start: time.Now(), send: stream.Send}
	switch role := roleOf(stream.Context()); role {
	case "":
	case roleAttempt:
		return s.processAttempt(stream)
	case roleGenAI:
		x.genAI = &genAICall{}
	default:
		return status.Errorf(codes.InvalidArgument, "unknown role %q", role)
	}
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.o.Logger.Error("panic while processing a request",
				slog.String("event_id", x.event.ID), slog.String("stack", string(debug.Stack())))
			err = status.Error(codes.Internal, "internal error")
		}
		x.finish()
	}()
	next := receiver{stream: stream}
	for {
		req, err := next.receive(x.gap(), x.shared())
		var resp *extprocv3.ProcessingResponse
		switch {
		case err != nil && x.waiting() && (errors.Is(err, errWoken) || errors.Is(err, errSilent)):
			if resp = x.resume(); resp == nil {
				continue
			}
		case errors.Is(err, errSilent):
			s.metrics.timeouts.Inc()
			return status.Error(codes.DeadlineExceeded, err.Error())
		case err != nil:
			x.streamErr = err
			return nil // Envoy's end of the stream, by EOF or by cancelling it
		default:
			if resp, err = x.handle(req); err != nil {
				return err
			}
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
		if x.cut {
			return status.Error(codes.ResourceExhausted, "the answer was cut")
		}
	}
}

// writeFinal hands a final event to the spool. A spool that cannot write keeps
// the event and tries again, so there is nothing to do but to say so.
func (s *Server) writeFinal(e *gateway.Event) {
	if err := s.o.Spool.Final(e); err != nil {
		s.metrics.spoolErrors.Inc()
		s.o.Logger.Error("final event not written", slog.String("event_id", e.ID), slog.Any("error", err))
	}
}
