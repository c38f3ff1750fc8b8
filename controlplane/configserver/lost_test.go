package configserver

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// node is one processor's stream, driven by hand.
type node struct {
	t      *testing.T
	stream configv1.ConfigDiscovery_StreamClient
	cut    func() // ends it without a goodbye
}

func (f *fixture) connect(first *configv1.ConfigRequest) *node {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f.t.Cleanup(cancel)
	stream, err := configv1.NewConfigDiscoveryClient(f.conn).Stream(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	n := &node{f.t, stream, cancel}
	if err := stream.Send(first); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// knows is a first request of the node for one key.
func knows(name, presented string) *configv1.ConfigRequest {
	d := secrets.HashKey(presented)
	return &configv1.ConfigRequest{NodeId: name, SubscribeKeys: [][]byte{d[:]}}
}

func (n *node) ackNext() {
	n.t.Helper()
	u, err := n.stream.Recv()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.stream.Send(&configv1.ConfigRequest{AckNonce: u.Nonce}); err != nil {
		n.t.Fatal(err)
	}
}

// end returns how the server ends the stream.
func (n *node) end() error {
	for {
		if _, err := n.stream.Recv(); err != nil {
			return err
		}
	}
}

// until asks for what is as it has to become.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("not within 5 s: " + what)
		case <-tick.C:
		}
	}
}

func (f *fixture) current(name string) func() bool {
	return func() bool { return slices.Contains(f.server.Current(), name) }
}

func (f *fixture) revoke() Barrier {
	return f.server.Changed([]store.Change{f.put("secret", gateway.Key{ID: "k", Revoked: true})})
}

func TestALostProcessorIsNamedUntilItIsUpToDateAgain(t *testing.T) {
	f := setup(t)
	f.put("secret", gateway.Key{ID: "k"})
	n := f.connect(knows("lost", "secret"))
	n.ackNext()
	until(t, "it is current", f.current("lost"))
	n.cut()
	until(t, "the stream is gone", func() bool { return !f.current("lost")() })

	b := f.revoke()
	start := time.Now()
	if late := f.wait(b, 5*time.Second); !slices.Equal(late, []string{"lost"}) {
		t.Errorf("late = %v, want the lost processor, which still serves the key", late)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("waited %v for a processor that is gone", took)
	}

	// It is back and asks for what it knew; until it has the answer, it serves
	// what it knew.
	n = f.connect(knows("lost", "secret"))
	if _, err := n.stream.Header(); err != nil {
		t.Fatal(err)
	}
	if late := f.wait(b, 20*time.Millisecond); !slices.Equal(late, []string{"lost"}) {
		t.Errorf("late = %v before it has the answer", late)
	}
	n.ackNext()
	until(t, "it is current", f.current("lost"))
	if late := f.wait(b, 5*time.Second); late != nil {
		t.Errorf("late = %v after it is up to date", late)
	}
	if late := f.wait(f.revoke(), 20*time.Millisecond); !slices.Equal(late, []string{"lost"}) {
		t.Errorf("late = %v: the new stream has not acknowledged a later change", late)
	}
}

func TestAProcessorThatBreaksOffInTheMiddleOfAChangeDidNotAcknowledge(t *testing.T) {
	f := setup(t)
	f.put("secret", gateway.Key{ID: "k"})
	n := f.connect(knows("lost", "secret"))
	n.ackNext()
	until(t, "it is current", f.current("lost"))
	b := f.revoke()
	waited := make(chan []string, 1)
	go func() { waited <- f.wait(b, 5*time.Second) }()
	n.cut()
	if late := <-waited; !slices.Equal(late, []string{"lost"}) {
		t.Errorf("late = %v, want the one that broke off", late)
	}
}

func TestAProcessorThatSaysGoodbyeIsForgotten(t *testing.T) {
	f := setup(t)
	f.put("secret", gateway.Key{ID: "k"})
	n := f.connect(knows("gone", "secret"))
	n.ackNext()
	until(t, "it is current", f.current("gone"))
	b := f.revoke()
	if err := n.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := n.end(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
	if late := f.wait(b, 5*time.Second); late != nil {
		t.Errorf("late = %v", late)
	}
	if late := f.wait(f.revoke(), 5*time.Second); late != nil {
		t.Errorf("late = %v", late)
	}
}

func TestALostProcessorIsForgottenWhenItServesNobodyAnyMore(t *testing.T) {
	f := setup(t)
	f.server.StaleAfter = 50 * time.Millisecond
	f.put("secret", gateway.Key{ID: "k"})
	n := f.connect(knows("lost", "secret"))
	n.ackNext()
	until(t, "it is current", f.current("lost"))
	n.cut()
	until(t, "its keys are too old", func() bool { return f.wait(f.revoke(), 20*time.Millisecond) == nil && !f.current("lost")() })
}

func TestAStreamFollowsSoManyKeysOnly(t *testing.T) {
	f := setup(t)
	f.server.maxFollowed = 3
	n := f.connect(knows("greedy", "1"))
	for _, presented := range []string{"2", "3", "4"} {
		if err := n.stream.Send(knows("greedy", presented)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.end(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the stream ended with %v, want ResourceExhausted", err)
	}
}

func TestAStreamThatDoesNotAcknowledgeEnds(t *testing.T) {
	f := setup(t)
	f.server.ackTimeout = 100 * time.Millisecond
	f.put("secret", gateway.Key{ID: "k"})
	n := f.connect(knows("hung", "secret"))
	if err := n.end(); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("the stream ended with %v, want DeadlineExceeded", err)
	}
	until(t, "it is named", func() bool { return slices.Equal(f.wait(f.revoke(), 20*time.Millisecond), []string{"hung"}) })
}
