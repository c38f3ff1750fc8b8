package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// spread stands between an Envoy and two processors: requests go to one, their
// attempts to the other. It passes messages on as they are.
type spread struct{ requests, attempts *grpc.ClientConn }

// frame is a message as it came.
type frame struct{ data []byte }

type frameCodec struct{}

func (frameCodec) Name() string                  { return "frame" }
func (frameCodec) Marshal(v any) ([]byte, error) { return v.(*frame).data, nil }
func (frameCodec) Unmarshal(data []byte, v any) error {
	v.(*frame).data = slices.Clone(data)
	return nil
}

// startSpread listens on the returned socket.
func startSpread(t *testing.T, dir, requests, attempts string) string {
	t.Helper()
	dial := func(socket string) *grpc.ClientConn {
		c, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(frameCodec{}))) //nolint:staticcheck // bytes, whatever they mean
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	s := &spread{dial(requests), dial(attempts)}
	socket := filepath.Join(dir, "spread.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(frameCodec{}), grpc.UnknownServiceHandler(s.pass)) //nolint:staticcheck // as above
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return socket
}

func (s *spread) pass(_ any, from grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(from)
	m, _ := metadata.FromIncomingContext(from.Context())
	conn := s.requests
	if slices.Contains(m.Get("x-bricks-role"), "attempt") {
		conn = s.attempts
	}
	to, err := conn.NewStream(metadata.NewOutgoingContext(from.Context(), m), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	go func() {
		for f := new(frame); ; {
			if err := from.RecvMsg(f); err != nil {
				_ = to.CloseSend()
				return
			}
			if to.SendMsg(f) != nil {
				return
			}
		}
	}()
	for f := new(frame); ; {
		if err := to.RecvMsg(f); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := from.SendMsg(f); err != nil {
			return err
		}
	}
}

// TestRouteOverTwoProcessors: the attempts of every request are served by
// another processor than the request. Nothing is lost between them.
func TestRouteOverTwoProcessors(t *testing.T) {
	requests := number(t, "BRICKS_TEST_ROUTED_REQUESTS", 500)
	o := countingIn(testenv.StartRedis(t))
	o.Env, o.Serve = append(o.Env, database(t)...), true
	fake, err := fakeprovider.Start(fakeprovider.Options{Unrecorded: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	o.AllowUpstream = []string{fake.Address()}
	other := testenv.Start(t, o)
	o.Between = func(socket string) string {
		return startSpread(t, filepath.Dir(socket), socket, filepath.Join(other.DataDir, "run", "processor.sock"))
	}
	e := newEnv(t, o)
	setting := e.CreateSetting("openai", fakeprovider.OpenAIKey, fake.URL(), nil)
	key := e.CreateKey([]string{setting}, testenv.Object{"rateLimitOverTime": 1_000_000, "rateLimitUnit": "d"})
	e.Do(http.MethodPost, "/api/routes", testenv.Object{
		"name": "r", "path": "/r", "keyIds": []string{key.ID}, "cacheConfig": testenv.Object{"enabled": false},
		"steps": []testenv.Object{
			{"provider": "openai", "model": "fake-503", "retries": 1}, {"provider": "openai", "model": "fake-429"}, {"provider": "openai", "model": "gpt-4o-mini"},
		},
	})
	var failed sync.Map
	inParallel(16, requests, func(i int) {
		body := anyChat
		if i%2 == 0 {
			body = `{"stream":true,` + hello + `}`
		}
		a, err := e.try(t.Context(), http.MethodPost, "/api/route/r", body, bearer(key)...)
		if err != nil || a.err != nil || a.status != 200 || a.header.Get("X-Bricks-Attempts") != "4" {
			failed.Store(i, fmt.Sprintf("%v %v, %v", a.header, a, err))
		}
	})
	failed.Range(func(i, what any) bool { t.Errorf("request %v: %v", i, what); return false })
	here, there := metricsAt(t, e, e.Metrics), metricsAt(t, e, other.Metrics)
	if strings.Contains(here, "bricks_route_attempts_total") || !strings.Contains(there, fmt.Sprintf(`bricks_route_attempts_total{outcome="answered",provider="openai"} %d`, requests)) {
		t.Errorf("attempts were not served by the other processor")
	}
	want := int64(requests) * 4500
	testenv.Eventually(t, waitForEvents, "all requests are paid", func() bool { return nanoOf(t, e.standing(t, key).CostInUSD) == want })
	e.checkLedger(t)
}
