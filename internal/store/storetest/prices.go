package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func priceRoundTrip(t *testing.T, s *store.Store) {
	p := addSetting(t, s, "openai")
	put := func(o gateway.PriceOverride) *gateway.PriceOverride {
		t.Helper()
		must(t, s.PutPriceOverride(t.Context(), &o))
		return &o
	}
	later := put(gateway.PriceOverride{SettingID: p.ID, Model: "org/größe:1", EffectiveFrom: time.Unix(200, 0).UTC(), Prices: `{"input_cost_per_token":1e-6}`})
	full(t, *later)
	first := put(gateway.PriceOverride{SettingID: p.ID, Model: "org/größe:1", EffectiveFrom: time.Unix(0, 0).UTC(), Prices: `{}`})
	global := put(gateway.PriceOverride{Model: "org/größe:1", EffectiveFrom: time.Unix(200, 0).UTC(), Prices: `{}`})
	check := func(want ...*gateway.PriceOverride) {
		t.Helper()
		got, err := s.PriceOverrides(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("overrides differ (-want +got):\n%s", diff)
		}
	}
	check(global, later, first)

	again := put(gateway.PriceOverride{SettingID: p.ID, Model: "org/größe:1", EffectiveFrom: time.Unix(200, 0).UTC(), Prices: `{"new":1}`})
	if again.ID != later.ID || again.Revision != global.Revision+1 || !again.CreatedAt.Equal(later.CreatedAt) {
		t.Errorf("replaced: %+v, was %+v", again, later)
	}
	check(global, again, first)
	got, err := s.PriceOverride(t.Context(), again.ID)
	must(t, err)
	if diff := cmp.Diff(again, got, same); diff != "" {
		t.Errorf("override differs (-want +got):\n%s", diff)
	}

	revision, err := s.DeletePriceOverride(t.Context(), again.ID)
	must(t, err)
	check(global, first)
	changes, err := s.ChangesSince(t.Context(), revision-1)
	must(t, err)
	if len(changes) != 1 || changes[0].Kind != store.KindPrices || changes[0].ID != again.ID {
		t.Errorf("changes %+v", changes)
	}
	_, err = s.DeletePriceOverride(t.Context(), again.ID)
	wantKind(t, err, gateway.NotFound)
	_, err = s.PriceOverride(t.Context(), again.ID)
	wantKind(t, err, gateway.NotFound)
	wantKind(t, s.PutPriceOverride(t.Context(), &gateway.PriceOverride{SettingID: "nobody", Model: "m", Prices: "{}"}), gateway.NotFound)
	wantKind(t, s.PutPriceOverride(t.Context(), &gateway.PriceOverride{Model: "m"}), gateway.Invalid)
}

func priceRoom(t *testing.T, s *store.Store) {
	prices := strings.Repeat(" ", 300<<10)
	for i := range 3 {
		must(t, s.PutPriceOverride(t.Context(), &gateway.PriceOverride{Model: fmt.Sprint(i), Prices: prices}))
	}
	wantKind(t, s.PutPriceOverride(t.Context(), &gateway.PriceOverride{Model: "one more", Prices: prices}), gateway.Conflict)
	// In the place of another there is room.
	must(t, s.PutPriceOverride(t.Context(), &gateway.PriceOverride{Model: "0", Prices: prices}))
}

func pricePolicy(t *testing.T, s *store.Store) {
	check := func(want gateway.UnknownPricePolicy) {
		t.Helper()
		got, err := s.UnknownPricePolicy(t.Context())
		must(t, err)
		if got != want {
			t.Errorf("policy %q, want %q", got, want)
		}
	}
	check("")
	for _, p := range []gateway.UnknownPricePolicy{gateway.AllowUnknownPrice, gateway.DenyUnknownPrice, gateway.AllowUnknownPrice, ""} {
		_, err := s.SetUnknownPricePolicy(t.Context(), p)
		must(t, err)
		check(p)
	}
	_, err := s.SetUnknownPricePolicy(t.Context(), "perhaps")
	wantKind(t, err, gateway.Invalid)
}
