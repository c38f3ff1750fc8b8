package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Group is what the points of a report are told apart by, besides time.
type Group string

// The groups of a report.
const (
	GroupModel    Group = "model"
	GroupKey      Group = "keyId"
	GroupUser     Group = "userId"
	GroupCustomID Group = "customId"
)

// ReportFilter says which events a report sums and how. A list that is empty
// filters nothing; among the values of one any matches, but of Tags the event has
// all.
type ReportFilter struct {
	KeyIDs    []string
	Models    []string // as gateway.Event.Model
	UserIDs   []string
	CustomIDs []string
	Tags      []string

	// Start and End are whole seconds, half-open. Points begin at Start and every
	// Increment, in whole seconds, after it; the last may be cut by End.
	Start, End time.Time
	Increment  time.Duration
	Groups     []Group

	// MaxPoints bounds the report; more is an error of kind Invalid.
	MaxPoints int
	// ExactRequests is up to how many requests of the range, the keys, the users and
	// the custom ids the percentiles are exact; beyond them they are off by at most
	// 3.2 %. 0: 100,000.
	ExactRequests int64

	horizon int64 // see Store.horizon
}

// Sums are what events add up to. A request is an event, or as many as a refusal
// stands for; corrections, later charges and failed attempts of a route add to
// cost and tokens only.
type Sums struct {
	Requests     int64
	Successes    int64 // requests answered with 2xx
	Cost         gateway.NanoUSD
	Latency      time.Duration // of all requests together
	InputTokens  int64
	OutputTokens int64
	measured     int64 // requests whose latency is known
}

// ReportPoint is one increment of a report, of one value of each group.
type ReportPoint struct {
	Time     time.Time // when the increment begins
	KeyID    string
	Model    string
	UserID   string
	CustomID string
	Sums
}

// Report is what events add up to over time.
type Report struct {
	// Points are ordered by time and then by group. Without groups there is one
	// for each increment; with groups only for those that had events.
	Points []ReportPoint
	// Median and P99 are latencies of requests of the whole range: the smallest
	// that half, or 99 in 100, did not exceed. 0: no latency is known.
	Median, P99 time.Duration
}

// eventModel, isRequest and the others are what reports read of an event.
const (
	eventModel = "CASE WHEN response_model <> '' THEN response_model ELSE request_model END"
	isRequest  = "operation <> '" + OperationCorrection + "' AND action <> '" + gateway.ActionCharged + "' AND action <> '" + gateway.ActionRetried + "'"
	isMeasured = "latency > 0 AND " + isRequest
)

// eventSums are the sums of events, in the order that ReportFilter.sum reads.
var eventSums = asSums(
	"CASE WHEN "+isRequest+" THEN CASE WHEN refused_count > 0 THEN refused_count ELSE 1 END ELSE 0 END",
	"CASE WHEN status >= 200 AND status < 300 AND "+isRequest+" THEN 1 ELSE 0 END",
	"cost",
	"CASE WHEN "+isRequest+" THEN latency ELSE 0 END",
	"input_tokens", "output_tokens",
	"CASE WHEN "+isMeasured+" THEN 1 ELSE 0 END",
)

// sumColumns are the same of rollups, and hourSums their sums by these names.
var (
	sumColumns = []string{"requests", "successes", "cost", "latency", "input_tokens", "output_tokens", "measured"}
	hourSums   = func() string {
		named := make([]string, len(sumColumns))
		for i, c := range sumColumns {
			named[i] = asSums(c) + " AS " + c
		}
		return strings.Join(named, ", ")
	}()
)

// asSums are sums that fit an integer; PostgreSQL's own type of them is numeric.
func asSums(expressions ...string) string {
	sums := make([]string, len(expressions))
	for i, e := range expressions {
		sums[i] = "CAST(SUM(" + e + ") AS BIGINT)"
	}
	return strings.Join(sums, ", ")
}

// Report sums the events that there are at one moment. Of days whose events were deleted it knows
// whole hours, and of their latencies the whole day; users and custom ids are gone.
func (s *Store) Report(ctx context.Context, f ReportFilter) (*Report, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	var report *Report
	err := s.snapshot(ctx, "report events", func(ctx context.Context, q querier) (err error) {
		if f.horizon, err = s.horizon(ctx, q); err != nil {
			return err
		}
		points := map[pointKey]*Sums{}
		if err := s.sumEvents(ctx, q, f, points); err != nil {
			return err
		}
		var measured int64
		for _, p := range points {
			measured += p.measured
		}
		report = f.report(points)
		return s.percentiles(ctx, q, f, measured, report)
	})
	if err != nil {
		return nil, err
	}
	if len(report.Points) > f.MaxPoints {
		return nil, f.tooMany()
	}
	return report, nil
}

func (f *ReportFilter) check() error {
	for _, g := range f.Groups {
		if groupColumns[g] == "" {
			return invalid("a report has no group %q", g)
		}
	}
	if f.Increment < time.Second || f.Increment%time.Second != 0 || f.Start.Nanosecond() != 0 || f.End.Nanosecond() != 0 {
		return invalid("a report is of whole seconds")
	}
	if f.Start.Before(f.End) && f.count() > int64(f.MaxPoints) {
		return f.tooMany()
	}
	return nil
}

// count is how many increments the range has, and begin when one begins. Both
// count in seconds: a Duration has no room for all times.
func (f *ReportFilter) count() int64 {
	step := int64(f.Increment / time.Second)
	return (f.End.Unix() - f.Start.Unix() + step - 1) / step
}

func (f *ReportFilter) begin(at int64) time.Time {
	return time.Unix(f.Start.Unix()+at*int64(f.Increment/time.Second), 0).UTC()
}

