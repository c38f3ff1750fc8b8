package store

import (
	"fmt"
	"slices"
	"strings"
)

// maxSpans bounds the conditions of one query. Past it a plain scan is cheaper.
const maxSpans = 400

// span is a half-open range of times in microseconds.
type span struct{ start, end int64 }

// split says in SQL which rollups of a period (an hour or a day, beginning at the
// column of that name) have the sums of a report whose increments are of step,
// and which events have the rest. Either is empty when it has nothing.
func (f *ReportFilter) split(period, step int64) (rollups, events string) {
	start, end := f.Start.UnixMicro(), f.End.UnixMicro()
	if start >= end {
		return "", ""
	}
	column := map[int64]string{hourMicros: "hour", dayMicros: "day"}[period]
	whole := span{ceil(start, period), floor(end, period)}
	rest := f.cut(period, step)
	if !f.fromRollups() || whole.start >= whole.end || step < period || len(rest) > maxSpans {
		return "", between("created_at", span{start, end})
	}
	for _, s := range rest {
		if s.start <= whole.start && whole.end <= s.end {
			return "", between("created_at", span{start, end})
		}
	}
	rollups = fmt.Sprintf("%s AND (%s - %d) / %d = (%s + %d - %d) / %d",
		between(column, whole), column, start, step, column, period-1, start, step)
	spans := make([]string, len(rest))
	for i, s := range rest {
		spans[i] = between("created_at", s)
	}
	if len(spans) > 0 {
		events = "(" + strings.Join(spans, " OR ") + ")"
	}
	return rollups, events
}

// fromRollups reports whether rollups tell apart what the report does.
func (f *ReportFilter) fromRollups() bool {
	return len(f.UserIDs) == 0 && len(f.CustomIDs) == 0 && !slices.Contains(f.Groups, GroupUser) && !slices.Contains(f.Groups, GroupCustomID)
}

// cut lists the periods that the range or an increment's end cuts, within the
// range, in order and joined where they meet.
func (f *ReportFilter) cut(period, step int64) []span {
	start, end := f.Start.UnixMicro(), f.End.UnixMicro()
	var spans []span
	add := func(at int64) {
		if at%period == 0 {
			return
		}
		s := span{max(floor(at, period), start), min(ceil(at, period), end)}
		if n := len(spans); n > 0 && spans[n-1].end >= s.start {
			spans[n-1].end = s.end
		} else {
			spans = append(spans, s)
		}
	}
	for at := start; at < end && len(spans) <= maxSpans; at += step {
		add(at)
	}
	if len(spans) <= maxSpans {
		add(end)
	}
	return spans
}

func ceil(n, step int64) int64 { return floor(n+step-1, step) }

func between(column string, s span) string {
	return fmt.Sprintf("(%s >= %d AND %s < %d)", column, s.start, column, s.end)
}
