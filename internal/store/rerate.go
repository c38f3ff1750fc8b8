package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// OperationCorrection is the operation of events that change what another one
// was booked at. Such an event carries no usage, and the other's id as its
// correlation id.
const OperationCorrection = "correction"

// EventCursor is a place in the order of events, oldest first. The zero value is
// before all of them.
type EventCursor struct {
	CreatedAt time.Time
	ID        string
}

// Rerate says which events to price again.
type Rerate struct {
	Start, End time.Time // half-open
	After      EventCursor
	Limit      int // events looked at, at least 1
	// Price is what an event costs now; ok is false when it keeps its cost.
	Price func(*gateway.Event) (cost gateway.NanoUSD, ok bool)
	// Apply books the differences.
	Apply bool
}

// Rerated is one event that was looked at.
type Rerated struct {
	Event      *gateway.Event  // without bodies
	Booked     gateway.NanoUSD // with the corrections made so far
	Recomputed gateway.NanoUSD // as Booked when Kept
	Kept       bool            // there is nothing to recompute it by
}

// RerateEvents prices a page of events again: those that were priced or
// unpriced, oldest first. With Apply it books each difference as a correction:
// an event at the time, and with the key, tags and accounts, of the one that it
// corrects, so that all sums over time become right. Corrections of one event are
// counted and made one at a time; so repeating a call books nothing twice. next
// is where to go on; the zero cursor: all were seen.
func (s *Store) RerateEvents(ctx context.Context, r Rerate) (page []Rerated, corrections []*gateway.Event, next EventCursor, err error) {
	if r.Limit < 1 {
		return nil, nil, EventCursor{}, invalid("a page has at least one event")
	}
	work := func(ctx context.Context, q querier) error {
		page, corrections, err = s.rerate(ctx, q, r)
		return err
	}
	if !r.Apply {
		err = s.view(ctx, "price events again", work)
	} else {
		err = s.book(ctx, "correct events", func(ctx context.Context, q querier) ([]*gateway.Event, error) {
			err := work(ctx, q)
			return corrections, err
		})
	}
	if err != nil {
		return nil, nil, EventCursor{}, err
	}
	if len(page) == r.Limit {
		last := page[len(page)-1].Event
		next = EventCursor{last.CreatedAt, last.ID}
	}
	return page, corrections, next, nil
}

// book writes the corrections that make returns, and says so in the audit log.
func (s *Store) book(ctx context.Context, doing string, make func(context.Context, querier) ([]*gateway.Event, error)) error {
	author, err := s.author(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	var entry audit.Entry
	err = s.update(audit.By(ctx, author), doing, func(ctx context.Context, tx *sql.Tx) error {
		q := querier{tx, s.dialect}
		// Whoever else corrects waits here, and then sees these corrections.
		if _, err := q.exec(ctx, "UPDATE revision SET value = value WHERE id = 1"); err != nil {
			return err
		}
		corrections, err := make(ctx, q)
		if err != nil || len(corrections) == 0 {
			return err
		}
		if err := s.insertEvents(ctx, tx, corrections); err != nil {
			return err
		}
		if entry, err = correctionsMade(ctx, corrections).entry(author); err != nil {
			return err
		}
		return s.record(ctx, q, &entry)
	})
	if err == nil && entry.Number > 0 {
		s.committed(ctx, &entry)
	}
	return err
}

// BookBalance writes what was spent before the gateway counted: corrections of
// no event, so that they are money in every sum, and no requests. The context
// names the author.
func (s *Store) BookBalance(ctx context.Context, events []*gateway.Event) error {
	made := slices.Clone(events)
	for i, e := range made {
		one := *e
		one.Operation, one.PriceStatus = OperationCorrection, gateway.Priced
		made[i] = &one
	}
	return s.book(ctx, "book balance", func(context.Context, querier) ([]*gateway.Event, error) { return made, nil })
}

func (s *Store) rerate(ctx context.Context, q querier, r Rerate) (page []Rerated, corrections []*gateway.Event, err error) {
	horizon, err := s.horizon(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	where := conditions{dialect: s.dialect}
	where.during("created_at", r.Start, r.End)
	where.add("created_at >= ?", horizon) // what is being deleted has no corrections to rely on
	where.add("price_status <> ?", string(gateway.Free))
	where.add("price_status <> ?", string(gateway.Pending)) // its cost is to come
	where.add("operation <> ?", OperationCorrection)
	where.after(r.After)
	rows, err := q.query(ctx, "SELECT "+s.bodilessSelection()+" FROM events"+where.where()+fmt.Sprintf(" ORDER BY created_at, id LIMIT %d", r.Limit), where.args...)
	if err != nil {
		return nil, nil, err
	}
	events, err := collect(rows, scanEvent)
	if err != nil || len(events) == 0 {
		return nil, nil, err
	}
	earlier, err := s.corrections(ctx, q, events)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range events {
		made := earlier[e.ID]
		one := Rerated{Event: e, Booked: e.Cost + made.sum}
		cost, ok := r.Price(e)
		if one.Kept = !ok; !ok {
			cost = one.Booked
		}
		one.Recomputed = cost
		if cost != one.Booked && r.Apply {
			corrections = append(corrections, correction(e, made.count, cost-one.Booked))
		}
		page = append(page, one)
	}
	return page, corrections, nil
}

// Corrections is what the audit log says of a page of corrections.
type Corrections struct {
	Count      int
	Difference gateway.NanoUSD // of all together
	From, To   time.Time       // of the first and the last corrected event
}

func correctionsMade(ctx context.Context, made []*gateway.Event) Change {
	c := Corrections{Count: len(made), From: made[0].CreatedAt, To: made[len(made)-1].CreatedAt}
	for _, e := range made {
		c.Difference += e.Cost
	}
	return Change{Kind: KindEvents, ID: made[0].ID, After: audit.Show(ctx, &c)}
}

// made is what corrections of one event there are.
type made struct {
	count int64
	sum   gateway.NanoUSD
}

// corrections sums the corrections of events, which are in the order of time.
func (s *Store) corrections(ctx context.Context, q querier, events []*gateway.Event) (map[string]made, error) {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	where := conditions{dialect: s.dialect}
	where.add("created_at >= ?", events[0].CreatedAt.UnixMicro())
	where.add("created_at <= ?", events[len(events)-1].CreatedAt.UnixMicro())
	where.add("operation = ?", OperationCorrection)
	where.among("correlation_id", ids)
	rows, err := q.query(ctx, "SELECT correlation_id, COUNT(*), CAST(SUM(cost) AS BIGINT) FROM events"+where.where()+" GROUP BY correlation_id", where.args...)
	if err != nil {
		return nil, err
	}
	all := map[string]made{}
	_, err = collect(rows, func(row scanner) (struct{}, error) {
		var id string
		var m made
		err := row.Scan(&id, &m.count, &m.sum)
		all[id] = m
		return struct{}{}, err
	})
	return all, err
}

// correction is an event that adds difference to e. Its id follows from e's and
// from how many corrections e has already.
func correction(e *gateway.Event, earlier int64, difference gateway.NanoUSD) *gateway.Event {
	c := *e
	c.ID = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "bricks correction %d of %s", earlier+1, e.ID)).String()
	c.Operation, c.CorrelationID = OperationCorrection, e.ID
	c.Cost, c.PriceStatus, c.Usage = difference, gateway.Priced, gateway.Usage{}
	c.Latency, c.TimeToFirstToken, c.Attempts, c.RefusedCount = 0, 0, 0, 0
	c.Request, c.Response, c.Findings = nil, nil, nil // what was found is counted once
	return &c
}
