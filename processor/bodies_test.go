package processor_test

import (
	"io"
	"log/slog"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/processor"
)

// blocked is an Envoy that keeps a request's body back until it is let go.
type blocked struct {
	envoy
	reached, release chan struct{}
}

func (b *blocked) Recv() (*extprocv3.ProcessingRequest, error) {
	if len(b.answers) > 0 {
		close(b.reached)
		<-b.release
	}
	return b.envoy.Recv()
}

// TestLargeBodiesAreBoundedTogether: what is announced counts, until the body is
// dealt with or its stream is over.
func TestLargeBodiesAreBoundedTogether(t *testing.T) {
	w := newWorld()
	s := processor.New(processor.Options{
		Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Logger: slog.New(slog.DiscardHandler),
		MaxBodies: 10_000,
	})
	defer s.Close()
	status := func(length string) int {
		e := &envoy{messages: []*extprocv3.ProcessingRequest{chatHeaders("content-length", length)}, end: io.EOF}
		if err := s.Process(e); err != nil {
			t.Fatal(err)
		}
		if r := e.answers[0].GetImmediateResponse(); r != nil {
			return int(r.Status.Code)
		}
		return 0
	}
	waiting := &blocked{reached: make(chan struct{}), release: make(chan struct{})}
	waiting.messages, waiting.end = []*extprocv3.ProcessingRequest{chatHeaders("content-length", "6000")}, io.EOF
	done := make(chan error)
	go func() { done <- s.Process(waiting) }()
	<-waiting.reached
	if got := status("4001"); got != 503 {
		t.Errorf("6000 and 4001 bytes of 10000: got %d, want 503", got)
	}
	for range 3 { // one after the other, room is given back
		if got := status("4000"); got != 0 {
			t.Errorf("6000 and 4000 bytes of 10000: got %d, want none", got)
		}
	}
	close(waiting.release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := status("10000"); got != 0 {
		t.Errorf("with all room free: got %d", got)
	}
}
