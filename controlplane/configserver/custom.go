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

// maxCustomBytes bounds the custom providers in one update, far below gRPC's
// limit of 4 MiB for a message: one provider has 1 MiB at most.
const maxCustomBytes = 1 << 20

// customs are custom providers that a stream has to tell of.
type customs struct {
	all bool            // every one: the stream begins, or what it told may be old
	ids map[string]bool // those that changed
}

// take moves c's work out of it.
func (c *customs) take() customs {
	taken := *c
	*c = customs{}
	return taken
}

func (c *customs) mark(ids ...string) {
	if c.ids == nil {
		c.ids = map[string]bool{}
	}
	for _, id := range ids {
		c.ids[id] = true
	}
}

// putBack marks again what could not be told.
func (c *customs) putBack(w customs) {
	c.all = c.all || w.all
	c.mark(slices.Collect(maps.Keys(w.ids))...)
}

// addCustoms reads what w names as it is now. What does not fit into u comes
// back as updates to send before it.
func (x *stream) addCustoms(ctx context.Context, u *configv1.ConfigUpdate, w customs) (before []*configv1.ConfigUpdate, err error) {
	if !w.all && len(w.ids) == 0 {
		return nil, nil
	}
	filter := store.CustomProviderFilter{}
	if !w.all {
		filter.IDs = slices.Collect(maps.Keys(w.ids))
	}
	list, err := x.s.Store.CustomProviders(ctx, filter)
	if err != nil {
		return nil, fmt.Errorf("read custom providers: %w", err)
	}
	u.CustomProvidersComplete = w.all
	size, gone := 0, maps.Clone(w.ids)
	for _, p := range list {
		delete(gone, p.ID)
		m := customToProto(p)
		if size += proto.Size(m); size > maxCustomBytes && len(u.CustomProviders) > 0 {
			before = append(before, &configv1.ConfigUpdate{Revision: u.Revision, CustomProviders: u.CustomProviders})
			u.CustomProviders, size = nil, proto.Size(m)
		}
		u.CustomProviders = append(u.CustomProviders, m)
	}
	u.RemovedCustomProviders = slices.Sorted(maps.Keys(gone))
	return before, nil
}

func customToProto(p *gateway.CustomProvider) *configv1.CustomProvider {
	out := &configv1.CustomProvider{
		Id: p.ID, Revision: p.Revision, Provider: p.Provider,
		AuthenticationParam: p.AuthenticationParam, AuthenticationHeader: p.AuthenticationHeader, AuthenticationQuery: p.AuthenticationQuery,
	}
	for _, r := range p.Routes {
		out.Routes = append(out.Routes, &configv1.CustomRoute{
			Path: r.Path, TargetUrl: r.TargetURL, ModelLocation: r.ModelLocation, PromptLocation: r.PromptLocation,
			CompletionLocation: r.CompletionLocation, StreamLocation: r.StreamLocation, StreamEndWord: r.StreamEndWord,
			StreamCompletionLocation: r.StreamCompletionLocation, StreamMaxEmptyMessages: int64(r.StreamMaxEmptyMessages),
		})
	}
	return out
}
