package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// manyVariable says of how many events to measure; without it, of a few, so that
// the measurement itself keeps working.
const manyVariable = "BRICKS_BENCH_EVENTS"

// TestReportsOfManyEvents measures reports over 30 days of events on PostgreSQL:
// 200 keys of three models each, among ten; 5,000 users; a custom id on every
// tenth event; latencies spread log-normally. docs/performance.md has the figures.
func TestReportsOfManyEvents(t *testing.T) {
	n := 20_000
	if many := os.Getenv(manyVariable); many != "" {
		var err error
		if n, err = strconv.Atoi(many); err != nil {
			t.Fatalf("%s: %v", manyVariable, err)
		}
	}
	config := storetest.PostgresDatabase(t)
	config.ReadTimeout, config.WriteTimeout = time.Hour, time.Hour
	s, raw := storetest.OpenPostgres(t, config), rawPostgres(t, config)
	end := time.Now().UTC().Truncate(24 * time.Hour)
	start := end.Add(-30 * 24 * time.Hour)
	took := func(what string, f func()) {
		began := time.Now()
		f()
		t.Logf("%s: %v", what, time.Since(began).Round(time.Millisecond))
	}
	took("make events", func() { makeEvents(t, raw, n, start, end) })
	took("roll up", func() {
		if err := s.RollUpAgain(t.Context(), 100_000); err != nil {
			t.Fatal(err)
		}
	})
	for i := range 200 {
		if err := s.CreateKey(t.Context(), &gateway.Key{ID: keyName(i)}, store.NewSecret{Digest: secrets.HashKey(keyName(i))}); err != nil {
			t.Fatal(err)
		}
	}
	run(t, raw, "VACUUM ANALYZE")
	for _, table := range []string{"events", "event_hours", "event_latencies", "event_series"} {
		var rows, bytes int64
		if err := raw.QueryRowContext(t.Context(), "SELECT COUNT(*), pg_total_relation_size('"+table+"') FROM "+table).Scan(&rows, &bytes); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d rows, %d MiB", table, rows, bytes>>20)
	}

	const day, odd = 24 * time.Hour, 17*time.Minute + 13*time.Second
	none := func() string { return "" }
	measure(t, "top keys", func() error {
		_, err := s.TopKeys(t.Context(), store.KeyFilter{Limit: 10}, start.Add(odd), end)
		return err
	}, none)
	both := []store.Group{store.GroupModel, store.GroupKey}
	for _, c := range []struct {
		name   string
		filter store.ReportFilter
	}{
		{"days by model and key", store.ReportFilter{Start: start, End: end, Increment: day, Groups: both}},
		{"days by model and key, not on the hour", store.ReportFilter{Start: start.Add(odd), End: end.Add(odd), Increment: day, Groups: both}},
		{"hours by model", store.ReportFilter{Start: start, End: end, Increment: time.Hour, Groups: both[:1]}},
		{"hours of one key by model", store.ReportFilter{Start: start, End: end, Increment: time.Hour, Groups: both[:1], KeyIDs: []string{keyName(7)}}},
		{"days of one tag by key", store.ReportFilter{Start: start, End: end, Increment: day, Groups: both[1:], Tags: []string{"org-3"}}},
		{"days of one user", store.ReportFilter{Start: start, End: end, Increment: day, UserIDs: []string{"user-42"}}},
		{"days of one key by user", store.ReportFilter{Start: start, End: end, Increment: day, Groups: []store.Group{store.GroupUser}, KeyIDs: []string{keyName(7)}}},
		{"the last hour by minute", store.ReportFilter{Start: end.Add(-time.Hour), End: end, Increment: time.Minute, Groups: both[:1]}},
		{"hours by model, not on the hour", store.ReportFilter{Start: start.Add(odd), End: end.Add(odd), Increment: time.Hour, Groups: both[:1]}},
		{"30 days by user", store.ReportFilter{Start: start, End: end, Increment: 30 * day, Groups: []store.Group{store.GroupUser}}},
	} {
		c.filter.MaxPoints = 100_000
		var points int
		measure(t, c.name, func() error {
			r, err := s.Report(t.Context(), c.filter)
			if err == nil {
				points = len(r.Points)
			}
			return err
		}, func() string { return fmt.Sprintf("%d points", points) })
	}
	measure(t, "users of one key", func() error {
		_, err := s.SeenIDs(t.Context(), store.SeenFilter{KeyID: keyName(7), Group: store.GroupUser, Limit: 1000})
		return err
	}, none)
	measure(t, "a page of events", func() error {
		_, _, err := s.Events(t.Context(), store.EventFilter{Start: start, End: end, Limit: 100})
		return err
	}, none)
	took("delete the first day's events", func() { dropUntil(t, s, start.Add(day)) })
}

