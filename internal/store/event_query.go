package store

import (
	"context"
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// EventFilter selects events; a zero field filters nothing. Among the values of
// one field any matches, but of Tags the event has all.
type EventFilter struct {
	KeyIDs    []string
	UserIDs   []string
	CustomIDs []string
	Tags      []string
	PolicyIDs []string
	Actions   []string
	Start     time.Time // inclusive
	End       time.Time // exclusive

	Limit     int // 0: all
	Offset    int
	CostOrder string // "", "asc" or "desc"; comes before DateOrder
	DateOrder string // "" is "desc": newest first
	Count     bool   // count those that match, whatever Limit and Offset are
}

// Events returns the events that match. total is their number when the filter
// asks to count, else 0.
func (s *Store) Events(ctx context.Context, f EventFilter) (events []*gateway.Event, total int, err error) {
	where := conditions{dialect: s.dialect}
	where.among("key_id", f.KeyIDs)
	where.among("user_id", f.UserIDs)
	where.among("custom_id", f.CustomIDs)
	where.among("policy_id", f.PolicyIDs)
	where.among("action", f.Actions)
	where.containing("tags", f.Tags)
	where.during(f.Start, f.End)
	order, err := f.order()
	if err != nil {
		return nil, 0, err
	}
	page, err := limitOffset(f.Limit, f.Offset)
	if err != nil {
		return nil, 0, err
	}
	err = s.view(ctx, "read events", func(ctx context.Context, q querier) error {
		if f.Count {
			if err := q.queryRow(ctx, "SELECT COUNT(*) FROM events"+where.where(), where.args...).Scan(&total); err != nil {
				return fmt.Errorf("count: %w", err)
			}
		}
		rows, err := q.query(ctx, "SELECT "+s.eventSelection()+" FROM events"+where.where()+order+page, where.args...)
		if err != nil {
			return err
		}
		events, err = collect(rows, scanEvent)
		return err
	})
	return events, total, err
}

// order ends in the id, so that pages neither repeat nor miss an event.
func (f EventFilter) order() (string, error) {
	directions := map[string]string{"asc": "ASC", "desc": "DESC"}
	cost, date := directions[f.CostOrder], directions[f.DateOrder]
	if f.CostOrder != "" && cost == "" || f.DateOrder != "" && date == "" {
		return "", invalid(`an order is "asc" or "desc"`)
	}
	if date == "" {
		date = "DESC"
	}
	if cost != "" {
		cost = "cost " + cost + ", "
	}
	return " ORDER BY " + cost + "created_at " + date + ", id " + date, nil
}
