package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func keyRoundTrip(t *testing.T, s *store.Store) {
	a, b := addSetting(t, s, "openai"), addSetting(t, s, "anthropic")
	p := addPolicy(t, s, "p")
	want := &gateway.Key{
		Name: "Spike's key?", Tags: []string{"z", "a"}, Revoked: true, RevokedReason: "expired", TTL: "1h30m", ExpiresAt: time.Unix(2_000_000_000, 0).UTC(),
		CostLimit: 5 * gateway.USD, CostLimitOverTime: 1, CostLimitUnit: gateway.Month, RateLimitOverTime: 7, RateLimitUnit: gateway.Second,
		SettingIDs: []string{b.ID, a.ID}, AllowedPaths: []gateway.PathRule{{Path: "/api/x", Method: "POST"}}, AllowedModels: []string{"m"}, PolicyID: p.ID,
		ShouldLogRequest: true, ShouldLogResponse: true, RotationEnabled: true, IsKeyNotHashed: true, RequireUser: true, AllowUnbounded: true, MaxParallelRequests: 4,
	}
	must(t, s.CreateKey(t.Context(), want, secretOf("secret")))
	full(t, *want)
	got, err := s.Key(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("key differs (-want +got):\n%s", diff)
	}
	found, until, err := s.KeyByDigest(t.Context(), digestOf("secret"))
	must(t, err)
	if diff := cmp.Diff(want, found, same); diff != "" || !until.IsZero() {
		t.Errorf("key by digest differs, valid until %v (-want +got):\n%s", until, diff)
	}
	_, _, err = s.KeyByDigest(t.Context(), digestOf("wrong"))
	wantKind(t, err, gateway.NotFound)
	_, err = s.Key(t.Context(), "nobody\x00")
	wantKind(t, err, gateway.NotFound)
}

func keyUpdate(t *testing.T, s *store.Store) {
	p := addSetting(t, s, "openai")
	k := addKey(t, s, gateway.Key{Name: "k", SettingIDs: []string{p.ID}, Tags: []string{"a"}})
	got, err := s.UpdateKey(t.Context(), k.ID, func(k *gateway.Key) error {
		k.Name, k.Tags, k.SettingIDs, k.Revoked = "renamed", nil, nil, true
		return nil
	})
	must(t, err)
	if got.Revision != k.Revision+1 {
		t.Errorf("revision %d after %d", got.Revision, k.Revision)
	}
	_, err = s.UpdateKey(t.Context(), k.ID, func(k *gateway.Key) error {
		k.Name, k.SettingIDs = "never", []string{p.ID, "nobody"}
		return nil
	})
	wantKind(t, err, gateway.Invalid)
	refusal := errors.New("refused")
	if _, err = s.UpdateKey(t.Context(), k.ID, func(*gateway.Key) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v, want the error of change", err)
	}
	kept, err := s.Key(t.Context(), k.ID)
	must(t, err)
	if diff := cmp.Diff(got, kept, same); diff != "" {
		t.Errorf("kept key differs (-want +got):\n%s", diff)
	}
	if _, _, err := s.KeyByDigest(t.Context(), digestOf("k")); err != nil {
		t.Errorf("the secret is gone after an update: %v", err)
	}
	_, err = s.UpdateKey(t.Context(), "nobody", func(*gateway.Key) error { return nil })
	wantKind(t, err, gateway.NotFound)
}

func keyDelete(t *testing.T, s *store.Store) {
	k := addKey(t, s, gateway.Key{Name: "k"})
	e := fullEvent("e")
	e.KeyID = k.ID
	must(t, s.WriteEvents(t.Context(), []*gateway.Event{e}))
	_, err := s.DeleteKey(t.Context(), k.ID)
	must(t, err)
	_, err = s.Key(t.Context(), k.ID)
	wantKind(t, err, gateway.NotFound)
	_, _, err = s.KeyByDigest(t.Context(), digestOf("k"))
	wantKind(t, err, gateway.NotFound)
	_, err = s.DeleteKey(t.Context(), k.ID)
	wantKind(t, err, gateway.NotFound)
	if sum, err := s.Spend(t.Context(), gateway.KeyAccount(k.ID), time.Time{}, time.Time{}); err != nil || sum != e.Cost {
		t.Errorf("spend of the deleted key is %v (%v), want %v", sum, err, e.Cost)
	}
	addKey(t, s, gateway.Key{Name: "k"}) // the secret may be used again
}

