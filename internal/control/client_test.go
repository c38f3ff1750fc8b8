package control_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/internal/control"
	controlv1 "github.com/bricks-gateway/bricks/proto/control/v1"
)

// plane answers as it is told; hangs answers nothing.
type plane struct {
	controlv1.UnimplementedControlServer
	answer *controlv1.ApplyResponse
	status string
	hangs  bool
}

func (p *plane) Apply(ctx context.Context, _ *controlv1.ApplyRequest) (*controlv1.ApplyResponse, error) {
	if p.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return p.answer, nil
}

func (p *plane) XDSStatus(context.Context, *controlv1.XDSStatusRequest) (*controlv1.XDSStatusResponse, error) {
	return &controlv1.XDSStatusResponse{Status: []byte(p.status)}, nil
}

func connect(t *testing.T, planes map[string]*plane) *control.Client {
	t.Helper()
	var peers []control.Peer
	for name, p := range planes {
		l, g := bufconn.Listen(1<<20), grpc.NewServer()
		if p != nil {
			controlv1.RegisterControlServer(g, p)
			go func() { _ = g.Serve(l) }()
		} else {
			_ = l.Close()
		}
		t.Cleanup(g.Stop)
		conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		peers = append(peers, control.Peer{Address: name, Conn: conn})
	}
	return control.New(peers, slog.New(slog.DiscardHandler))
}

func says(unacknowledged, current []string) *plane {
	return &plane{answer: &controlv1.ApplyResponse{Unacknowledged: unacknowledged, Current: current}}
}

func TestApplyNamesWhoDidNotAcknowledge(t *testing.T) {
	for name, c := range map[string]struct {
		planes map[string]*plane
		want   []string
	}{
		"all did": {map[string]*plane{"a": says(nil, []string{"p1"}), "b": says(nil, nil)}, nil},
		"some did not, at several control planes": {
			map[string]*plane{"a": says([]string{"p2", "p1"}, nil), "b": says([]string{"p1", "p3"}, nil)}, []string{"p1", "p2", "p3"}},
		"one that a control plane lost is up to date at another": {
			map[string]*plane{"a": says([]string{"p1"}, nil), "b": says(nil, []string{"p1"})}, nil},
		"one that is connected elsewhere did not acknowledge there": {
			map[string]*plane{"a": says([]string{"p1"}, nil), "b": says([]string{"p1"}, []string{"p1"})}, []string{"p1"}},
		"a control plane that is away": {map[string]*plane{"a": says(nil, nil), "b": nil}, []string{"control plane b"}},
		"a control plane that hangs":   {map[string]*plane{"a": says([]string{"p1"}, nil), "b": {hangs: true}}, []string{"control plane b", "p1"}},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if got := connect(t, c.planes).Apply(t.Context(), 7); !slices.Equal(got, c.want) {
				t.Errorf("unacknowledged = %q, want %q", got, c.want)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v, want about 1.4 s at most", took)
			}
		})
	}
}

func TestXDSStatusOfAllControlPlanes(t *testing.T) {
	c := connect(t, map[string]*plane{"a": {status: `{"nodes":[{"node":"e1"}]}`}, "b": {status: `{"nodes":[{"node":"e2"}]}`}, "c": nil})
	b, err := json.Marshal(c.XDSStatus())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Nodes       []struct{ Node string }
		Unreachable []string
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Nodes) != 2 || !slices.Equal(got.Unreachable, []string{"control plane c"}) {
		t.Errorf("status = %s", b)
	}
}
