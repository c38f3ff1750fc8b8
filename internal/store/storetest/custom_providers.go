package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func addCustom(t *testing.T, s *store.Store, name string, tags ...string) *gateway.CustomProvider {
	t.Helper()
	p := &gateway.CustomProvider{Provider: name, Tags: tags, AuthenticationParam: "apikey",
		Routes: []gateway.CustomRoute{{Path: "/chat", TargetURL: "https://api.example.com/chat"}}}
	must(t, s.CreateCustomProvider(t.Context(), p))
	return p
}

func customRoundTrip(t *testing.T, s *store.Store) {
	want := &gateway.CustomProvider{
		Provider: "bricks", Tags: []string{"b", "a"},
		Routes: []gateway.CustomRoute{{
			Path: "/chat", TargetURL: "https://api.example.com/chat?a=b", ModelLocation: "model", PromptLocation: `messages.#.con\.tent`,
			CompletionLocation: "out", StreamLocation: "stream", StreamEndWord: "[\"'Ende?$1ü]", StreamCompletionLocation: "delta", StreamMaxEmptyMessages: 7,
		}, {Path: "/other", TargetURL: "https://api.example.com/other"}},
		AuthenticationParam: "token", AuthenticationHeader: "x-token", AuthenticationQuery: "token",
	}
	before := time.Now().Add(-time.Second)
	must(t, s.CreateCustomProvider(t.Context(), want))
	full(t, *want)
	full(t, want.Routes[0])
	if want.CreatedAt.Before(before) || want.CreatedAt.Nanosecond() != 0 || want.CreatedAt.Location() != time.UTC {
		t.Errorf("created at %v, want whole seconds in UTC after %v", want.CreatedAt, before)
	}
	got, err := s.CustomProvider(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("custom provider differs (-want +got):\n%s", diff)
	}
	_, err = s.CustomProvider(t.Context(), "nobody")
	wantKind(t, err, gateway.NotFound)
	changes, err := s.ChangesSince(t.Context(), want.Revision-1)
	must(t, err)
	if len(changes) != 1 || changes[0].Kind != store.KindCustomProvider || changes[0].ID != want.ID {
		t.Errorf("changes = %+v", changes)
	}
}

func customUnique(t *testing.T, s *store.Store) {
	p := addCustom(t, s, "bricks")
	wantKind(t, s.CreateCustomProvider(t.Context(), &gateway.CustomProvider{Provider: "bricks"}), gateway.Conflict)
	wantKind(t, s.CreateCustomProvider(t.Context(), &gateway.CustomProvider{ID: p.ID, Provider: "other"}), gateway.Conflict)
	addCustom(t, s, "Bricks")
}

func customUpdate(t *testing.T, s *store.Store) {
	p := addCustom(t, s, "bricks")
	addSetting(t, s, "bricks")
	got, err := s.UpdateCustomProvider(t.Context(), p.ID, func(p *gateway.CustomProvider, settings []*gateway.ProviderSetting) error {
		if len(settings) != 1 || settings[0].APIKey.Reveal() != "sk-bricks" {
			t.Errorf("settings = %+v", settings)
		}
		p.ID, p.Provider, p.AuthenticationParam = "another id is not taken", "nor another name", "token"
		p.Routes = append(p.Routes, gateway.CustomRoute{Path: "/more"})
		return nil
	})
	must(t, err)
	if got.ID != p.ID || got.Provider != "bricks" || got.AuthenticationParam != "token" || len(got.Routes) != 2 || got.Revision <= p.Revision {
		t.Errorf("after the update: %+v", got)
	}
	refusal := errors.New("refused")
	_, err = s.UpdateCustomProvider(t.Context(), p.ID, func(p *gateway.CustomProvider, _ []*gateway.ProviderSetting) error {
		p.AuthenticationParam = "never"
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("got %v, want the error of change", err)
	}
	kept, err := s.CustomProvider(t.Context(), p.ID)
	must(t, err)
	if diff := cmp.Diff(got, kept, same); diff != "" {
		t.Errorf("kept custom provider differs (-want +got):\n%s", diff)
	}
	_, err = s.UpdateCustomProvider(t.Context(), "nobody", func(*gateway.CustomProvider, []*gateway.ProviderSetting) error { return nil })
	wantKind(t, err, gateway.NotFound)
}

func customInUse(t *testing.T, s *store.Store) {
	wantKind(t, s.CreateSetting(t.Context(), &gateway.ProviderSetting{Provider: "bricks"}), gateway.Invalid)
	p := addCustom(t, s, "bricks")
	setting := addSetting(t, s, "bricks")
	_, err := s.DeleteCustomProvider(t.Context(), p.ID)
	wantKind(t, err, gateway.Conflict)
	if !strings.Contains(err.Error(), setting.ID) {
		t.Errorf("message %q does not name setting %s", err, setting.ID)
	}
	_, err = s.DeleteSetting(t.Context(), setting.ID)
	must(t, err)
	revision, err := s.DeleteCustomProvider(t.Context(), p.ID)
	must(t, err)
	if last, err := s.Revision(t.Context()); err != nil || last != revision {
		t.Errorf("revision is %d (%v), the deletion said %d", last, err, revision)
	}
	_, err = s.DeleteCustomProvider(t.Context(), p.ID)
	wantKind(t, err, gateway.NotFound)
	wantKind(t, s.CreateSetting(t.Context(), &gateway.ProviderSetting{Provider: "bricks"}), gateway.Invalid)
}

func customList(t *testing.T, s *store.Store) {
	one, two, three := addCustom(t, s, "one", "a"), addCustom(t, s, "two", "a", "b"), addCustom(t, s, "three")
	for name, tt := range map[string]struct {
		filter store.CustomProviderFilter
		want   []string
	}{
		"all":      {store.CustomProviderFilter{}, []string{"three", "two", "one"}},
		"a tag":    {store.CustomProviderFilter{Tags: []string{"a"}}, []string{"two", "one"}},
		"two tags": {store.CustomProviderFilter{Tags: []string{"b", "a"}}, []string{"two"}},
		"a name":   {store.CustomProviderFilter{Provider: "two"}, []string{"two"}},
		"ids":      {store.CustomProviderFilter{IDs: []string{one.ID, three.ID, "nobody"}}, []string{"three", "one"}},
		"nothing":  {store.CustomProviderFilter{IDs: []string{two.ID}, Provider: "one"}, nil},
	} {
		all, err := s.CustomProviders(t.Context(), tt.filter)
		must(t, err)
		var names []string
		for _, p := range all {
			names = append(names, p.Provider)
		}
		wantList(t, name, names, tt.want...)
	}
}
