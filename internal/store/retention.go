package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// deletedBefore is the row of meta with the time before which events may be gone.
const deletedBefore = "events_deleted_before"

// DropEvents deletes events of days of the UTC calendar that had ended by before,
// oldest first and at most limit, and returns how many. What they cost stays in
// the ledger, by hours, and their sums stay in reports. Pending events stay until
// they are charged.
//
// An event that is written again after it was deleted counts again: before must
// be further back than anyone repeats events.
func (s *Store) DropEvents(ctx context.Context, before time.Time, limit int) (dropped int, err error) {
	if limit < 1 {
		return 0, invalid("at least one event is deleted at a time")
	}
	end := floor(before.UnixMicro(), dayMicros)
	err = s.update(ctx, "delete events", func(ctx context.Context, tx *sql.Tx) error {
		q := querier{tx, s.dialect}
		// Whoever corrects events waits here, and then leaves these alone: of their
		// corrections some may be gone already.
		if _, err := q.exec(ctx, "UPDATE revision SET value = value WHERE id = 1"); err != nil {
			return err
		}
		if err := s.raiseHorizon(ctx, q, end); err != nil {
			return err
		}
		rows, err := q.query(ctx, "SELECT id, key_id, created_at, cost FROM events WHERE created_at < ? AND price_status <> 'pending' ORDER BY created_at, id LIMIT ?", end, limit)
		if err != nil {
			return err
		}
		spent := spentHours{}
		ids, err := collect(rows, func(row scanner) (string, error) {
			var id, key string
			var at, cost int64
			err := row.Scan(&id, &key, &at, &cost)
			spent.add(string(gateway.KeyAccount(key)), at, cost)
			return id, err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		dropped = len(ids)
		return s.dropRows(ctx, tx, ids, spent)
	})
	return dropped, err
}

// dropRows deletes events and adds what they cost to what is spent.
func (s *Store) dropRows(ctx context.Context, tx *sql.Tx, ids []string, spent spentHours) error {
	q := querier{tx, s.dialect}
	of := conditions{dialect: s.dialect}
	of.among("event_id", ids)
	rows, err := q.query(ctx, "SELECT account, created_at, cost FROM event_accounts"+of.where(), of.args...)
	if err != nil {
		return err
	}
	_, err = collect(rows, func(row scanner) (struct{}, error) {
		var account string
		var at, cost int64
		err := row.Scan(&account, &at, &cost)
		spent.add(account, at, cost)
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	if err := s.backend.insertRows(ctx, tx, spendTable, spent.rows()); err != nil {
		return err
	}
	if _, err := q.exec(ctx, "DELETE FROM event_accounts"+of.where(), of.args...); err != nil {
		return err
	}
	events := conditions{dialect: s.dialect}
	events.among("id", ids)
	_, err = q.exec(ctx, "DELETE FROM events"+events.where(), events.args...)
	return err
}

var spendTable = table{"event_spend", []string{"account", "hour", "cost"}, []string{"text", "bigint", "bigint"},
	"ON CONFLICT (account, hour) DO UPDATE SET " + raising("event_spend", "cost")}

type spentHour struct {
	account string
	hour    int64
}

// spentHours is what accounts spent, by hour.
type spentHours map[spentHour]int64

func (h spentHours) add(account string, at, cost int64) {
	h[spentHour{account, floor(at, hourMicros)}] += cost
}

func (h spentHours) rows() (rows [][]any) {
	for k, cost := range h {
		rows = append(rows, []any{k.account, k.hour, cost})
	}
	return rows
}

// raiseHorizon notes that events before end may be gone.
func (s *Store) raiseHorizon(ctx context.Context, q querier, end int64) error {
	now, err := s.horizon(ctx, q)
	if err != nil || now >= end {
		return err
	}
	_, err = q.exec(ctx, "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", deletedBefore, strconv.FormatInt(end, 10))
	return err
}

// horizon is the time before which events may be gone, in microseconds; the
// beginning of a day.
func (s *Store) horizon(ctx context.Context, q querier) (int64, error) {
	var text string
	err := q.queryRow(ctx, "SELECT value FROM meta WHERE name = ?", deletedBefore).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", deletedBefore, err)
	}
	return at, nil
}

// DropBodies deletes the bodies of events before a time, of at most limit events,
// and returns of how many.
func (s *Store) DropBodies(ctx context.Context, before time.Time, limit int) (dropped int, err error) {
	if limit < 1 {
		return 0, invalid("bodies of at least one event are deleted at a time")
	}
	const kept = "(request IS NOT NULL OR response IS NOT NULL)" // as the index says it
	err = s.update(ctx, "delete bodies", func(ctx context.Context, tx *sql.Tx) error {
		q := querier{tx, s.dialect}
		n, err := q.exec(ctx, "UPDATE events SET request = NULL, response = NULL WHERE id IN (SELECT id FROM events WHERE "+kept+
			" AND created_at < ? ORDER BY created_at LIMIT ?)", before.UnixMicro(), limit)
		dropped = int(n)
		return err
	})
	return dropped, err
}
