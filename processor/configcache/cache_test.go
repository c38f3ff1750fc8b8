package configcache_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/processor/configcache"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// controlPlane knows the keys in known and counts questions by digest.
type controlPlane struct {
	configv1.UnimplementedConfigDiscoveryServer
	known map[string]*configv1.Key
	mute  bool          // takes questions and answers none
	cut   chan struct{} // each value ends a stream

	streams atomic.Int64 // that began

	mu       sync.Mutex
	asked    map[string]int
	policies []*configv1.Policy // told with every key
}

func (c *controlPlane) Stream(g configv1.ConfigDiscovery_StreamServer) error {
	ended := make(chan error, 1)
	go func() { ended <- c.serve(g) }()
	select {
	case err := <-ended:
		return err
	case <-c.cut:
		return errors.New("cut")
	}
}

func (c *controlPlane) serve(g configv1.ConfigDiscovery_StreamServer) error {
	nonce := uint64(0)
	if err := g.SendHeader(nil); err != nil {
		return err
	}
	for {
		r, err := g.Recv()
		if err != nil {
			return err
		}
		if r.NodeId != "" {
			c.streams.Add(1)
		}
		u := &configv1.ConfigUpdate{Revision: 10}
		c.mu.Lock()
		for _, d := range r.SubscribeKeys {
			c.asked[string(d)]++
			if k := c.known[string(d)]; k != nil {
				u.Keys = append(u.Keys, k)
				u.Policies = c.policies
			} else {
				u.AbsentKeys = append(u.AbsentKeys, d)
			}
		}
		c.answerUsers(r, u)
		mute := c.mute
		c.mu.Unlock()
		if len(r.SubscribeKeys)+len(r.SubscribeUsers) == 0 || mute {
			continue
		}
		nonce++
		u.Nonce = nonce
		if err := g.Send(u); err != nil {
			return err
		}
	}
}

func (c *controlPlane) questions(secret string) int {
	d := sha256.Sum256([]byte(secret))
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[string(d[:])]
}

// connect runs a cache against c; stop cuts the stream for good.
func connect(t *testing.T, c *controlPlane, o configcache.Options) (cache *configcache.Cache, stop func()) {
	t.Helper()
	c.asked = map[string]int{}
	l := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	configv1.RegisterConfigDiscoveryServer(g, c)
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
	done := make(chan struct{})
	go func() { defer close(done); _ = cache.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; _ = conn.Close(); g.Stop() })
	select {
	case <-cache.Ready():
	case <-time.After(5 * time.Second):
		t.Fatal("no stream")
	}
	return cache, g.Stop
}

func key(secret string) (string, *configv1.Key) {
	d := sha256.Sum256([]byte(secret))
	return string(d[:]), &configv1.Key{Digest: d[:], Id: "id-" + secret, Revision: 1}
}

func kindOf(c *configcache.Cache, secret string) gateway.Kind {
	_, err := c.Key(context.Background(), sha256.Sum256([]byte(secret)))
	return gateway.KindOf(err)
}

func TestOneQuestionAKey(t *testing.T) {
	d, k := key("good")
	c := &controlPlane{known: map[string]*configv1.Key{d: k}}
	cache, _ := connect(t, c, configcache.Options{})
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if kind := kindOf(cache, "good"); kind != "" {
				t.Errorf("a good key: %s", kind)
			}
			if kind := kindOf(cache, "bad"); kind != gateway.Unauthorized {
				t.Errorf("a bad key: %s", kind)
			}
		})
	}
	wg.Wait()
	for _, secret := range []string{"good", "bad"} {
		if n := c.questions(secret); n != 1 {
			t.Errorf("%d questions for the %s key, want 1", n, secret)
		}
	}
}

func TestWithoutAControlPlaneNobodyIsSentAway(t *testing.T) {
	d, k := key("good")
	c := &controlPlane{known: map[string]*configv1.Key{d: k}}
	cache, stop := connect(t, c, configcache.Options{StaleAfter: time.Second, LookupTimeout: 20 * time.Millisecond})
	if kind := kindOf(cache, "good"); kind != "" {
		t.Fatalf("a good key: %s", kind)
	}
	if kind := kindOf(cache, "refused before"); kind != gateway.Unauthorized {
		t.Fatalf("a bad key: %s", kind)
	}
	stop()
	eventually(t, func() error {
		if cache.Connected() {
			return fmt.Errorf("still connected")
		}
		return nil
	})
	if kind := kindOf(cache, "good"); kind != "" {
		t.Errorf("a known key right after: %s", kind)
	}
	for _, secret := range []string{"never seen", "refused before"} {
		// It may have been made since: nobody can say that it is bad.
		if kind := kindOf(cache, secret); kind != gateway.Unavailable {
			t.Errorf("%s = %s, want unavailable", secret, kind)
		}
	}
	eventually(t, func() error {
		if kind := kindOf(cache, "good"); kind != gateway.Unavailable {
			return fmt.Errorf("a known key after StaleAfter = %q, want unavailable", kind)
		}
		return nil
	})
}

func TestAMuteControlPlaneIsUnavailable(t *testing.T) {
	c := &controlPlane{mute: true}
	cache, _ := connect(t, c, configcache.Options{LookupTimeout: 20 * time.Millisecond})
	for range 2 { // the second one asks again
		if kind := kindOf(cache, "any"); kind != gateway.Unavailable {
			t.Errorf("kind = %s, want unavailable", kind)
		}
	}
	eventually(t, func() error {
		if n := c.questions("any"); n != 2 {
			return fmt.Errorf("%d questions, want 2", n)
		}
		return nil
	})
}

func TestAFloodOfUnknownKeysIsBounded(t *testing.T) {
	c := &controlPlane{}
	cache, _ := connect(t, c, configcache.Options{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 1500 {
				if kind := kindOf(cache, fmt.Sprint(w, "-", i)); kind != gateway.Unauthorized {
					t.Errorf("kind = %s, want unauthorized", kind)
					return
				}
			}
		})
	}
	wg.Wait()
	// 12,000 were presented and 10,000 are remembered: an early one is asked again.
	before := c.questions("0-0")
	if kind := kindOf(cache, "0-0"); kind != gateway.Unauthorized || c.questions("0-0") != before+1 {
		t.Errorf("kind = %s after %d questions, want one more than %d", kind, c.questions("0-0"), before)
	}
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}
