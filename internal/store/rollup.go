package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Reports over long ranges do not read events but sums of them by hour, and
// counts of latencies by day or hour: rollups. They are raised in the transaction that
// writes the events, by those that are new; so they are never behind, and count
// nothing twice. What an event adds to them never changes: a later charge or a
// correction is an event of its own.

const (
	hourMicros = int64(time.Hour / time.Microsecond)
	dayMicros  = 24 * hourMicros
)

// allSeries is the series of all latencies together: what most reports ask for.
const allSeries = 0

// series is what rollups tell apart besides time.
type series struct{ keyID, model, tags string }

// id names the series. Two of the same id would need some billions of them.
func (s series) id() int64 {
	h := sha256.New()
	for _, part := range []string{s.keyID, s.model, s.tags} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return max(1, int64(binary.BigEndian.Uint64(h.Sum(nil))>>1)) //nolint:gosec // 63 bits
}

type hourKey struct{ hour, series int64 }

type latencyKey struct{ series, begins, bucket int64 }

// rollup is what events add to the tables.
type rollup struct {
	series    map[int64]series
	hours     map[hourKey]*Sums
	latencies map[latencyKey]int64
}

func newRollup() *rollup {
	return &rollup{map[int64]series{}, map[hourKey]*Sums{}, map[latencyKey]int64{}}
}

// add adds an event. eventSums and isMeasured say the same in SQL.
func (r *rollup) add(e *gateway.Event) {
	in := series{text(e.KeyID), text(e.Model()), list(e.Tags)}
	id, at := in.id(), e.CreatedAt.UnixMicro()
	r.series[id] = in
	k := hourKey{floor(at, hourMicros), id}
	if r.hours[k] == nil {
		r.hours[k] = &Sums{}
	}
	one := Sums{Cost: e.Cost, InputTokens: e.Usage.InputTokens, OutputTokens: e.Usage.OutputTokens}
	if e.Operation != OperationCorrection && e.Action != gateway.ActionCharged && e.Action != gateway.ActionRetried {
		one.Requests, one.Latency = int64(max(1, e.RefusedCount)), e.Latency.Truncate(time.Microsecond)
		if e.Status >= 200 && e.Status < 300 {
			one.Successes = 1
		}
		if one.Latency > 0 {
			one.measured = 1
			bucket := bucketOf(one.Latency.Microseconds())
			r.latencies[latencyKey{id, floor(at, dayMicros), bucket}]++
			r.latencies[latencyKey{allSeries, floor(at, hourMicros), bucket}]++
		}
	}
	r.hours[k].add(one)
}

// floor is the last multiple of step that is not after n.
func floor(n, step int64) int64 { return n - ((n%step)+step)%step }

// bucketOf clears all but the leading bits, as latencyBucket does in SQL.
func bucketOf(latency int64) int64 {
	return latency &^ (bucketWidth(latency) - 1)
}

// bucketWidth is how many latencies share the bucket of one.
func bucketWidth(latency int64) int64 {
	return 1 << (min(max(bits.Len64(uint64(latency)), bucketBits), longestBits) - bucketBits) //nolint:gosec // not negative
}

var (
	seriesTable = table{"event_series", []string{"id", "key_id", "model", "tags"}, []string{"bigint", "text", "text", "text"},
		"ON CONFLICT (id) DO NOTHING"}
	hoursTable = table{"event_hours", append([]string{"hour", "series"}, sumColumns...), slices.Repeat([]string{"bigint"}, 2+len(sumColumns)),
		"ON CONFLICT (hour, series) DO UPDATE SET " + raising("event_hours", sumColumns...)}
	latenciesTable = table{"event_latencies", []string{"series", "begins", "bucket", "requests"}, slices.Repeat([]string{"bigint"}, 4),
		"ON CONFLICT (series, begins, bucket) DO UPDATE SET " + raising("event_latencies", "requests")}
)

// write raises the tables. Rows come in one order, so that two writers that wait
// for one another's rows do not wait for ever.
func (r *rollup) write(ctx context.Context, b backend, tx *sql.Tx) error {
	var names, hours, latencies [][]any
	for id, s := range r.series {
		names = append(names, []any{id, s.keyID, s.model, s.tags})
	}
	for k, u := range r.hours {
		hours = append(hours, []any{k.hour, k.series, u.Requests, u.Successes, int64(u.Cost), u.Latency.Microseconds(), u.InputTokens, u.OutputTokens, u.measured})
	}
	for k, n := range r.latencies {
		latencies = append(latencies, []any{k.series, k.begins, k.bucket, n})
	}
	for _, w := range []struct {
		into table
		rows [][]any
		key  int // columns that tell rows apart
	}{{seriesTable, names, 1}, {hoursTable, hours, 2}, {latenciesTable, latencies, 3}} {
		slices.SortFunc(w.rows, func(a, b []any) int {
			for i := range w.key {
				if c := cmp.Compare(a[i].(int64), b[i].(int64)); c != 0 {
					return c
				}
			}
			return 0
		})
		if err := b.insertRows(ctx, tx, w.into, w.rows); err != nil {
			return err
		}
	}
	return nil
}

// rollUp adds those of events that were just written.
func (s *Store) rollUp(ctx context.Context, tx *sql.Tx, events []*gateway.Event, written []string) error {
	isNew := make(map[string]bool, len(written))
	for _, id := range written {
		isNew[id] = true
	}
	r := newRollup()
	for _, e := range events {
		if isNew[text(e.ID)] {
			r.add(e)
		}
	}
	return r.write(ctx, s.backend, tx)
}

// rollUpAll adds all events that there are. It is a step of the schema: in SQL
// the databases cannot hash alike.
func (s *Store) rollUpAll(ctx context.Context, tx *sql.Tx) error {
	return s.rollUpPages(ctx, tx, 100_000)
}

// rollUpPages goes by time, so that few rows are raised more than once: on
// PostgreSQL each time leaves a dead one until the transaction ends.
func (s *Store) rollUpPages(ctx context.Context, tx *sql.Tx, page int) error {
	q, where := querier{tx, s.dialect}, conditions{dialect: s.dialect}
	for {
		rows, err := q.query(ctx, "SELECT id, created_at, key_id, tags, request_model, response_model, operation, action, status, refused_count, cost, latency, input_tokens, output_tokens"+
			" FROM events"+where.where()+" ORDER BY created_at, id LIMIT "+strconv.Itoa(page), where.args...)
		if err != nil {
			return err
		}
		events, err := collect(rows, func(row scanner) (*gateway.Event, error) {
			var e gateway.Event
			var created, latency int64
			err := row.Scan(&e.ID, &created, &e.KeyID, jsonColumn{&e.Tags}, &e.RequestModel, &e.ResponseModel, &e.Operation, &e.Action,
				&e.Status, &e.RefusedCount, &e.Cost, &latency, &e.Usage.InputTokens, &e.Usage.OutputTokens)
			e.CreatedAt, e.Latency = time.UnixMicro(created), time.Duration(latency)*time.Microsecond
			return &e, err
		})
		if err != nil {
			return err
		}
		r := newRollup()
		for _, e := range events {
			r.add(e)
		}
		if err := r.write(ctx, s.backend, tx); err != nil {
			return err
		}
		if len(events) < page {
			return nil
		}
		last := events[len(events)-1]
		where = conditions{dialect: s.dialect}
		where.add("created_at >= ?", last.CreatedAt.UnixMicro()) // what the index can use
		where.after(EventCursor{last.CreatedAt, last.ID})
	}
}
