package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// changes is one call of every method that makes an administrative change, on
// objects that prepare made. It is what an administrator can do to a store.
func changes(s *store.Store, o *prepared) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"CreateSetting": func(ctx context.Context) error {
			return s.CreateSetting(ctx, &gateway.ProviderSetting{Provider: "openai"})
		},
		"UpdateSetting": func(ctx context.Context) error {
			_, err := s.UpdateSetting(ctx, o.setting, func(p *gateway.ProviderSetting) error { p.Name += "x"; return nil })
			return err
		},
		"DeleteSetting": func(ctx context.Context) error { _, err := s.DeleteSetting(ctx, o.spare); return err },
		"CreateCustomProvider": func(ctx context.Context) error {
			return s.CreateCustomProvider(ctx, &gateway.CustomProvider{Provider: "second"})
		},
		"UpdateCustomProvider": func(ctx context.Context) error {
			_, err := s.UpdateCustomProvider(ctx, o.custom, func(p *gateway.CustomProvider, _ []*gateway.ProviderSetting) error {
				p.Tags = append(p.Tags, "t")
				return nil
			})
			return err
		},
		"DeleteCustomProvider": func(ctx context.Context) error { _, err := s.DeleteCustomProvider(ctx, o.custom); return err },
		"CreateKey": func(ctx context.Context) error {
			return s.CreateKey(ctx, &gateway.Key{Name: "new"}, store.NewSecret{Digest: secrets.HashKey("new")})
		},
		"UpdateKey": func(ctx context.Context) error {
			_, err := s.UpdateKey(ctx, o.key, func(k *gateway.Key) error { k.Name += "x"; return nil })
			return err
		},
		"RotateKey": func(ctx context.Context) error {
			_, err := s.RotateKey(ctx, o.key, store.NewSecret{Digest: secrets.HashKey("rotated")}, time.Time{})
			return err
		},
		"DeleteKey":   func(ctx context.Context) error { _, err := s.DeleteKey(ctx, o.key); return err },
		"CreateRoute": func(ctx context.Context) error { return s.CreateRoute(ctx, &gateway.Route{Name: "new", Path: "/new"}) },
		"UpdateRoute": func(ctx context.Context) error {
			_, err := s.UpdateRoute(ctx, o.route, func(r *gateway.Route) error { r.Name += "x"; return nil })
			return err
		},
		"DeleteRoute": func(ctx context.Context) error { _, err := s.DeleteRoute(ctx, o.route); return err },
		"CreateUser":  func(ctx context.Context) error { return s.CreateUser(ctx, &gateway.User{Name: "new"}) },
		"UpdateUser": func(ctx context.Context) error {
			_, err := s.UpdateUser(ctx, o.user, func(u *gateway.User) error { u.Name += "x"; return nil })
			return err
		},
		"DeleteUser":   func(ctx context.Context) error { _, err := s.DeleteUser(ctx, o.user); return err },
		"CreatePolicy": func(ctx context.Context) error { return s.CreatePolicy(ctx, &gateway.Policy{Name: "new"}) },
		"UpdatePolicy": func(ctx context.Context) error {
			_, err := s.UpdatePolicy(ctx, o.policy, func(p *gateway.Policy) error { p.Name += "x"; return nil })
			return err
		},
		"DeletePolicy": func(ctx context.Context) error { _, err := s.DeletePolicy(ctx, o.policy); return err },
		"CreateAdminKey": func(ctx context.Context) error {
			return s.CreateAdminKey(ctx, &gateway.AdminKey{Name: "new", Role: gateway.RoleViewer}, secrets.HashKey("new"))
		},
		"DeleteAdminKey": func(ctx context.Context) error { _, err := s.DeleteAdminKey(ctx, o.adminKey); return err },
		"PutPriceOverride": func(ctx context.Context) error {
			return s.PutPriceOverride(ctx, &gateway.PriceOverride{Model: "m", Prices: `{"a":1}`, EffectiveFrom: time.Unix(2, 0)})
		},
		"DeletePriceOverride": func(ctx context.Context) error { _, err := s.DeletePriceOverride(ctx, o.price); return err },
		"SetUnknownPricePolicy": func(ctx context.Context) error {
			_, err := s.SetUnknownPricePolicy(ctx, gateway.AllowUnknownPrice)
			return err
		},
		"RerateEvents": func(ctx context.Context) error {
			_, _, _, err := s.RerateEvents(ctx, store.Rerate{Limit: 10, Apply: true, Price: func(e *gateway.Event) (gateway.NanoUSD, bool) { return e.Cost + 1, true }})
			return err
		},
	}
}

// prepared holds the ids of what there is to change.
type prepared struct{ setting, spare, custom, key, route, user, policy, price, adminKey string }

func prepare(t *testing.T, s *store.Store) *prepared {
	t.Helper()
	ctx := audit.By(t.Context(), *storetest.Author())
	setting, spare := &gateway.ProviderSetting{Provider: "openai"}, &gateway.ProviderSetting{Provider: "openai"}
	custom, key := &gateway.CustomProvider{Provider: "own"}, &gateway.Key{Name: "k"}
	route, user, policy := &gateway.Route{Name: "r", Path: "/r"}, &gateway.User{Name: "u"}, &gateway.Policy{Name: "p"}
	adminKey := &gateway.AdminKey{Name: "a", Role: gateway.RoleAdmin}
	price := &gateway.PriceOverride{Model: "m", Prices: `{"a":1}`, EffectiveFrom: time.Unix(1, 0)}
	for _, err := range []error{
		s.CreateSetting(ctx, setting), s.CreateSetting(ctx, spare), s.CreateCustomProvider(ctx, custom),
		s.CreateKey(ctx, key, store.NewSecret{Digest: secrets.HashKey("k")}), s.CreateRoute(ctx, route), s.CreateUser(ctx, user),
		s.CreatePolicy(ctx, policy), s.PutPriceOverride(ctx, price), s.CreateAdminKey(ctx, adminKey, secrets.HashKey("a")),
		s.WriteEvents(ctx, []*gateway.Event{{ID: "e", CreatedAt: time.Unix(1, 0), KeyID: key.ID, PriceStatus: gateway.Priced}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return &prepared{setting.ID, spare.ID, custom.ID, key.ID, route.ID, user.ID, policy.ID, price.ID, adminKey.ID}
}
