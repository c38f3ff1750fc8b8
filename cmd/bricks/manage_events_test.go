package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// TestEventsCommands lists and exports more events than fit on a page of the API.
func TestEventsCommands(t *testing.T) {
	keyring := storetest.Keyring(t)
	db, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "bricks.db"), store.Options{Keyring: keyring, Author: storetest.Author()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	api, err := admin.New(admin.Options{Store: db, Keyring: keyring, Logger: slog.New(slog.DiscardHandler), AdminKeys: []admin.AdminKey{{Key: gateway.NewSecret(strong)}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	const many = 2345
	now := time.Now().UTC().Truncate(time.Second)
	var events []*gateway.Event
	for i := range many {
		events = append(events, &gateway.Event{
			ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), CreatedAt: now.Add(-time.Duration(i) * time.Second), KeyID: "k", UserID: fmt.Sprint("u", i%2),
			Provider: "openai", RequestModel: "gpt-4o", Status: 200, Latency: 1234 * time.Millisecond, Usage: gateway.Usage{InputTokens: 7, OutputTokens: 11}, Cost: 1_500_000, PriceStatus: gateway.Priced,
		})
	}
	events = append(events, &gateway.Event{ID: "00000000-0000-4000-9000-000000000000", CreatedAt: now.Add(-48 * time.Hour), KeyID: "k", Provider: "openai", RequestModel: "old\x1b[2J", PriceStatus: gateway.Priced})
	if err := db.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	m := managed{t, server.URL}

	rows := strings.Split(m.must("events", "list", "--limit=1").stdout, "\n")
	if words(rows[0]) != "ID WHEN KEY MODEL STATUS ACTION TOKENS IN OUT COST LATENCY" || !isRow(strings.Replace(rows[1], now.String(), "", 1), events[0].ID+" 0s ago k gpt-4o 200 - 7 11 $0.0015 1.234s") {
		t.Errorf("list:\n%s\n%s", rows[0], rows[1])
	}
	var listed []json.RawMessage
	if err := json.Unmarshal([]byte(m.must("events", "list", "--all", "-o", "json").stdout), &listed); err != nil || len(listed) != many {
		t.Fatalf("list --all: %d events, %v; want %d, without the old one", len(listed), err, many)
	}
	exported := strings.Split(strings.TrimSuffix(m.must("events", "export").stdout, "\n"), "\n")
	if len(exported) != many {
		t.Fatalf("export: %d lines", len(exported))
	}
	for i := range listed {
		if string(listed[i]) != exported[i] || !bytes.Contains(listed[i], []byte(events[i].ID)) {
			t.Fatalf("event %d: listed %s, exported %s", i, listed[i], exported[i])
		}
	}
	if r := m.must("events", "list", "--user=u1", "--limit=1001"); strings.Count(r.stdout, "\n") != 1002 || !strings.Contains(r.stderr, "first 1001") {
		t.Errorf("list --limit=1001 has %d lines, and says %s", strings.Count(r.stdout, "\n"), r.stderr)
	}
	old := m.must("events", "list", "--since=7d", "--until=25h").stdout
	if strings.Count(old, "\n") != 2 || !strings.Contains(old, "old?[2J") || strings.Contains(old, "\x1b") {
		t.Errorf("list of the old ones:\n%q", old)
	}
	if csv := m.must("events", "export", "--format=csv", "--since=7d", "--until=1d").stdout; strings.Count(csv, "\n") != 2 || !strings.HasPrefix(csv, "id,created_at,") {
		t.Errorf("export --format=csv:\n%s", csv)
	}
	for want, args := range map[int][]string{
		cli.ExitUsage:   {"events", "list", "--since=yesterday"},
		cli.ExitRefused: {"events", "export", "--action=eaten"},
	} {
		if r := m.run(args...); cli.ExitCode(r.err) != want || r.stdout != "" {
			t.Errorf("%s: exit code %d, %v, %s", args, cli.ExitCode(r.err), r.err, r.stdout)
		}
	}
}
