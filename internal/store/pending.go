package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// PendingEvents returns a page of the events whose cost is not known yet, oldest
// first and without bodies. next is where to go on; the zero cursor: all were
// seen.
func (s *Store) PendingEvents(ctx context.Context, after EventCursor, limit int) (page []*gateway.Event, next EventCursor, err error) {
	if limit < 1 {
		return nil, EventCursor{}, invalid("a page has at least one event")
	}
	where := conditions{dialect: s.dialect}
	where.add("price_status = 'pending'") // a parameter would hide the index from SQLite
	where.after(after)
	err = s.view(ctx, "read pending events", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT "+s.bodilessSelection()+" FROM events"+where.where()+fmt.Sprintf(" ORDER BY created_at, id LIMIT %d", limit), where.args...)
		if err != nil {
			return err
		}
		page, err = collect(rows, scanEvent)
		return err
	})
	if len(page) == limit {
		next = EventCursor{page[limit-1].CreatedAt, page[limit-1].ID}
	}
	return page, next, err
}

// PendingJob reports whether an event is pending whose job stands at the path of
// the provider, or below it.
func (s *Store) PendingJob(ctx context.Context, provider, path string) (pending bool, err error) {
	where := conditions{dialect: s.dialect}
	where.add("price_status = 'pending'")
	where.add("provider = ?", text(provider))
	query, below := text(path+"?"), text(path+"/")
	where.add("(job = ? OR substr(job, 1, ?) = ? OR substr(job, 1, ?) = ?)", text(path), len(query), query, len(below), below)
	err = s.view(ctx, "look for a pending job", func(ctx context.Context, q querier) error {
		var n int64
		err := q.queryRow(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM events"+where.where()+" LIMIT 1) AS one", where.args...).Scan(&n)
		pending = n > 0
		return err
	})
	return pending, err
}

// Charge says what becomes of a pending event.
type Charge struct {
	EventID string // of the pending event
	// Status is what it becomes: free when Events charge what it cost, or when it
	// cost nothing; unpriced when nobody knows.
	Status gateway.PriceStatus
	// Events charge what it cost. One that is there already, since another event
	// named the same work, is left as it is.
	Events []*gateway.Event
}

// ChargeEvent settles a pending event and writes the events that charge it, both
// or neither. It returns those that are new. settled is false, and nothing is
// changed, when the event is pending no more. Charges take turns, so that each
// event is new for one caller only.
func (s *Store) ChargeEvent(ctx context.Context, c Charge) (made []*gateway.Event, settled bool, err error) {
	if c.Status != gateway.Free && c.Status != gateway.Unpriced {
		return nil, false, invalid("a charged event is free or unpriced")
	}
	err = s.update(ctx, "charge event", func(ctx context.Context, tx *sql.Tx) error {
		q := querier{tx, s.dialect}
		if _, err := q.exec(ctx, "UPDATE revision SET value = value WHERE id = 1"); err != nil {
			return err
		}
		n, err := q.exec(ctx, "UPDATE events SET price_status = ? WHERE id = ? AND price_status = 'pending'", string(c.Status), text(c.EventID))
		if settled = n > 0; err != nil || !settled {
			return err
		}
		if made, err = s.missing(ctx, q, c.Events); err != nil {
			return err
		}
		return s.insertEvents(ctx, tx, made)
	})
	if err != nil {
		return nil, false, err
	}
	return made, settled, nil
}

// missing are those of events that are not in the store.
func (s *Store) missing(ctx context.Context, q querier, events []*gateway.Event) ([]*gateway.Event, error) {
	if len(events) == 0 {
		return nil, nil
	}
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	where := conditions{dialect: s.dialect}
	where.among("id", ids)
	rows, err := q.query(ctx, "SELECT id FROM events"+where.where(), where.args...)
	if err != nil {
		return nil, err
	}
	there, err := collect(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(events), func(e *gateway.Event) bool { return slices.Contains(there, e.ID) }), nil
}
