package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/ledger"
)

// memory is a store that notes what it is asked.
type memory struct {
	events     []*gateway.Event
	account    gateway.AccountID
	start, end time.Time
	err        error
}

func (m *memory) WriteEvents(_ context.Context, events []*gateway.Event) error {
	if m.err == nil {
		m.events = append(m.events, events...)
	}
	return m.err
}

func (m *memory) Spend(_ context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error) {
	m.account, m.start, m.end = account, start, end
	return 42, m.err
}

func (m *memory) PendingJob(_ context.Context, provider, path string) (bool, error) {
	return provider == "openai" && path == "/v1/responses/a", m.err
}

func connect(t *testing.T, m *memory) *ledger.Client {
	t.Helper()
	l, g := bufconn.Listen(1<<20), grpc.NewServer(grpc.MaxRecvMsgSize(72<<20))
	ledger.NewServer(m, slog.New(slog.DiscardHandler)).Register(g)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return ledger.NewClient(conn)
}

func event(id string) *gateway.Event {
	return &gateway.Event{
		ID: id, CreatedAt: time.UnixMicro(1_700_000_000_123_456).UTC(), KeyID: "key", Tags: []string{"a"}, Provider: "openai", Status: 200,
		Usage: gateway.Usage{InputTokens: 1, OutputTokens: 2}, Cost: 3, PriceStatus: gateway.Priced, Latency: time.Millisecond, Request: []byte{0, 255},
	}
}

func TestEventsArriveAsTheyWere(t *testing.T) {
	m := &memory{}
	want := []*gateway.Event{event("1"), event("2")}
	if err := connect(t, m).WriteEvents(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, m.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheLargestRecordOfASpoolFits(t *testing.T) {
	m := &memory{}
	e := event("large")
	e.Response = make([]byte, 63<<20)
	if err := connect(t, m).WriteEvents(t.Context(), []*gateway.Event{e}); err != nil || len(m.events) != 1 {
		t.Errorf("%d events, %v", len(m.events), err)
	}
}

func TestSpendAsksForTheAccountAndTheTime(t *testing.T) {
	m := &memory{}
	c := connect(t, m)
	start := time.UnixMicro(1_700_000_000_000_001).UTC()
	got, err := c.Spend(t.Context(), gateway.KeyAccount("k:1"), start, time.Time{})
	if err != nil || got != 42 || m.account != "key:k:1" || !m.start.Equal(start) || !m.end.IsZero() {
		t.Errorf("got %d, %v; the store was asked for %q from %v to %v", got, err, m.account, m.start, m.end)
	}
	// The beginning of Unix time is a time.
	if _, err := c.Spend(t.Context(), gateway.KeyAccount("k"), time.Time{}, time.UnixMicro(0)); err != nil || m.end.IsZero() || !m.start.IsZero() {
		t.Errorf("the store was asked from %v to %v, %v", m.start, m.end, err)
	}
}

func TestPendingJobAsksForTheProviderAndThePath(t *testing.T) {
	m := &memory{}
	c := connect(t, m)
	for provider, want := range map[string]bool{"openai": true, "azure": false} {
		if got, err := c.PendingJob(t.Context(), provider, "/v1/responses/a"); err != nil || got != want {
			t.Errorf("%s: %v, %v", provider, got, err)
		}
	}
	m.err = errors.New("away")
	if got, err := c.PendingJob(t.Context(), "azure", "/v1/responses/a"); err == nil {
		t.Errorf("got %v and no error", got)
	}
}

func TestErrorsKeepWhetherTryingAgainHelps(t *testing.T) {
	m := &memory{}
	c := connect(t, m)
	for name, tc := range map[string]struct {
		err  error
		want gateway.Kind
	}{
		"an event that is wrong": {&gateway.Error{Kind: gateway.Invalid, Message: "no id"}, gateway.Invalid},
		"a store that is away":   {&gateway.Error{Kind: gateway.Unavailable, Message: "away", Err: errors.New("password=secret")}, gateway.Unavailable},
		"a fault of ours":        {errors.New("relation does not exist"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			m.err = tc.err
			err := c.WriteEvents(t.Context(), []*gateway.Event{event("1")})
			if err == nil || gateway.KindOf(err) != tc.want {
				t.Errorf("WriteEvents = %v, want kind %q", err, tc.want)
			}
			if _, err := c.Spend(t.Context(), gateway.KeyAccount("k"), time.Time{}, time.Time{}); err == nil || gateway.KindOf(err) != tc.want {
				t.Errorf("Spend = %v, want kind %q", err, tc.want)
			}
		})
	}
	m.err = nil
	var many []*gateway.Event
	for i := range 1_001 {
		many = append(many, event(fmt.Sprint(i)))
	}
	if err := c.WriteEvents(t.Context(), many); gateway.KindOf(err) != gateway.Invalid {
		t.Errorf("a batch of 1,001 = %v, want invalid", err)
	}
	if _, err := c.Spend(t.Context(), "nonsense", time.Time{}, time.Time{}); gateway.KindOf(err) != gateway.Invalid {
		t.Errorf("an account of no kind = %v, want invalid", err)
	}
}
