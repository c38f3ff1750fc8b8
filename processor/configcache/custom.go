package configcache

import (
	"log/slog"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// customs are the custom providers, all that there are.
type customs struct {
	names map[string]string // id → name of each
	told  map[string]bool   // ids told since the stream began, or last told all
}

// CustomProvider returns the custom provider of this name. The error's kind is
// NotFound when there is none and Unavailable when that cannot be known yet.
// Safe for concurrent use.
func (c *Cache) CustomProvider(name string) (*provider.Custom, error) {
	if v, ok := c.customs.Load(name); ok {
		return v.(*provider.Custom), nil
	}
	if !c.customsKnown.Load() {
		return nil, unavailable("the control plane has not told of its custom providers yet")
	}
	return nil, &gateway.Error{Kind: gateway.NotFound, Message: "no such custom provider"}
}

// beginCustoms starts a stream, which tells all of them again. It needs c.mu.
func (c *Cache) beginCustoms() { c.custom.told = map[string]bool{} }

// applyCustoms needs c.mu.
func (c *Cache) applyCustoms(u *configv1.ConfigUpdate) {
	for _, id := range u.RemovedCustomProviders {
		c.dropCustom(id)
	}
	for _, p := range u.CustomProviders {
		made, err := provider.NewCustom(customFromProto(p))
		if err != nil {
			// The admin API refuses such ones. What is not usable is not there.
			c.o.Logger.Error("custom provider is not usable", slog.String("id", p.Id), slog.Any("error", err))
			c.dropCustom(p.Id)
			continue
		}
		c.custom.names[p.Id] = p.Provider
		c.custom.told[p.Id] = true
		c.customs.Store(p.Provider, made)
	}
	if !u.CustomProvidersComplete {
		return
	}
	for id := range c.custom.names {
		if !c.custom.told[id] {
			c.dropCustom(id)
		}
	}
	c.custom.told = map[string]bool{}
	c.customsKnown.Store(true)
}

// dropCustom forgets the one with this id, unless another one has its name by
// now. It needs c.mu.
func (c *Cache) dropCustom(id string) {
	name, ok := c.custom.names[id]
	if !ok {
		return
	}
	delete(c.custom.names, id)
	delete(c.custom.told, id)
	if v, ok := c.customs.Load(name); ok && v.(*provider.Custom).ID == id {
		c.customs.Delete(name)
	}
}

func customFromProto(p *configv1.CustomProvider) *gateway.CustomProvider {
	out := &gateway.CustomProvider{
		ID: p.Id, Revision: p.Revision, Provider: p.Provider,
		AuthenticationParam: p.AuthenticationParam, AuthenticationHeader: p.AuthenticationHeader, AuthenticationQuery: p.AuthenticationQuery,
	}
	for _, r := range p.Routes {
		out.Routes = append(out.Routes, gateway.CustomRoute{
			Path: r.Path, TargetURL: r.TargetUrl, ModelLocation: r.ModelLocation, PromptLocation: r.PromptLocation,
			CompletionLocation: r.CompletionLocation, StreamLocation: r.StreamLocation, StreamEndWord: r.StreamEndWord,
			StreamCompletionLocation: r.StreamCompletionLocation, StreamMaxEmptyMessages: int(r.StreamMaxEmptyMessages),
		})
	}
	return out
}
