package configserver

import (
	"context"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func counting(name, instance string) *configv1.ConfigRequest {
	return &configv1.ConfigRequest{NodeId: name, Instance: instance, CountsInProcess: true}
}

// accepted reports whether the server takes the stream.
func (n *node) accepted() error {
	md, err := n.stream.Header()
	if err == nil && md == nil {
		_, err = n.stream.Recv()
	}
	return err
}

func TestOneProcessorCountsInItsProcess(t *testing.T) {
	f := setup(t)
	first := f.connect(counting("first", "1"))
	if err := first.accepted(); err != nil {
		t.Fatal(err)
	}
	err := f.connect(counting("second", "2")).accepted()
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "REDIS_URL") {
		t.Errorf("a second one: %v, want FailedPrecondition that names REDIS_URL", err)
	}
	// Who counts elsewhere is welcome.
	if err := f.connect(&configv1.ConfigRequest{NodeId: "third", Instance: "3"}).accepted(); err != nil {
		t.Errorf("one that does not count: %v", err)
	}
	// Its connection broke, and the server has not noticed yet.
	again := f.connect(counting("first", "1"))
	if err := again.accepted(); err != nil {
		t.Errorf("the same process again: %v", err)
	}
	if err := first.end(); err == nil {
		t.Error("its old stream goes on")
	}
	again.cut()
	until(t, "the place is free", func() bool { return f.connect(counting("second", "2")).accepted() == nil })
}

func TestThePlaceIsTakenInTheStoreToo(t *testing.T) {
	f := setup(t)
	var mu sync.Mutex
	held := 1 // by another control plane
	f.server.LockCounting = func(context.Context) (func(), error) {
		mu.Lock()
		defer mu.Unlock()
		if held > 0 {
			return nil, &gateway.Error{Kind: gateway.Conflict, Message: "taken"}
		}
		held++
		return func() { mu.Lock(); held--; mu.Unlock() }, nil
	}
	err := f.connect(counting("first", "1")).accepted()
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "REDIS_URL") {
		t.Errorf("while another control plane's processor counts: %v", err)
	}
	mu.Lock()
	held = 0
	mu.Unlock()
	n := f.connect(counting("first", "1"))
	if err := n.accepted(); err != nil {
		t.Fatal(err)
	}
	n.cut()
	until(t, "the place is given back", func() bool { mu.Lock(); defer mu.Unlock(); return held == 0 })
}