func keyRefused(t *testing.T, s *store.Store) {
	p := addSetting(t, s, "openai")
	k := addKey(t, s, gateway.Key{Name: "taken"})
	for _, c := range []struct {
		name   string
		key    gateway.Key
		secret store.NewSecret
		want   gateway.Kind
	}{
		{"secret of another key", gateway.Key{}, secretOf("taken"), gateway.Conflict},
		{"id of another key", gateway.Key{ID: k.ID}, secretOf("new"), gateway.Conflict},
		{"unknown setting", gateway.Key{SettingIDs: []string{p.ID, "nobody"}}, secretOf("new"), gateway.Invalid},
		{"unknown policy", gateway.Key{PolicyID: "nobody"}, secretOf("new"), gateway.Invalid},
		{"setting twice", gateway.Key{SettingIDs: []string{p.ID, p.ID}}, secretOf("new"), gateway.Invalid},
		{"id with NUL", gateway.Key{ID: "a\x00"}, secretOf("new"), gateway.Invalid},
		{"to be shown, without a secret", gateway.Key{IsKeyNotHashed: true}, store.NewSecret{Digest: digestOf("new")}, gateway.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantKind(t, s.CreateKey(t.Context(), &c.key, c.secret), c.want)
			_, _, err := s.KeyByDigest(t.Context(), digestOf("new"))
			wantKind(t, err, gateway.NotFound)
		})
	}
}

func keyFilters(t *testing.T, s *store.Store) {
	openai, anthropic := addSetting(t, s, "openai"), addSetting(t, s, "anthropic")
	one := addKey(t, s, gateway.Key{Name: "one", Tags: []string{"a", "b"}, SettingIDs: []string{openai.ID, anthropic.ID}})
	addKey(t, s, gateway.Key{Name: "two", Tags: []string{"b"}, SettingIDs: []string{anthropic.ID}})
	addKey(t, s, gateway.Key{Name: "ÄRGER 100%", Tags: []string{`"`, "b?"}, Revoked: true})
	ended := addKey(t, s, gateway.Key{Name: "ended", ExpiresAt: time.Unix(1_000_000_000, 0).UTC()})
	yes, no := true, false
	if keys, _, err := s.Keys(t.Context(), store.KeyFilter{IDs: []string{ended.ID}, Revoked: &yes}); err != nil || len(keys) != 1 {
		t.Errorf("an expired key among the revoked: %d, %v; want 1", len(keys), err)
	}
	if keys, _, err := s.Keys(t.Context(), store.KeyFilter{IDs: []string{ended.ID}, Revoked: &no}); err != nil || len(keys) != 0 {
		t.Errorf("an expired key among the others: %d, %v; want none", len(keys), err)
	}
	if _, err := s.DeleteKey(t.Context(), ended.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		filter store.KeyFilter
		want   []string
		total  int
	}{
		{"all, newest first", store.KeyFilter{Count: true}, []string{"ÄRGER 100%", "two", "one"}, 3},
		{"oldest first", store.KeyFilter{Ascending: true}, []string{"one", "two", "ÄRGER 100%"}, 0},
		{"page", store.KeyFilter{Limit: 1, Offset: 1, Count: true}, []string{"two"}, 3},
		{"offset alone", store.KeyFilter{Offset: 2}, []string{"one"}, 0},
		{"one tag", store.KeyFilter{Tags: []string{"b"}, Count: true}, []string{"two", "one"}, 2},
		{"all tags", store.KeyFilter{Tags: []string{"b", "a"}}, []string{"one"}, 0},
		{"a tag is not a pattern", store.KeyFilter{Tags: []string{`"`}}, []string{"ÄRGER 100%"}, 0},
		{"part of a tag", store.KeyFilter{Tags: []string{"b?x"}}, nil, 0},
		{"name in any case", store.KeyFilter{Name: "ärg"}, []string{"ÄRGER 100%"}, 0},
		{"name is not a pattern", store.KeyFilter{Name: "0%"}, []string{"ÄRGER 100%"}, 0},
		{"name not there", store.KeyFilter{Name: "_"}, nil, 0},
		{"provider", store.KeyFilter{Provider: "anthropic"}, []string{"two", "one"}, 0},
		{"revoked", store.KeyFilter{Revoked: &yes}, []string{"ÄRGER 100%"}, 0},
		{"not revoked", store.KeyFilter{Revoked: &no}, []string{"two", "one"}, 0},
		{"ids", store.KeyFilter{IDs: []string{one.ID, "nobody"}}, []string{"one"}, 0},
		{"together", store.KeyFilter{IDs: []string{one.ID}, Tags: []string{"a"}, Name: "ON", Provider: "openai", Revoked: &no, Count: true}, []string{"one"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, total, err := s.Keys(t.Context(), c.filter)
			must(t, err)
			wantList(t, "keys", keyNames(keys), c.want...)
			if total != c.total {
				t.Errorf("total %d, want %d", total, c.total)
			}
		})
	}
	_, _, err := s.Keys(t.Context(), store.KeyFilter{Limit: -1})
	wantKind(t, err, gateway.Invalid)
}
