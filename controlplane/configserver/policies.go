package configserver

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// maxPolicyBytes bounds the policies in one update, far below gRPC's limit of
// 4 MiB: one policy may have 50 KiB of regular expressions.
const maxPolicyBytes = 1 << 20

// policies are those that the keys of one stream name. Like settings they come
// with the keys and are followed from then on: there may be many, they are
// compiled where they arrive, and their expressions may tell what a company
// hides, so that a processor gets those that it needs. Guarded by stream.mu.
type policies struct {
	used  map[string]bool // sent on this stream
	dirty map[string]bool // of these, changed since
}

func (p *policies) mark(c store.Change) (touched bool) {
	if c.Kind != store.KindPolicy || !p.used[c.ID] {
		return false
	}
	p.dirty[c.ID] = true
	return true
}

// take moves p's work out of it.
func (p *policies) take() map[string]bool {
	taken := p.dirty
	p.dirty = map[string]bool{}
	return taken
}

// putBack marks again what could not be told.
func (p *policies) putBack(ids map[string]bool) { maps.Copy(p.dirty, ids) }

// addPolicies reads the wanted policies as they are now. What does not fit into u
// comes back as updates to send before it: no key may come before its policy.
func (x *stream) addPolicies(ctx context.Context, u *configv1.ConfigUpdate, wanted map[string]bool) (before []*configv1.ConfigUpdate, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	// From now on changes of these are followed: before the read, so that none
	// falls between.
	x.mu.Lock()
	maps.Copy(x.policies.used, wanted)
	x.mu.Unlock()
	list, err := x.s.Store.Policies(ctx, store.PolicyFilter{IDs: slices.Collect(maps.Keys(wanted))})
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	size := 0
	for _, p := range list {
		delete(wanted, p.ID)
		m := policyToProto(p)
		if size += proto.Size(m); size > maxPolicyBytes && len(u.Policies) > 0 {
			before = append(before, &configv1.ConfigUpdate{Revision: u.Revision, Policies: u.Policies})
			u.Policies, size = nil, proto.Size(m)
		}
		u.Policies = append(u.Policies, m)
	}
	u.RemovedPolicies = slices.Sorted(maps.Keys(wanted))
	return before, nil
}

func policyToProto(p *gateway.Policy) *configv1.Policy {
	out := &configv1.Policy{
		Id: p.ID, Revision: p.Revision, ApplyToResponse: p.ApplyToResponse, RestoreInResponse: p.RestoreInResponse,
		OnError: p.OnError, Detectors: p.Detectors, Rules: make(map[string]string, len(p.Rules)),
	}
	for name, action := range p.Rules {
		out.Rules[name] = string(action)
	}
	for _, r := range p.Regex {
		out.Regex = append(out.Regex, &configv1.RegexRule{Definition: r.Definition, Action: string(r.Action)})
	}
	return out
}
