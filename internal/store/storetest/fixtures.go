package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

// same compares values; the store makes no difference between an empty list and
// none.
var same = cmp.Options{
	cmp.Comparer(func(a, b gateway.Secret) bool { return a.Reveal() == b.Reveal() }),
	cmpopts.EquateEmpty(),
}

// full fails when a field of a fixture is zero: a new field must be in the round
// trip.
func full(t *testing.T, v any) {
	t.Helper()
	value := reflect.ValueOf(v)
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			t.Fatalf("fixture: %s.%s is not set", value.Type(), value.Type().Field(i).Name)
		}
		if value.Field(i).Type() == reflect.TypeFor[gateway.Usage]() {
			full(t, value.Field(i).Interface())
		}
	}
}

func wantKind(t *testing.T, err error, want gateway.Kind) {
	t.Helper()
	if got := gateway.KindOf(err); got != want {
		t.Fatalf("error has kind %q (%v), want %q", got, err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addSetting(t *testing.T, s *store.Store, provider string) *gateway.ProviderSetting {
	t.Helper()
	p := &gateway.ProviderSetting{Name: provider + " setting", Provider: provider, APIKey: gateway.NewSecret("sk-" + provider)}
	must(t, s.CreateSetting(t.Context(), p))
	return p
}

func digestOf(secret string) secrets.Digest { return secrets.HashKey(secret) }

func secretOf(secret string) store.NewSecret {
	return store.NewSecret{Digest: digestOf(secret), Secret: gateway.NewSecret(secret)}
}

// addKey makes a key whose secret is its name.
func addKey(t *testing.T, s *store.Store, k gateway.Key) *gateway.Key {
	t.Helper()
	must(t, s.CreateKey(t.Context(), &k, secretOf(k.Name)))
	return &k
}

func keyNames(keys []*gateway.Key) []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	return names
}

func settingIDs(settings []*gateway.ProviderSetting) []string {
	var ids []string
	for _, p := range settings {
		ids = append(ids, p.ID)
	}
	return ids
}

func eventIDs(events []*gateway.Event) []string {
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

func wantList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// noon is a moment with microseconds, so that rounding shows.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func fullEvent(id string) *gateway.Event {
	return &gateway.Event{
		ID: id, CreatedAt: noon, KeyID: "key", Tags: []string{"org-1", "team"}, SettingID: "setting", Provider: "openai",
		Path: "/api/providers/openai/v1/chat/completions", Method: "POST", Operation: "chat", Status: 200,
		RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06",
		Usage: gateway.Usage{
			InputTokens: 1, CacheReadTokens: 2, CacheWrite5mTokens: 3, CacheWrite1hTokens: 4,
			OutputTokens: 5, ReasoningTokens: 6, AudioInputTokens: 7, AudioOutputTokens: 8,
			CacheReadAudioTokens: 9, ImageInputTokens: 10, ImageOutputTokens: 11, Images: 12, Milliseconds: 13,
			Characters: 14, Queries: 15, Pages: 16, WebSearches: 17,
		},
		PriceModel: "hd/dall-e-3", PriceTerms: "flex",
		Cost: 9_000_000_001, PriceStatus: gateway.Priced, Estimated: true, Incomplete: true,
		Latency: 1500 * time.Microsecond, TimeToFirstToken: 700 * time.Microsecond, Attempts: 2, Streamed: true,
		CustomID: "custom", UserID: "user", CorrelationID: "correlation", Metadata: `{"a":"\u0000"}`,
		Action: "redacted", PolicyID: "policy", Findings: map[string]int64{"email": 2, "regex": 1}, RouteID: "route", RefusalCode: "rate_limit_exceeded", RefusedCount: 3,
		Request: []byte{0, 1, 0xff}, Response: []byte(`{"ok":true}`),
		Accounts: []gateway.AccountID{"default:key:user", "user:u"}, Job: "/v1/batches/b?api-version=1",
	}
}

func at(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }

func eventID(n int) string { return fmt.Sprintf("event-%03d", n) }