func (f *ReportFilter) tooMany() error {
	return invalid("the report has more than %d points: ask for a longer increment, a shorter range or fewer groups", f.MaxPoints)
}

// groupColumns are the groups as expressions over events.
var groupColumns = map[Group]string{GroupModel: eventModel, GroupKey: "key_id", GroupUser: "user_id", GroupCustomID: "custom_id"}

// seriesColumns are the groups as columns of event_series.
var seriesColumns = map[Group]string{GroupModel: "model", GroupKey: "key_id"}

// pointKey tells points apart.
type pointKey struct {
	at                           int64 // number of the increment
	keyID, model, userID, custom string
}

// groupBy lists what to select of groups besides the number of the increment, in
// the order of pointKey; a group that is not asked for is the empty text.
func (f *ReportFilter) groupBy(columns map[Group]string) string {
	var list []string
	for _, g := range []Group{GroupKey, GroupModel, GroupUser, GroupCustomID} {
		column := "''"
		if slices.Contains(f.Groups, g) {
			column = columns[g]
		}
		list = append(list, column)
	}
	return strings.Join(list, ", ")
}

// where are the conditions on events besides their time.
func (f *ReportFilter) where(d dialect) conditions {
	where := conditions{dialect: d}
	where.among("key_id", f.KeyIDs)
	where.among(eventModel, f.Models)
	where.given("user_id", f.UserIDs)
	where.given("custom_id", f.CustomIDs)
	where.containing("tags", f.Tags)
	return where
}

// sumEvents adds what events add up to: by hours where the report allows it, by
// the events themselves where an hour is in two increments or one end cuts it.
func (s *Store) sumEvents(ctx context.Context, q querier, f ReportFilter, points map[pointKey]*Sums) error {
	hours, rest := f.split("hour", hourMicros, f.Increment.Microseconds())
	if hours != "" {
		// A group of series goes by the smallest id among them, which is quicker to
		// group by than their names.
		chosen := f.series(s.dialect)
		err := f.sum(ctx, q, points, "SELECT at, "+f.groupBy(seriesColumns)+", "+strings.Join(sumColumns, ", ")+
			" FROM (SELECT "+f.increment("hour")+" AS at, names, "+hourSums+
			" FROM event_hours JOIN (SELECT id, MIN(id) OVER (PARTITION BY "+f.groupBy(seriesColumns)+") AS names FROM event_series"+chosen.where()+") AS chosen ON id = series"+
			" WHERE "+hours+" GROUP BY 1, 2) AS hours JOIN event_series ON id = names", chosen.args)
		if err != nil {
			return err
		}
	}
	if rest == "" {
		return nil
	}
	where := f.where(s.dialect)
	where.add(rest)
	return f.sum(ctx, q, points, "SELECT "+f.increment("created_at")+", "+f.groupBy(groupColumns)+", "+eventSums+" FROM events"+where.where()+" GROUP BY 1, 2, 3, 4, 5", where.args)
}

// series are the conditions on event_series.
func (f *ReportFilter) series(d dialect) conditions {
	where := conditions{dialect: d}
	where.among("key_id", f.KeyIDs)
	where.among("model", f.Models)
	where.containing("tags", f.Tags)
	return where
}

// increment is the number of the increment that a time is in, in SQL.
func (f *ReportFilter) increment(column string) string {
	return fmt.Sprintf("(%s - %d) / %d", column, f.Start.UnixMicro(), f.Increment.Microseconds())
}

// sum runs a query whose first five columns tell points apart, and adds its rows
// to points.
func (f *ReportFilter) sum(ctx context.Context, q querier, points map[pointKey]*Sums, query string, args []any) error {
	// More rows than points are more points than the report may have.
	rows, err := q.query(ctx, query+fmt.Sprintf(" LIMIT %d", f.MaxPoints+1), args...)
	if err != nil {
		return err
	}
	_, err = collect(rows, func(row scanner) (struct{}, error) {
		var k pointKey
		var u Sums
		var latency int64
		err := row.Scan(&k.at, &k.keyID, &k.model, &k.userID, &k.custom,
			&u.Requests, &u.Successes, &u.Cost, &latency, &u.InputTokens, &u.OutputTokens, &u.measured)
		u.Latency = time.Duration(latency) * time.Microsecond
		if points[k] == nil {
			points[k] = &Sums{}
		}
		points[k].add(u)
		return struct{}{}, err
	})
	if err == nil && len(points) > f.MaxPoints {
		return f.tooMany()
	}
	return err
}

func (u *Sums) add(v Sums) {
	u.Requests += v.Requests
	u.Successes += v.Successes
	u.Cost += v.Cost
	u.Latency += v.Latency
	u.InputTokens += v.InputTokens
	u.OutputTokens += v.OutputTokens
	u.measured += v.measured
}

// report puts points in order, and those that nothing happened in where there
// are no groups.
func (f *ReportFilter) report(points map[pointKey]*Sums) *Report {
	if len(f.Groups) == 0 {
		for at := range f.count() {
			if points[pointKey{at: at}] == nil {
				points[pointKey{at: at}] = &Sums{}
			}
		}
	}
	r := &Report{Points: make([]ReportPoint, 0, len(points))}
	for _, k := range slices.SortedFunc(maps.Keys(points), pointKey.compare) {
		r.Points = append(r.Points, ReportPoint{f.begin(k.at), k.keyID, k.model, k.userID, k.custom, *points[k]})
	}
	return r
}

func (k pointKey) compare(l pointKey) int {
	return cmp.Or(cmp.Compare(k.at, l.at), cmp.Compare(k.keyID, l.keyID), cmp.Compare(k.model, l.model),
		cmp.Compare(k.userID, l.userID), cmp.Compare(k.custom, l.custom))
}
