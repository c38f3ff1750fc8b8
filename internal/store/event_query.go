package store

import (
	"context"
	"database/sql"
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
	Count     bool   // count those that match, whatever Limit, Offset and Behind are

	// Behind is the event that the page follows in the order; nil: the first page.
	Behind *EventPlace
	// Bodiless leaves the bodies out.
	Bodiless bool
	// MaxBytes ends the page with the event whose bodies pass it; 0: nothing does.
	MaxBytes int
}

// EventPlace is where an event stands in any order.
type EventPlace struct {
	Cost      gateway.NanoUSD
	CreatedAt time.Time
	ID        string
}

// Events returns the events that match. total is their number when the filter
// asks to count, else 0.
func (s *Store) Events(ctx context.Context, f EventFilter) (events []*gateway.Event, total int, err error) {
	where := conditions{dialect: s.dialect}
	where.among("key_id", f.KeyIDs)
	where.given("user_id", f.UserIDs)
	where.given("custom_id", f.CustomIDs)
	where.among("policy_id", f.PolicyIDs)
	where.among("action", f.Actions)
	where.containing("tags", f.Tags)
	where.during("created_at", f.Start, f.End)
	order, err := f.order()
	if err != nil {
		return nil, 0, err
	}
	page, err := limitOffset(f.Limit, f.Offset)
	if err != nil {
		return nil, 0, err
	}
	selection := s.eventSelection()
	if f.Bodiless {
		selection = s.bodilessSelection()
	}
	err = s.view(ctx, "read events", func(ctx context.Context, q querier) error {
		if f.Count {
			if err := q.queryRow(ctx, "SELECT COUNT(*) FROM events"+where.where(), where.args...).Scan(&total); err != nil {
				return fmt.Errorf("count: %w", err)
			}
		}
		f.behind(&where)
		rows, err := q.query(ctx, "SELECT "+selection+" FROM events"+where.where()+order+page, where.args...)
		if err != nil {
			return err
		}
		events, err = collectUpTo(rows, f.MaxBytes)
		return err
	})
	return events, total, err
}

// behind asks for events that follow f.Behind.
func (f EventFilter) behind(where *conditions) {
	if f.Behind == nil {
		return
	}
	follows := map[string]string{"asc": ">", "": "<", "desc": "<"}
	date, at := follows[f.DateOrder], f.Behind.CreatedAt.UnixMicro()
	term, args := "(created_at "+date+" ? OR created_at = ? AND id "+date+" ?)", []any{at, at, text(f.Behind.ID)}
	if f.CostOrder != "" {
		cost := int64(f.Behind.Cost)
		term, args = "(cost "+follows[f.CostOrder]+" ? OR cost = ? AND "+term+")", append([]any{cost, cost}, args...)
	} else {
		where.add("created_at "+date+"= ?", at) // what the index can use
	}
	where.add(term, args...)
}

// collectUpTo reads rows until their bodies are longer than so many bytes.
func collectUpTo(rows *sql.Rows, most int) ([]*gateway.Event, error) {
	defer func() { _ = rows.Close() }()
	var all []*gateway.Event
	for size := 0; (most == 0 || size <= most) && rows.Next(); {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
		size += len(e.Request) + len(e.Response)
	}
	return all, rows.Err()
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