// dropUntil deletes events as retention does.
func dropUntil(t *testing.T, s *store.Store, before time.Time) {
	const step = 1000
	dropped := 0
	for n := step; n == step; {
		var err error
		if n, err = s.DropEvents(t.Context(), before, step); err != nil {
			t.Fatal(err)
		}
		dropped += n
	}
	if dropped == 0 {
		t.Error("no event was deleted")
	}
	t.Logf("deleted %d events", dropped)
}

func keyName(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func measure(t *testing.T, name string, ask func() error, more func() string) {
	t.Helper()
	var all []time.Duration
	for range 5 {
		began := time.Now()
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	t.Logf("%s: median %v, slowest %v %s", name, all[2].Round(time.Millisecond), all[4].Round(time.Millisecond), more())
}

// makeEvents writes events in the database itself; through the store it would
// take an hour.
func makeEvents(t *testing.T, raw *sql.DB, n int, start, end time.Time) {
	t.Helper()
	run(t, raw, "ALTER TABLE events SET (autovacuum_enabled = false)")
	for _, index := range []string{"events_created", "events_key", "events_custom", "events_user", "events_key_user", "events_key_custom"} {
		var definition string
		if err := raw.QueryRowContext(t.Context(), "SELECT indexdef FROM pg_indexes WHERE indexname = '"+index+"'").Scan(&definition); err != nil {
			t.Fatalf("%s: %v", index, err)
		}
		run(t, raw, "DROP INDEX "+index)
		defer run(t, raw, definition)
	}
	run(t, raw, fmt.Sprintf(`INSERT INTO events (id, created_at, key_id, tags, setting_id, provider, path, method, operation, status,
		request_model, response_model, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens,
		audio_input_tokens, audio_output_tokens, cost, price_status, estimated, incomplete, latency, time_to_first_token, attempts, streamed,
		custom_id, user_id, correlation_id, metadata, action, policy_id, route_id, refusal_code, refused_count)
	SELECT lpad(to_hex(n), 32, '0')::uuid::text, %d + n * %d, '00000000-0000-4000-8000-' || lpad(k::text, 12, '0'), '["org-' || k %% 20 || '"]',
		'00000000-0000-4000-8000-000000000000', 'openai', '/api/providers/openai/v1/chat/completions', 'POST', 'chat', CASE WHEN n %% 20 = 0 THEN 429 ELSE 200 END,
		'model-' || (k + m) %% 10, 'model-' || (k + m) %% 10 || '-2026-01-01', 100 + n %% 1000, 0, 0, 0, 50 + n %% 300, 0,
		0, 0, 100000 + n %% 50000000, 'priced', false, false, exp(13 + 0.8 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::bigint, 200000, 1, false,
		CASE WHEN n %% 10 = 0 THEN 'custom-' || n ELSE '' END, 'user-' || n %% 5000, '', '', 'allowed', '', '', '', 0
	FROM (SELECT n, (random() * 200)::int %% 200 AS k, (random() * 3)::int %% 3 AS m FROM generate_series(0::bigint, %d) AS n) AS made`,
		start.UnixMicro(), end.Sub(start).Microseconds()/int64(n), n-1))
}
