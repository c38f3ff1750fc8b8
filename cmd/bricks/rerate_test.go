package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// TestEventsRerate runs the command against a real admin API over a real store.
func TestEventsRerate(t *testing.T) {
	keyring := storetest.Keyring(t)
	db, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "bricks.db"), store.Options{Keyring: keyring, Author: storetest.Author()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	corrected := 0
	api, err := admin.New(admin.Options{
		Store: db, Keyring: keyring, Logger: slog.New(slog.DiscardHandler),
		AdminKeys:   []admin.AdminKey{{Key: gateway.NewSecret(strong)}},
		Corrections: func(_ context.Context, events []*gateway.Event) error { corrected += len(events); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	event := &gateway.Event{ID: "e", CreatedAt: noon, KeyID: "k", Provider: "openai", RequestModel: "gpt-4o",
		Usage: gateway.Usage{InputTokens: 1000}, Cost: 1, PriceStatus: gateway.Priced}
	if err := db.WriteEvents(t.Context(), []*gateway.Event{event}); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (string, string, error) {
		var stdout, stderr bytes.Buffer
		args = append([]string{"events", "rerate", "--admin-url", server.URL}, args...)
		err := run(t.Context(), args, []string{"ADMIN_KEYS=viewer=" + strings.Repeat("v", 32) + "," + strong}, &stdout, &stderr)
		return stdout.String(), stderr.String(), err
	}
	row := []string{"gpt-4o", "openai", "1", "0", "1", "0.000000001", "0.0025", "0.002499999"}
	show, hint, err := command("--from", "2026-05-01T12:00:00Z", "--to", "2026-05-01T12:00:01Z")
	lines := strings.Split(show, "\n")
	if err != nil || len(lines) < 3 || !slices.Equal(strings.Fields(lines[1]), row) || !strings.HasPrefix(lines[2], "total ") {
		t.Fatalf("%v\n%s", err, show)
	}
	if !strings.Contains(hint, "--apply") || corrected != 0 {
		t.Errorf("after a dry run: %q, %d corrections", hint, corrected)
	}
	if _, _, err = command("--from", "1777636800", "--to", "2026-05-01T12:00:01Z", "--apply"); err != nil || corrected != 1 {
		t.Errorf("applied: %v, %d corrections", err, corrected)
	}
	if sum, err := db.Spend(t.Context(), gateway.KeyAccount("k"), noon, noon.Add(time.Second)); err != nil || sum != 2_500_000 {
		t.Errorf("spent %d (%v)", sum, err)
	}

	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no time":      {[]string{"--from", "yesterday", "--to", "1"}, "--from"},
		"a fraction":   {[]string{"--from", "1", "--to", "2026-05-01T12:00:01.5Z"}, "--to"},
		"missing":      {[]string{"--from", "1"}, "--to"},
		"wrong order":  {[]string{"--from", "2", "--to", "1"}, "must not be after"},
		"wrong key":    {[]string{"--from", "1", "--to", "2", "--admin-key", strings.Repeat("w", 32)}, "401"},
		"no URL":       {[]string{"--from", "1", "--to", "2", "--admin-url", "localhost"}, "--admin-url"},
		"unknown flag": {[]string{"--from", "1", "--to", "2", "--all"}, "--all"},
	} {
		if _, _, err := command(tc.args...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one about %s", name, err, tc.want)
		}
	}
}

func TestTheAdminKeyDoesNotFollowARedirect(t *testing.T) {
	stolen := make(chan string, 1)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen <- r.Header.Get("X-API-KEY") }))
	t.Cleanup(thief.Close)
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	err := run(t.Context(), []string{"events", "rerate", "--from=1", "--to=2", "--admin-url", server.URL}, []string{"ADMIN_PASS=" + strong}, io.Discard, io.Discard)
	if err == nil || len(stolen) != 0 {
		t.Errorf("error %v; the redirect was followed: %v", err, len(stolen) != 0)
	}
}
