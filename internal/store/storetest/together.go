package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// writesTogether: all of them or none, but for those that failed alone.
func writesTogether(t *testing.T, s *store.Store) {
	wake := s.Watch(t.Context())
	errNo := errors.New("no")
	for _, end := range []error{errNo, nil} {
		err := s.Together(t.Context(), "do much", func(ctx context.Context, s *store.Store) error {
			setting := addSetting(t, s, "openai")
			k := addKey(t, s, gateway.Key{Name: "k", SettingIDs: []string{setting.ID}})
			wantKind(t, s.CreateKey(ctx, &gateway.Key{Name: "same secret"}, secretOf("k")), gateway.Conflict)
			undone := s.Together(ctx, "do some of it", func(ctx context.Context, s *store.Store) error {
				addKey(t, s, gateway.Key{Name: "undone"})
				must(t, s.BookBalance(ctx, []*gateway.Event{{ID: "undone", KeyID: k.ID, CreatedAt: noon, Cost: 1}}))
				return errNo
			})
			if !errors.Is(undone, errNo) {
				t.Errorf("got %v, want f's error", undone)
			}
			must(t, s.BookBalance(ctx, []*gateway.Event{{ID: "kept", KeyID: k.ID, CreatedAt: noon, Cost: 5, Accounts: []gateway.AccountID{"user:u"}}}))
			if found, err := s.Key(ctx, k.ID); err != nil || found.Name != "k" {
				t.Errorf("what was written is not read: %v", err)
			}
			return end
		})
		if !errors.Is(err, end) {
			t.Fatalf("got %v, want %v", err, end)
		}
		keys, _, err := s.Keys(t.Context(), store.KeyFilter{})
		must(t, err)
		entries, err := s.AuditEntries(t.Context(), store.AuditFilter{})
		must(t, err)
		want, wantEntries := []string{"k"}, 3 // the setting, the key, the balance
		if end != nil {
			want, wantEntries = nil, 0
		}
		wantList(t, "keys", keyNames(keys), want...)
		if len(entries) != wantEntries {
			t.Errorf("%d audit entries, want %d", len(entries), wantEntries)
		}
		if end == nil {
			wantSpend(t, s, gateway.KeyAccount(keys[0].ID), 5)
			wantSpend(t, s, "user:u", 5)
		}
	}
	wantWake(t, wake)
	if _, err := s.VerifyAudit(t.Context(), audit.Anchor{}); err != nil {
		t.Errorf("the audit log: %v", err)
	}
}

func wantSpend(t *testing.T, s *store.Store, account gateway.AccountID, want gateway.NanoUSD) {
	t.Helper()
	got, err := s.Spend(t.Context(), account, noon, at(1))
	must(t, err)
	if got != want {
		t.Errorf("%s spent %s, want %s", account, got, want)
	}
}
