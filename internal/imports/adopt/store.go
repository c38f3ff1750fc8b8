package adopt

import (
	"context"
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/imports"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

// Store is the store that the admin API sees during an import. It gives what
// is made the id that the source has for it, a key the hash of its secret, and
// names the import as the author. Not safe for concurrent use.
type Store struct {
	*store.Store
	keyring *secrets.Keyring
	source  string
	now     func() time.Time
	object  *imports.Object // that is being made
}

func (a *Store) by(ctx context.Context) context.Context {
	author, ok := audit.AuthorOf(ctx)
	if !ok {
		return ctx // the store refuses it
	}
	author.ID, author.Name, author.Address = "import", "bricks import "+a.source, ""
	return audit.By(ctx, author)
}

// CreateSetting keeps the setting under the object's id.
func (a *Store) CreateSetting(ctx context.Context, s *gateway.ProviderSetting) error {
	s.ID = a.object.ID
	return a.Store.CreateSetting(a.by(ctx), s)
}

// PutPriceOverride keeps the override as it is.
func (a *Store) PutPriceOverride(ctx context.Context, o *gateway.PriceOverride) error {
	return a.Store.PutPriceOverride(a.by(ctx), o)
}

// CreateCustomProvider keeps the custom provider under the object's id.
func (a *Store) CreateCustomProvider(ctx context.Context, p *gateway.CustomProvider) error {
	p.ID = a.object.ID
	return a.Store.CreateCustomProvider(a.by(ctx), p)
}

// CreatePolicy keeps the policy under the object's id.
func (a *Store) CreatePolicy(ctx context.Context, p *gateway.Policy) error {
	p.ID = a.object.ID
	return a.Store.CreatePolicy(a.by(ctx), p)
}

// CreateKey keeps the key under the object's id and, when the source has no more
// of its secret, by the hash. That is what a presented key is hashed to as well
// (secrets.HashKey), so the key is found like any other.
func (a *Store) CreateKey(ctx context.Context, k *gateway.Key, secret store.NewSecret) error {
	k.ID = a.object.ID
	if !a.object.ExpiresAt.IsZero() {
		k.ExpiresAt = a.object.ExpiresAt
	}
	if a.object.Hash != nil {
		secret = store.NewSecret{Digest: a.keyring.KeyDigest(*a.object.Hash)}
	}
	if err := a.Store.CreateKey(a.by(ctx), k, secret); err != nil {
		return err
	}
	return a.balance(ctx, gateway.Event{KeyID: k.ID, Tags: k.Tags})
}

// CreateUser keeps the user under the object's id.
func (a *Store) CreateUser(ctx context.Context, u *gateway.User) error {
	u.ID = a.object.ID
	if !a.object.ExpiresAt.IsZero() {
		u.ExpiresAt = a.object.ExpiresAt
	}
	if err := a.Store.CreateUser(a.by(ctx), u); err != nil {
		return err
	}
	return a.balance(ctx, gateway.Event{UserID: u.UserID, Accounts: []gateway.AccountID{gateway.UserAccount(u.ID)}})
}

// CreateRoute keeps the route under the object's id.
func (a *Store) CreateRoute(ctx context.Context, r *gateway.Route) error {
	r.ID = a.object.ID
	return a.Store.CreateRoute(a.by(ctx), r)
}

// balance books what was spent at the source, so that no limit begins anew.
func (a *Store) balance(ctx context.Context, of gateway.Event) error {
	var events []*gateway.Event
	for _, part := range parts(a.object.Spent, a.now()) {
		e := of
		e.ID = imports.NewID(a.source, "balance", fmt.Sprintf("%s %s", a.object.ID, part.name))
		e.CreatedAt, e.Cost = part.at, part.cost
		e.Metadata = fmt.Sprintf(`{"imported_from":%q}`, a.source)
		events = append(events, &e)
	}
	if len(events) == 0 {
		return nil
	}
	return a.Store.BookBalance(a.by(ctx), events)
}
