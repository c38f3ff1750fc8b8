package processor

import (
	"errors"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
)

var (
	errSilent = errors.New("the answer was silent for longer than x-request-timeout")
	errWoken  = errors.New("what was waited for is there")
)

// receiver takes Envoy's messages. Envoy itself bounds silence by PROXY_TIMEOUT;
// a client that asks for less is served here. A gRPC receive cannot be given a
// deadline, so from then on a goroutine does it, which ends with the stream.
type receiver struct {
	stream   extprocv3.ExternalProcessor_ProcessServer
	messages chan received // nil: nobody asked for a deadline
}

type received struct {
	req *extprocv3.ProcessingRequest
	err error
}

// receive returns the next message, or errSilent when gap is set and none came
// for so long, or errWoken when wake, which may be nil, is closed first.
func (r *receiver) receive(gap time.Duration, wake <-chan struct{}) (*extprocv3.ProcessingRequest, error) {
	if r.messages == nil {
		if gap == 0 && wake == nil {
			return r.stream.Recv()
		}
		r.messages = make(chan received)
		go r.pump()
	}
	var silent <-chan time.Time // never, without a gap
	if gap > 0 {
		t := time.NewTimer(gap)
		defer t.Stop()
		silent = t.C
	}
	select {
	case m := <-r.messages:
		return m.req, m.err
	case <-r.stream.Context().Done():
		// The goroutine may have seen this first, and be gone without a word.
		return nil, r.stream.Context().Err()
	case <-silent:
		return nil, errSilent
	case <-wake:
		return nil, errWoken
	}
}

func (r *receiver) pump() {
	done := r.stream.Context().Done() // at the latest when Process returns
	for {
		req, err := r.stream.Recv()
		select {
		case r.messages <- received{req, err}:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}

// gap is how long the answer, or an equal request, may be silent now; 0 for as long as Envoy lets it.
// The wait for the first byte is Envoy's to bound.
func (x *exchange) gap() time.Duration {
	if x.waiting() {
		return max(time.Until(x.cached.until), time.Millisecond)
	}
	if x.phase != phaseAnswering || x.in.timeout >= x.s.o.Timeout {
		return 0
	}
	return x.in.timeout
}
