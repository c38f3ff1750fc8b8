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

// split says in SQL which rollups of a period, an hour or a day that begins at
// column, have the sums of a report whose increments are of step, and which
// events have the rest. Either is empty when it has nothing.
//
// Where events may be gone only rollups are left: there a period counts whole,
// where it begins.
func (f *ReportFilter) split(column string, period, step int64) (rollups, events string) {
	all := span{f.Start.UnixMicro(), f.End.UnixMicro()}
	switch {
	case all.empty():
		return "", ""
	case !f.fromRollups():
		return "", between("created_at", all)
	}
	gone, left := span{all.start, min(all.end, f.horizon)}, span{max(all.start, f.horizon), all.end}
	var conditions []string
	if !gone.empty() {
		conditions = append(conditions, between(column, gone))
	}
	whole, cut := span{ceil(left.start, period), floor(left.end, period)}, f.cut(period, step)
	covers := func(s span) bool { return s.start <= whole.start && whole.end <= s.end }
	if whole.empty() || step < period || len(cut) > maxSpans || slices.ContainsFunc(cut, covers) {
		cut = []span{left}
	} else {
		condition := between(column, whole)
		if len(cut) > 0 { // else all fit, and the planner's guess of how many do would be wrong
			condition += fmt.Sprintf(" AND (%s - %d) %% %d <= %d", column, all.start, step, step-period)
		}
		conditions = append(conditions, condition)
	}
	return oneOf(conditions), oneOf(betweenAll("created_at", cut))
}

// fromRollups reports whether rollups tell apart what the report does.
func (f *ReportFilter) fromRollups() bool {
	return len(f.UserIDs) == 0 && len(f.CustomIDs) == 0 && !slices.Contains(f.Groups, GroupUser) && !slices.Contains(f.Groups, GroupCustomID)
}

// cut lists the periods that the range or an increment's end cuts, within the
// range and behind the horizon, in order and joined where they meet.
func (f *ReportFilter) cut(period, step int64) []span {
	start, end := f.Start.UnixMicro(), f.End.UnixMicro()
	var spans []span
	add := func(at int64) {
		if at%period == 0 || at < f.horizon {
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

func (s span) empty() bool { return s.start >= s.end }

func between(column string, s span) string {
	return fmt.Sprintf("(%s >= %d AND %s < %d)", column, s.start, column, s.end)
}

func betweenAll(column string, spans []span) (terms []string) {
	for _, s := range spans {
		if !s.empty() {
			terms = append(terms, between(column, s))
		}
	}
	return terms
}

// oneOf is the condition that one of terms holds; without any it is empty.
func oneOf(terms []string) string {
	if len(terms) == 0 {
		return ""
	}
	return "(" + strings.Join(terms, " OR ") + ")"
}
