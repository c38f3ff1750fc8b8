package configcache_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/processor/configcache"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// scripted is a control plane of which each stream runs the next function.
type scripted struct {
	configv1.UnimplementedConfigDiscoveryServer
	mu      sync.Mutex
	streams []func(configv1.ConfigDiscovery_StreamServer) error
}

func (s *scripted) Stream(g configv1.ConfigDiscovery_StreamServer) error {
	s.mu.Lock()
	run := s.streams[0]
	if len(s.streams) > 1 {
		s.streams = s.streams[1:]
	}
	s.mu.Unlock()
	return run(g)
}

// start runs a cache against s; stop ends it and returns what Run returned.
func start(t *testing.T, s *scripted, o configcache.Options) (cache *configcache.Cache, stop func() error, ended chan error) {
	t.Helper()
	l, g := bufconn.Listen(1<<20), grpc.NewServer()
	configv1.RegisterConfigDiscoveryServer(g, s)
	go func() { _ = g.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///x",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	o.NodeID, o.Conn, o.Logger = "test", conn, slog.New(slog.DiscardHandler)
	cache = configcache.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- cache.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { cancel(); _ = conn.Close(); g.Stop() })
	return cache, stop, ended
}

// serve accepts the stream and answers for good keys until f says to end.
func serve(g configv1.ConfigDiscovery_StreamServer, f func(*configv1.ConfigRequest) error) error {
	if err := g.SendHeader(nil); err != nil {
		return err
	}
	for nonce := uint64(1); ; nonce++ {
		r, err := g.Recv()
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
		if len(r.SubscribeKeys) == 0 {
			continue
		}
		u := &configv1.ConfigUpdate{Nonce: nonce, Revision: 1}
		for _, d := range r.SubscribeKeys {
			u.Keys = append(u.Keys, &configv1.Key{Digest: d, Id: "k", Revision: 1})
		}
		if err := g.Send(u); err != nil {
			return err
		}
	}
}

func goOn(*configv1.ConfigRequest) error { return nil }

func TestASecondCountingProcessorDoesNotBegin(t *testing.T) {
	refusal := status.Error(codes.FailedPrecondition, "another one counts")
	s := &scripted{streams: []func(configv1.ConfigDiscovery_StreamServer) error{
		func(configv1.ConfigDiscovery_StreamServer) error { return refusal },
	}}
	cache, _, ended := start(t, s, configcache.Options{CountsInProcess: true})
	select {
	case err := <-ended:
		if status.Code(err) != codes.FailedPrecondition {
			t.Errorf("Run = %v, want the control plane's reason", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it tries on")
	}
	if cache.Connected() {
		t.Error("connected")
	}
}

// While this processor was cut off, another one took its place: both would admit
// every limit. It must stop, though its keys are not too old yet.
func TestAProcessorThatLostItsPlaceServesNobody(t *testing.T) {
	cut := make(chan struct{})
	s := &scripted{streams: []func(configv1.ConfigDiscovery_StreamServer) error{
		func(g configv1.ConfigDiscovery_StreamServer) error {
			go func() { _ = serve(g, goOn) }()
			<-cut
			return status.Error(codes.Unavailable, "cut")
		},
		func(configv1.ConfigDiscovery_StreamServer) error {
			return status.Error(codes.FailedPrecondition, "another one counts")
		},
	}}
	cache, _, _ := start(t, s, configcache.Options{CountsInProcess: true, StaleAfter: time.Hour})
	<-cache.Ready()
	if kind := kindOf(cache, "good"); kind != "" {
		t.Fatalf("a good key: %s", kind)
	}
	close(cut)
	eventually(t, func() error {
		if kind := kindOf(cache, "good"); kind != gateway.Unavailable {
			return fmt.Errorf("a known key = %q, want unavailable", kind)
		}
		return nil
	})
	if cache.Check() == nil {
		t.Error("Check passes")
	}
	s.mu.Lock()
	s.streams = []func(configv1.ConfigDiscovery_StreamServer) error{
		func(g configv1.ConfigDiscovery_StreamServer) error { return serve(g, goOn) },
	}
	s.mu.Unlock()
	eventually(t, func() error {
		if kind := kindOf(cache, "good"); kind != "" {
			return fmt.Errorf("a known key = %q after the place is free again", kind)
		}
		return nil
	})
}

func TestTheEndOfRunIsAGoodbye(t *testing.T) {
	got := make(chan error, 1)
	s := &scripted{streams: []func(configv1.ConfigDiscovery_StreamServer) error{
		func(g configv1.ConfigDiscovery_StreamServer) error {
			err := serve(g, goOn)
			got <- err
			return nil
		},
	}}
	cache, stop, _ := start(t, s, configcache.Options{})
	<-cache.Ready()
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
	if err := <-got; !errors.Is(err, io.EOF) {
		t.Errorf("the control plane saw %v, want the end of the requests", err)
	}
}

// Quiet is not old: a stream that had nothing to tell for long, and then breaks,
// leaves keys as fresh as one that told something right before.
func TestKeysAgeFromTheDisconnect(t *testing.T) {
	cut := make(chan struct{})
	s := &scripted{streams: []func(configv1.ConfigDiscovery_StreamServer) error{
		func(g configv1.ConfigDiscovery_StreamServer) error {
			go func() { _ = serve(g, goOn) }()
			<-cut
			return status.Error(codes.Unavailable, "cut")
		},
		func(configv1.ConfigDiscovery_StreamServer) error { return status.Error(codes.Unavailable, "away") },
	}}
	const stale = 500 * time.Millisecond
	cache, _, _ := start(t, s, configcache.Options{StaleAfter: stale})
	<-cache.Ready()
	if kind := kindOf(cache, "good"); kind != "" {
		t.Fatalf("a good key: %s", kind)
	}
	<-time.After(stale + 50*time.Millisecond) // the quiet itself is what is tested
	close(cut)
	eventually(t, func() error {
		if cache.Connected() {
			return errors.New("still connected")
		}
		return nil
	})
	if kind := kindOf(cache, "good"); kind != "" {
		t.Errorf("right after the disconnect = %q, want the key", kind)
	}
}

func TestKnownKeysAreBounded(t *testing.T) {
	var mu sync.Mutex
	unsubscribed := map[string]bool{}
	s := &scripted{streams: []func(configv1.ConfigDiscovery_StreamServer) error{
		func(g configv1.ConfigDiscovery_StreamServer) error {
			return serve(g, func(r *configv1.ConfigRequest) error {
				mu.Lock()
				defer mu.Unlock()
				for _, d := range r.UnsubscribeKeys {
					unsubscribed[string(d)] = true
				}
				return nil
			})
		},
	}}
	cache, _, _ := start(t, s, configcache.Options{})
	cache.SetMaxKnown(3)
	<-cache.Ready()
	for i := range 5 {
		if kind := kindOf(cache, fmt.Sprint(i)); kind != "" {
			t.Fatalf("key %d: %s", i, kind)
		}
	}
	eventually(t, func() error {
		mu.Lock()
		defer mu.Unlock()
		for i := range 5 {
			d := sha256.Sum256([]byte(fmt.Sprint(i)))
			if unsubscribed[string(d[:])] != (i < 2) {
				return fmt.Errorf("unsubscribed from key %d = %v", i, i >= 2)
			}
		}
		return nil
	})
	if kind := kindOf(cache, "0"); kind != "" {
		t.Errorf("a forgotten key that is presented again: %s", kind)
	}
}
