// Package control is the admin API's way to control planes that run apart from
// it: it asks all of them to put a change in force, and puts their answers
// together. It writes nothing and keeps nothing.
package control

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	controlv1 "github.com/bricks-gateway/bricks/proto/control/v1"
)

// answerTimeout is a little more than the second that a control plane waits for
// acknowledgements.
const answerTimeout = 1400 * time.Millisecond

// Peer is one control plane.
type Peer struct {
	Address string // names it in answers
	Conn    grpc.ClientConnInterface
}

// Client is safe for concurrent use.
type Client struct {
	peers  []Peer
	logger *slog.Logger
}

// New returns a client of all of peers.
func New(peers []Peer, logger *slog.Logger) *Client { return &Client{peers, logger} }

// Apply asks every control plane to put the revision in force. It returns within
// 1.4 s with the names of those that did not acknowledge it; a control plane
// that did not answer is one of them.
func (c *Client) Apply(ctx context.Context, revision int64) (unacknowledged []string) {
	answers := ask(ctx, c, "apply", func(ctx context.Context, remote controlv1.ControlClient) (*controlv1.ApplyResponse, error) {
		return remote.Apply(ctx, &controlv1.ApplyRequest{Revision: revision})
	})
	for i, a := range answers {
		if a == nil {
			unacknowledged = append(unacknowledged, c.name(i))
			continue
		}
		for _, name := range a.Unacknowledged {
			if !movedOn(name, i, answers) {
				unacknowledged = append(unacknowledged, name)
			}
		}
	}
	slices.Sort(unacknowledged)
	return slices.Compact(unacknowledged)
}

// movedOn reports whether the processor that control plane i has lost is up to
// date at another one.
func movedOn(name string, i int, answers []*controlv1.ApplyResponse) bool {
	for j, a := range answers {
		if j != i && a != nil && slices.Contains(a.Current, name) && !slices.Contains(a.Unacknowledged, name) {
			return true
		}
	}
	return false
}

// XDSStatus is how far the Envoys of all control planes are, and which control
// planes did not answer.
func (c *Client) XDSStatus() any {
	type status struct {
		Nodes       []json.RawMessage `json:"nodes"`
		Unreachable []string          `json:"unreachable,omitempty"`
	}
	all := status{Nodes: []json.RawMessage{}}
	answers := ask(context.Background(), c, "ask for xDS status", func(ctx context.Context, remote controlv1.ControlClient) (*controlv1.XDSStatusResponse, error) {
		return remote.XDSStatus(ctx, &controlv1.XDSStatusRequest{})
	})
	for i, a := range answers {
		var one status
		if a == nil || json.Unmarshal(a.Status, &one) != nil {
			all.Unreachable = append(all.Unreachable, c.name(i))
			continue
		}
		all.Nodes = append(all.Nodes, one.Nodes...)
	}
	return all
}

func (c *Client) name(i int) string { return "control plane " + c.peers[i].Address }

// ask calls every peer at the same time; the answer of one that failed is nil.
func ask[T any](ctx context.Context, c *Client, doing string, call func(context.Context, controlv1.ControlClient) (*T, error)) []*T {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answers := make([]*T, len(c.peers))
	var wg sync.WaitGroup
	for i, p := range c.peers {
		wg.Go(func() {
			a, err := call(ctx, controlv1.NewControlClient(p.Conn))
			if err != nil {
				c.logger.Error("control plane does not answer", slog.String("doing", doing), slog.String("address", p.Address), slog.Any("error", err))
				return
			}
			answers[i] = a
		})
	}
	wg.Wait()
	return answers
}
