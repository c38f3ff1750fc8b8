package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exactRequests is what ReportFilter.ExactRequests is by default: sorting more
// latencies than these takes longer than anyone waits for a chart.
const exactRequests = 100_000

// percentiles fills in the latencies of the report, of as many requests as
// were measured.
func (s *Store) percentiles(ctx context.Context, q querier, f ReportFilter, measured int64, r *Report) error {
	if measured == 0 {
		return nil
	}
	few, err := s.fewRequests(ctx, q, f, measured)
	if err != nil {
		return err
	}
	if few {
		return s.exactPercentiles(ctx, q, f, r)
	}
	counts := map[int64]int64{}
	if err := s.countLatencies(ctx, q, f, counts); err != nil {
		return err
	}
	r.Median, r.P99 = percentileOf(counts, 50), percentileOf(counts, 99)
	return nil
}

// fewRequests reports whether so few events are to be looked at that their
// latencies can be sorted. No index finds events by model or tags: there all of
// the range, and of the keys asked for, are looked at.
func (s *Store) fewRequests(ctx context.Context, q querier, f ReportFilter, measured int64) (bool, error) {
	limit := f.ExactRequests
	if limit == 0 {
		limit = exactRequests
	}
	if f.fromRollups() && f.Start.UnixMicro() < f.horizon {
		return false, nil
	}
	if measured > limit || !f.fromRollups() || len(f.Models) == 0 && len(f.Tags) == 0 {
		return measured <= limit, nil
	}
	f.Models, f.Tags, f.Groups, f.Increment = nil, nil, nil, time.Duration(max(1, f.End.Unix()-f.Start.Unix()))*time.Second
	points := map[pointKey]*Sums{}
	if err := s.sumEvents(ctx, q, f, points); err != nil {
		return false, err
	}
	all := points[pointKey{}]
	return all == nil || all.measured <= limit, nil
}

// exactPercentiles reads the two events whose latencies they are.
func (s *Store) exactPercentiles(ctx context.Context, q querier, f ReportFilter, r *Report) error {
	where := f.where(s.dialect)
	where.during("created_at", f.Start, f.End)
	where.add(isMeasured)
	// The smallest rank that is not below the percentage, in integers.
	rank := func(percent int) string { return fmt.Sprintf("(total * %d + 99) / 100", percent) }
	rows, err := q.query(ctx, "SELECT latency, CASE WHEN place = "+rank(50)+" THEN 1 ELSE 0 END, CASE WHEN place = "+rank(99)+" THEN 1 ELSE 0 END "+
		"FROM (SELECT latency, ROW_NUMBER() OVER (ORDER BY latency) AS place, COUNT(*) OVER () AS total FROM events"+where.where()+") AS ranked "+
		"WHERE place = "+rank(50)+" OR place = "+rank(99), where.args...)
	if err != nil {
		return err
	}
	_, err = collect(rows, func(row scanner) (struct{}, error) {
		var latency, isMedian, isP99 int64
		err := row.Scan(&latency, &isMedian, &isP99)
		if isMedian == 1 {
			r.Median = time.Duration(latency) * time.Microsecond
		}
		if isP99 == 1 {
			r.P99 = time.Duration(latency) * time.Microsecond
		}
		return struct{}{}, err
	})
	return err
}

// countLatencies adds to counts how many latencies each bucket has: by rollups, and
// by events where an end of the range cuts one.
func (s *Store) countLatencies(ctx context.Context, q querier, f ReportFilter, counts map[int64]int64) error {
	chosen := f.series(s.dialect)
	period, of := dayMicros, "series IN (SELECT id FROM event_series"+chosen.where()+")"
	if len(chosen.terms) == 0 {
		period, of = hourMicros, "series = "+strconv.Itoa(allSeries)
	}
	rollups, rest := f.split("begins", period, f.End.UnixMicro()-f.Start.UnixMicro())
	if rollups != "" {
		err := addCounts(ctx, q, counts, "SELECT bucket, "+asSums("requests")+" FROM event_latencies WHERE "+of+" AND "+rollups+" GROUP BY 1", chosen.args)
		if err != nil {
			return err
		}
	}
	if rest == "" {
		return nil
	}
	where := f.where(s.dialect)
	where.add(isMeasured)
	where.add(rest)
	return addCounts(ctx, q, counts, "SELECT "+latencyBucket+", COUNT(*) FROM events"+where.where()+" GROUP BY 1", where.args)
}

func addCounts(ctx context.Context, q querier, counts map[int64]int64, query string, args []any) error {
	rows, err := q.query(ctx, query, args...)
	if err != nil {
		return err
	}
	_, err = collect(rows, func(row scanner) (struct{}, error) {
		var bucket, n int64
		err := row.Scan(&bucket, &n)
		counts[bucket] += n
		return struct{}{}, err
	})
	return err
}

const (
	// bucketBits is how many leading bits of a latency in microseconds tell
	// buckets apart: 16 buckets for each doubling.
	bucketBits = 5
	// longestBits is the length of the longest latency that has a bucket of its
	// own, of 50 days. Longer ones share their buckets.
	longestBits = 42
)

// latencyBucket is the bucket of an event: its latency in microseconds with all
// but the leading bits cleared.
var latencyBucket = func() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CASE WHEN latency < %d THEN latency", 1<<bucketBits)
	for n := bucketBits + 1; n <= longestBits; n++ {
		fmt.Fprintf(&b, " WHEN latency < %d THEN latency / %d * %d", int64(1)<<n, int64(1)<<(n-bucketBits), int64(1)<<(n-bucketBits))
	}
	fmt.Fprintf(&b, " ELSE latency / %d * %d END", int64(1)<<(longestBits-bucketBits), int64(1)<<(longestBits-bucketBits))
	return b.String()
}()

// percentileOf is the middle of the bucket that holds the percentile.
func percentileOf(counts map[int64]int64, percent int64) time.Duration {
	buckets := make([]int64, 0, len(counts))
	total := int64(0)
	for bucket, n := range counts {
		buckets = append(buckets, bucket)
		total += n
	}
	slices.Sort(buckets)
	rank := (total*percent + 99) / 100
	for _, bucket := range buckets {
		if rank -= counts[bucket]; rank <= 0 {
			return time.Duration(bucket+bucketWidth(bucket)/2) * time.Microsecond
		}
	}
	return 0
}
