package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// eventColumns are the columns of events with PostgreSQL's types, in the order
// of eventRow and eventTargets.
var eventColumns = []struct{ name, kind string }{
	{"id", "text"}, {"created_at", "bigint"}, {"key_id", "text"}, {"tags", "text"}, {"setting_id", "text"}, {"provider", "text"},
	{"path", "text"}, {"method", "text"}, {"operation", "text"}, {"status", "bigint"},
	{"request_model", "text"}, {"response_model", "text"},
	{"input_tokens", "bigint"}, {"cache_read_tokens", "bigint"}, {"cache_write_5m_tokens", "bigint"}, {"cache_write_1h_tokens", "bigint"},
	{"output_tokens", "bigint"}, {"reasoning_tokens", "bigint"}, {"audio_input_tokens", "bigint"}, {"audio_output_tokens", "bigint"},
	{"cache_read_audio_tokens", "bigint"}, {"image_input_tokens", "bigint"}, {"image_output_tokens", "bigint"},
	{"images", "bigint"}, {"milliseconds", "bigint"}, {"characters", "bigint"}, {"queries", "bigint"}, {"pages", "bigint"}, {"web_searches", "bigint"},
	{"price_model", "text"}, {"price_terms", "text"},
	{"cost", "bigint"}, {"price_status", "text"}, {"estimated", "boolean"}, {"incomplete", "boolean"},
	{"latency", "bigint"}, {"time_to_first_token", "bigint"}, {"attempts", "bigint"}, {"streamed", "boolean"},
	{"custom_id", "text"}, {"user_id", "text"}, {"correlation_id", "text"}, {"metadata", "text"},
	{"action", "text"}, {"policy_id", "text"}, {"route_id", "text"}, {"refusal_code", "text"}, {"refused_count", "bigint"}, {"job", "text"}, {"findings", "text"},
	{"request", "bytea"}, {"response", "bytea"},
}

// eventColumnNames are the names alone, with commas.
var eventColumnNames = func() string {
	names := make([]string, len(eventColumns))
	for i, c := range eventColumns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}()

// eventRow has text() around all that a client or provider may have written:
// one event that PostgreSQL refuses would hold up the spool for ever.
func eventRow(e *gateway.Event) []any {
	u := &e.Usage
	return []any{
		text(e.ID), e.CreatedAt.UnixMicro(), text(e.KeyID), list(e.Tags), text(e.SettingID), text(e.Provider),
		text(e.Path), text(e.Method), text(e.Operation), int64(e.Status),
		text(e.RequestModel), text(e.ResponseModel),
		u.InputTokens, u.CacheReadTokens, u.CacheWrite5mTokens, u.CacheWrite1hTokens,
		u.OutputTokens, u.ReasoningTokens, u.AudioInputTokens, u.AudioOutputTokens,
		u.CacheReadAudioTokens, u.ImageInputTokens, u.ImageOutputTokens,
		u.Images, u.Milliseconds, u.Characters, u.Queries, u.Pages, u.WebSearches,
		text(e.PriceModel), text(e.PriceTerms),
		int64(e.Cost), text(string(e.PriceStatus)), e.Estimated, e.Incomplete,
		e.Latency.Microseconds(), e.TimeToFirstToken.Microseconds(), int64(e.Attempts), e.Streamed,
		text(e.CustomID), text(e.UserID), text(e.CorrelationID), text(e.Metadata),
		text(e.Action), text(e.PolicyID), text(e.RouteID), text(e.RefusalCode), int64(e.RefusedCount), text(e.Job), findingsJSON(e.Findings),
		e.Request, e.Response,
	}
}

func findingsJSON(found map[string]int64) string {
	kept := make(map[string]int64, len(found))
	for name, n := range found {
		kept[text(name)] += n
	}
	return asJSON(kept)
}

// eventRows are what is written of one event: its row, and one for each account
// that it is charged to.
type eventRows struct {
	event    []any
	accounts [][]any
}

const accountColumnNames = "event_id, account, created_at, cost"

func accountRows(e *gateway.Event) [][]any {
	var rows [][]any
	for _, a := range slices.Compact(slices.Sorted(slices.Values(e.Accounts))) {
		rows = append(rows, []any{text(e.ID), text(string(a)), e.CreatedAt.UnixMicro(), int64(e.Cost)})
	}
	return rows
}

// eventSelection is what to select from events for scanEvent.
func (s *Store) eventSelection() string {
	return eventColumnNames + ", (SELECT CAST(COALESCE(" + s.dialect.jsonArray +
		"(account ORDER BY account), '[]') AS TEXT) FROM event_accounts WHERE event_id = events.id)"
}

// bodilessSelection is eventSelection without the bodies, which may be large.
func (s *Store) bodilessSelection() string {
	return strings.Replace(s.eventSelection(), ", request, response", ", NULL, NULL", 1)
}

