package ledger

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
	ledgerv1 "github.com/bricks-gateway/bricks/proto/ledger/v1"
)

// Store is what the server needs of the store.
type Store interface {
	WriteEvents(ctx context.Context, events []*gateway.Event) error
	Spend(ctx context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error)
	PendingJob(ctx context.Context, provider, path string) (bool, error)
}

// maxEvents bounds one batch; a spool sends 500 at most.
const maxEvents = 1_000

// Server implements bricks.ledger.v1.Ledger. Safe for concurrent use.
type Server struct {
	ledgerv1.UnimplementedLedgerServer
	store  Store
	logger *slog.Logger
}

// NewServer returns a server on s.
func NewServer(s Store, logger *slog.Logger) *Server { return &Server{store: s, logger: logger} }

// Register adds the server to g.
func (s *Server) Register(g *grpc.Server) { ledgerv1.RegisterLedgerServer(g, s) }

// WriteEvents answers after the store's commit.
func (s *Server) WriteEvents(ctx context.Context, r *ledgerv1.WriteEventsRequest) (*ledgerv1.WriteEventsResponse, error) {
	if len(r.Events) > maxEvents {
		return nil, status.Errorf(codes.InvalidArgument, "a batch has %d events, at most %d are taken", len(r.Events), maxEvents)
	}
	events := make([]*gateway.Event, 0, len(r.Events))
	for _, p := range r.Events {
		events = append(events, event.FromProto(p))
	}
	if err := s.store.WriteEvents(ctx, events); err != nil {
		return nil, s.refuse("write events", err)
	}
	return &ledgerv1.WriteEventsResponse{}, nil
}

// Spend sums an account's events.
func (s *Server) Spend(ctx context.Context, r *ledgerv1.SpendRequest) (*ledgerv1.SpendResponse, error) {
	kind, _, _ := strings.Cut(r.Account, ":")
	switch kind {
	case "key", "user", "default":
	default:
		return nil, status.Errorf(codes.InvalidArgument, "account %q is of no known kind", r.Account)
	}
	sum, err := s.store.Spend(ctx, gateway.AccountID(r.Account), fromMicros(r.StartUs), fromMicros(r.EndUs))
	if err != nil {
		return nil, s.refuse("sum spend", err)
	}
	return &ledgerv1.SpendResponse{Cost: int64(sum)}, nil
}

// PendingJob looks for work that is yet to be charged.
func (s *Server) PendingJob(ctx context.Context, r *ledgerv1.PendingJobRequest) (*ledgerv1.PendingJobResponse, error) {
	pending, err := s.store.PendingJob(ctx, r.Provider, r.Path)
	if err != nil {
		return nil, s.refuse("look for a pending job", err)
	}
	return &ledgerv1.PendingJobResponse{Pending: pending}, nil
}

// refuse maps the store's errors; what is not meant for others stays in the log.
func (s *Server) refuse(doing string, err error) error {
	switch gateway.KindOf(err) {
	case gateway.Invalid:
		return status.Error(codes.InvalidArgument, err.Error())
	case gateway.Unavailable:
		return status.Error(codes.Unavailable, "the store is not available")
	}
	s.logger.Error("ledger call failed", slog.String("doing", doing), slog.Any("error", err))
	return status.Error(codes.Internal, "internal error")
}

func fromMicros(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return time.UnixMicro(*us).UTC()
}

func toMicros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := t.UnixMicro()
	return &us
}
