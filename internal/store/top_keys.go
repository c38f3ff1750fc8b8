package store

import (
	"context"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// KeySpend is a key and what its events of a range cost.
type KeySpend struct {
	Key  *gateway.Key
	Cost gateway.NanoUSD
}

// TopKeys returns the keys that match by what they spent in [start, end), most
// first, or least first if the filter is Ascending; those that spent the same
// are newest first. Keys that spent nothing are among them. The filter's Count
// is not looked at.
func (s *Store) TopKeys(ctx context.Context, f KeyFilter, start, end time.Time) ([]KeySpend, error) {
	page, err := limitOffset(f.Limit, f.Offset)
	if err != nil {
		return nil, err
	}
	where := s.keyConditions(f)
	order := " ORDER BY spent DESC, created_revision DESC"
	if f.Ascending {
		order = " ORDER BY spent, created_revision DESC"
	}
	var top []KeySpend
	err = s.snapshot(ctx, "read top keys", func(ctx context.Context, q querier) error {
		horizon, err := s.horizon(ctx, q)
		if err != nil {
			return err
		}
		rows, err := q.query(ctx, "SELECT "+s.keySelection()+", CAST(COALESCE(spent_cost, 0) AS BIGINT) AS spent "+
			"FROM keys LEFT JOIN ("+spentByKey(start, end, horizon)+") AS spending ON spent_key = id"+where.where()+order+page, where.args...)
		if err != nil {
			return err
		}
		top, err = collect(rows, func(row scanner) (KeySpend, error) {
			one := KeySpend{Key: &gateway.Key{}}
			err := row.Scan(append(keyTargets(one.Key), &one.Cost)...)
			return one, err
		})
		return err
	})
	return top, err
}

// spentByKey is a query for spent_key and spent_cost of every key with events in
// [start, end).
func spentByKey(start, end time.Time, horizon int64) string {
	f := ReportFilter{Start: start, End: end, horizon: horizon}
	hours, rest := f.split("hour", hourMicros, end.UnixMicro()-start.UnixMicro())
	parts := []string{"SELECT key_id, cost FROM events WHERE 1 = 0"}
	if hours != "" {
		parts = append(parts, "SELECT key_id, cost FROM event_hours JOIN event_series ON event_series.id = series WHERE "+hours)
	}
	if rest != "" {
		parts = append(parts, "SELECT key_id, cost FROM events WHERE "+rest)
	}
	return "SELECT key_id AS spent_key, SUM(cost) AS spent_cost FROM (" + strings.Join(parts, " UNION ALL ") + ") AS parts GROUP BY key_id"
}