func scanEvent(row scanner) (*gateway.Event, error) {
	var e gateway.Event
	var created, latency, first int64
	u := &e.Usage
	err := row.Scan(
		&e.ID, &created, &e.KeyID, jsonColumn{&e.Tags}, &e.SettingID, &e.Provider,
		&e.Path, &e.Method, &e.Operation, &e.Status,
		&e.RequestModel, &e.ResponseModel,
		&u.InputTokens, &u.CacheReadTokens, &u.CacheWrite5mTokens, &u.CacheWrite1hTokens,
		&u.OutputTokens, &u.ReasoningTokens, &u.AudioInputTokens, &u.AudioOutputTokens,
		&u.CacheReadAudioTokens, &u.ImageInputTokens, &u.ImageOutputTokens,
		&u.Images, &u.Milliseconds, &u.Characters, &u.Queries, &u.Pages, &u.WebSearches,
		&e.PriceModel, &e.PriceTerms,
		&e.Cost, &e.PriceStatus, &e.Estimated, &e.Incomplete,
		&latency, &first, &e.Attempts, &e.Streamed,
		&e.CustomID, &e.UserID, &e.CorrelationID, &e.Metadata,
		&e.Action, &e.PolicyID, &e.RouteID, &e.RefusalCode, &e.RefusedCount, &e.Job, jsonColumn{&e.Findings},
		&e.Request, &e.Response, jsonColumn{&e.Accounts},
	)
	e.CreatedAt = time.UnixMicro(created).UTC()
	e.Latency, e.TimeToFirstToken = time.Duration(latency)*time.Microsecond, time.Duration(first)*time.Microsecond
	return &e, err
}

// WriteEvents keeps events in one transaction: all or none. An event whose id
// is there already, or comes twice, is left as the first one was. Times are
// kept to the microsecond.
func (s *Store) WriteEvents(ctx context.Context, events []*gateway.Event) error {
	if len(events) == 0 {
		return nil
	}
	return s.update(ctx, "write events", func(ctx context.Context, tx *sql.Tx) error {
		return s.insertEvents(ctx, tx, events)
	})
}

func (s *Store) insertEvents(ctx context.Context, tx *sql.Tx, events []*gateway.Event) error {
	if len(events) == 0 {
		return nil
	}
	// Two writers that insert the same ids in different orders would wait for
	// one another in PostgreSQL's index.
	sorted := slices.SortedStableFunc(slices.Values(events), func(a, b *gateway.Event) int { return cmp.Compare(a.ID, b.ID) })
	sorted = slices.CompactFunc(sorted, func(a, b *gateway.Event) bool { return a.ID == b.ID })
	rows := make([]eventRows, 0, len(sorted))
	for _, e := range sorted {
		if e.ID == "" {
			return invalid("an event has no id")
		}
		rows = append(rows, eventRows{eventRow(e), accountRows(e)})
	}
	written, err := s.backend.insertEvents(ctx, tx, rows)
	if err != nil {
		return err
	}
	return s.rollUp(ctx, tx, sorted, written)
}

// Spend sums the cost of the account's events in [start, end); a zero time is
// open. Of events that were deleted it counts whole hours: those that begin in
// the range.
func (s *Store) Spend(ctx context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error) {
	left, gone := conditions{dialect: s.dialect}, conditions{dialect: s.dialect}
	from := "event_accounts"
	if keyID, ok := strings.CutPrefix(string(account), string(gateway.KeyAccount(""))); ok {
		from = "events" // every event has exactly one key
		left.add("key_id = ?", text(keyID))
	} else {
		left.add("account = ?", text(string(account)))
	}
	gone.add("account = ?", text(string(account)))
	left.during("created_at", start, end)
	gone.during("hour", start, end)
	var sum gateway.NanoUSD
	err := s.view(ctx, "sum spend", func(ctx context.Context, q querier) error {
		// One statement: between two, events could go from one to the other.
		return q.queryRow(ctx, "SELECT CAST((SELECT COALESCE(SUM(cost), 0) FROM "+from+left.where()+") + "+
			"(SELECT COALESCE(SUM(cost), 0) FROM event_spend"+gone.where()+") AS BIGINT)", append(left.args, gone.args...)...).Scan(&sum)
	})
	return sum, err
}

// after asks for events behind a place in the order, oldest first.
func (c *conditions) after(place EventCursor) {
	if place.ID != "" {
		at := place.CreatedAt.UnixMicro()
		c.add("(created_at > ? OR created_at = ? AND id > ?)", at, at, place.ID)
	}
}

// during asks for the time in column to be in [start, end); a zero time is open.
func (c *conditions) during(column string, start, end time.Time) {
	if !start.IsZero() {
		c.add(column+" >= ?", start.UnixMicro())
	}
	if !end.IsZero() {
		c.add(column+" < ?", end.UnixMicro())
	}
}
