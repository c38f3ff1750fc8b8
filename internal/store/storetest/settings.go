package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func settingRoundTrip(t *testing.T, s *store.Store) {
	want := &gateway.ProviderSetting{
		Name: "Größe", Provider: "azure", APIKey: gateway.NewSecret("sk-1"),
		Params: map[string]string{"url": "https://example.com", "quote": `"'?$1`}, AllowedModels: []string{"b", "a"},
	}
	before := time.Now().Add(-time.Second)
	must(t, s.CreateSetting(t.Context(), want))
	full(t, *want)
	if want.CreatedAt.Before(before) || want.CreatedAt.Nanosecond() != 0 || want.CreatedAt.Location() != time.UTC {
		t.Errorf("created at %v, want whole seconds in UTC after %v", want.CreatedAt, before)
	}
	got, err := s.Setting(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("setting differs (-want +got):\n%s", diff)
	}
	again := &gateway.ProviderSetting{ID: want.ID, Name: "other", Provider: "openai"}
	wantKind(t, s.CreateSetting(t.Context(), again), gateway.Conflict)
	_, err = s.Setting(t.Context(), "nobody")
	wantKind(t, err, gateway.NotFound)
}

func settingUpdate(t *testing.T, s *store.Store) {
	p := addSetting(t, s, "openai")
	got, err := s.UpdateSetting(t.Context(), p.ID, func(p *gateway.ProviderSetting) error {
		p.ID, p.Name, p.APIKey = "another id is not taken", "new name", gateway.NewSecret("sk-new")
		return nil
	})
	must(t, err)
	if got.ID != p.ID || got.Name != "new name" || got.Revision != p.Revision+1 || !got.CreatedAt.Equal(p.CreatedAt) {
		t.Errorf("after the update: %+v", got)
	}
	refusal := errors.New("refused")
	_, err = s.UpdateSetting(t.Context(), p.ID, func(p *gateway.ProviderSetting) error {
		p.Name = "never"
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("got %v, want the error of change", err)
	}
	kept, err := s.Setting(t.Context(), p.ID)
	must(t, err)
	if diff := cmp.Diff(got, kept, same); diff != "" {
		t.Errorf("kept setting differs (-want +got):\n%s", diff)
	}
	_, err = s.UpdateSetting(t.Context(), "nobody", func(*gateway.ProviderSetting) error { return nil })
	wantKind(t, err, gateway.NotFound)
}

func settingInUse(t *testing.T, s *store.Store) {
	p := addSetting(t, s, "openai")
	k := addKey(t, s, gateway.Key{Name: "user", SettingIDs: []string{p.ID}})
	_, err := s.DeleteSetting(t.Context(), p.ID)
	wantKind(t, err, gateway.Conflict)
	if !strings.Contains(err.Error(), k.ID) {
		t.Errorf("message %q does not name key %s", err, k.ID)
	}
	_, err = s.DeleteKey(t.Context(), k.ID)
	must(t, err)
	revision, err := s.DeleteSetting(t.Context(), p.ID)
	must(t, err)
	if last, err := s.Revision(t.Context()); err != nil || last != revision {
		t.Errorf("revision is %d (%v), the deletion said %d", last, err, revision)
	}
	_, err = s.DeleteSetting(t.Context(), p.ID)
	wantKind(t, err, gateway.NotFound)
}

func settingList(t *testing.T, s *store.Store) {
	var made []string
	for range 3 {
		made = append(made, addSetting(t, s, "openai").ID)
	}
	slices.Reverse(made)
	all, err := s.Settings(t.Context(), nil)
	must(t, err)
	wantList(t, "all settings", settingIDs(all), made...)
	some, err := s.Settings(t.Context(), []string{made[2], "nobody", made[0]})
	must(t, err)
	wantList(t, "two settings", settingIDs(some), made[0], made[2])
	none, err := s.Settings(t.Context(), []string{})
	must(t, err)
	wantList(t, "no settings", settingIDs(none))
}
