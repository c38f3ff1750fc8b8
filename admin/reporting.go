package admin

import (
	"context"
	"math"
	"net/http"
	"reflect"
	"time"

	"github.com/bricks-gateway/bricks/internal/store"
)

// maxPoints is the longest report: some 20 MB of JSON.
const maxPoints = 100_000

// ReportRange is what both reports ask for. Its name is exported, as KeyAnswer's
// is: the schema of a body shows no others of what is embedded.
type ReportRange struct {
	KeyIDs    optional[[]string] `json:"keyIds,omitzero" maxItems:"1000" doc:"Only events of these keys."`
	Tags      optional[[]string] `json:"tags,omitzero" maxItems:"100" doc:"Only events whose key carried all of these tags."`
	CustomIDs optional[[]string] `json:"customIds,omitzero" maxItems:"1000" doc:"Only events with these custom ids."`
	UserIDs   optional[[]string] `json:"userIds,omitzero" maxItems:"1000" doc:"Only events of these end users."`
	Models    optional[[]string] `json:"models,omitzero" maxItems:"1000" doc:"Only events of these models: the one that answered, else the one asked for."`
	Filters   optional[[]string] `json:"filters,omitzero" maxItems:"4" enum:"model,keyId,userId,customId" doc:"Tell data points apart by these, each with a field of the same name. Without any there is one data point for each increment."`
	Start     int64              `json:"start" minimum:"0" maximum:"253402300799" doc:"From this Unix second on."`
	End       int64              `json:"end" minimum:"0" maximum:"253402300799" doc:"Before this Unix second."`
}

type reportRequest struct {
	ReportRange
	Increment int64 `json:"increment" minimum:"1" maximum:"315360000" doc:"Seconds from one data point to the next. The first begins at start; end may cut the last."`
}

type reportByDayRequest struct{ ReportRange }

// reportAnswer is what events add up to over time.
type reportAnswer struct {
	DataPoints        []dataPoint `json:"dataPoints" doc:"By time. With filters only those that had events."`
	LatencyInMsMedian float64     `json:"latencyInMsMedian" doc:"Of all requests of the range: half of them did not take longer. 0: no request took time. Above 100,000 requests within 3.2 %."`
	LatencyInMs99th   float64     `json:"latencyInMs99th" doc:"As the median, of 99 in 100 requests."`
}

// dataPoint sums one increment, of one value of each filter.
type dataPoint struct {
	TimeStamp            int64   `json:"timeStamp" doc:"Unix seconds, when the increment begins."`
	NumberOfRequests     int64   `json:"numberOfRequests" doc:"Refused ones too."`
	CostInUSD            usd     `json:"costInUsd"`
	LatencyInMs          int64   `json:"latencyInMs" doc:"Of all requests together."`
	PromptTokenCount     int64   `json:"promptTokenCount"`
	CompletionTokenCount int64   `json:"completionTokenCount"`
	SuccessCount         int64   `json:"successCount" doc:"Requests answered with a status of 2xx."`
	Model                *string `json:"model,omitempty" doc:"Only with this filter."`
	KeyID                *string `json:"keyId,omitempty" doc:"Only with this filter."`
	UserID               *string `json:"userId,omitempty" doc:"Only with this filter; empty: of requests without."`
	CustomID             *string `json:"customId,omitempty" doc:"Only with this filter; empty: of requests without."`
}

type topKeysRequest struct {
	Start   int64              `json:"start" minimum:"0" maximum:"253402300799" doc:"Spent from this Unix second on."`
	End     int64              `json:"end" minimum:"0" maximum:"253402300799" doc:"Spent before this Unix second."`
	KeyIDs  optional[[]string] `json:"keyIds,omitzero" maxItems:"1000" doc:"Only these keys."`
	Tags    optional[[]string] `json:"tags,omitzero" maxItems:"100" doc:"Only keys that carry all of these tags."`
	Name    optional[string]   `json:"name,omitzero" maxLength:"256" doc:"Only keys with this text in their name."`
	Revoked *bool              `json:"revoked,omitempty" nullable:"true" doc:"Only keys that are, or are not, revoked or expired."`
	Limit   optional[int64]    `json:"limit,omitzero" minimum:"0" maximum:"1000" doc:"Most keys in the answer; 0 or absent: 1000."`
	Offset  optional[int64]    `json:"offset,omitzero" minimum:"0" maximum:"1000000000" doc:"Keys to skip."`
	Order   optional[string]   `json:"order,omitzero" enum:"asc,desc" doc:"By spend; absent: desc, the dearest first."`
}

// KeyAnswer is a key as part of a longer answer.
type KeyAnswer = keyAnswer

// topKey is a key and what it spent.
type topKey struct {
	KeyAnswer
	CostInUSD usd `json:"costInUsd" doc:"Spent in the range; 0 for keys without events."`
}

type seenQuery struct {
	KeyID string `json:"keyId" minLength:"1" maxLength:"256" doc:"The key whose events are looked at."`
	Limit int64  `json:"limit,omitempty" minimum:"0" maximum:"1000" doc:"Most ids in the answer; 0 or absent: 1000."`
	After string `json:"after,omitempty" maxLength:"4096" doc:"Only ids behind this one: the last of the page before."`
}

func (a *api) reportingRoutes() []route {
	const group = "reporting"
	report, ids := reflect.TypeFor[reportAnswer](), reflect.TypeFor[[]string]()
	seen := func(path, id, summary string, g store.Group) route {
		return route{method: http.MethodGet, path: path, id: id, summary: summary, group: group, query: reflect.TypeFor[seenQuery](), answer: ids,
			handle: func(ctx context.Context, c *call) (any, error) { return a.seenIDs(ctx, c, g) }}
	}
	return []route{
		{method: http.MethodPost, path: "/api/reporting/events", id: "reportEvents", summary: "Requests, cost, tokens and latency over time", group: group,
			body: reflect.TypeFor[reportRequest](), answer: report, handle: a.reportEvents},
		{method: http.MethodPost, path: "/api/reporting/events-by-day", id: "reportEventsByDay", summary: "The same by days of the UTC calendar: all days that the range touches, whole", group: group,
			body: reflect.TypeFor[reportByDayRequest](), answer: report, handle: a.reportEventsByDay},
		{method: http.MethodPost, path: "/api/reporting/top-keys", id: "topKeys", summary: "Keys by what they spent in a range", group: group,
			body: reflect.TypeFor[topKeysRequest](), answer: reflect.TypeFor[[]topKey](), handle: a.topKeys},
		seen("/api/reporting/user-ids", "listUserIds", "End users that a key's requests named, each once", store.GroupUser),
		seen("/api/reporting/users-ids", "listUsersIds", "End users that a key's requests named (same as user-ids)", store.GroupUser),
		seen("/api/reporting/custom-ids", "listCustomIds", "Custom ids that a key's requests carried, each once", store.GroupCustomID),
	}
}

func (a *api) reportEvents(ctx context.Context, c *call) (any, error) {
	in, err := decode[reportRequest](c)
	if err != nil {
		return nil, err
	}
	return a.report(ctx, c, in.ReportRange, time.Duration(in.Increment)*time.Second)
}

const day = 24 * time.Hour

func (a *api) reportEventsByDay(ctx context.Context, c *call) (any, error) {
	in, err := decode[reportByDayRequest](c)
	if err != nil {
		return nil, err
	}
	if in.Start < in.End {
		const seconds = int64(day / time.Second)
		in.Start -= in.Start % seconds
		in.End = (in.End + seconds - 1) / seconds * seconds
	}
	return a.report(ctx, c, in.ReportRange, day)
}

func (a *api) report(ctx context.Context, c *call, in ReportRange, increment time.Duration) (any, error) {
	if in.Start > in.End {
		return nil, badInput.faulty([]fault{{Pointer: "/start", Detail: startAfterEnd}})
	}
	f := store.ReportFilter{
		KeyIDs: knownIDs(in.KeyIDs.Value), UserIDs: distinct(in.UserIDs.Value), CustomIDs: distinct(in.CustomIDs.Value),
		Models: distinct(in.Models.Value), Tags: c.who.scoped(in.Tags.Value),
		Start: unixTime(in.Start), End: unixTime(in.End), Increment: increment, MaxPoints: maxPoints,
	}
	for _, name := range distinct(in.Filters.Value) {
		f.Groups = append(f.Groups, store.Group(name))
	}
	r, err := a.Store.Report(ctx, f)
	if err != nil {
		return nil, err
	}
	return newReportAnswer(r, f.Groups), nil
}

// knownIDs are ids in their canonical spelling. What cannot be an id stays as it
// is, and matches nothing: left out it would match everything.
func knownIDs(list []string) []string {
	list = distinct(list)
	if ids, none := canonicalIDs(list); !none {
		return ids
	}
	return list
}

func newReportAnswer(r *store.Report, groups []store.Group) reportAnswer {
	answer := reportAnswer{DataPoints: make([]dataPoint, 0, len(r.Points)), LatencyInMsMedian: fineMilliseconds(r.Median), LatencyInMs99th: fineMilliseconds(r.P99)}
	for i := range r.Points {
		p := &r.Points[i]
		d := dataPoint{
			TimeStamp: p.Time.Unix(), NumberOfRequests: p.Requests, CostInUSD: usd(p.Cost), LatencyInMs: milliseconds(p.Latency),
			PromptTokenCount: p.InputTokens, CompletionTokenCount: p.OutputTokens, SuccessCount: p.Successes,
		}
		for _, g := range groups {
			switch g {
			case store.GroupModel:
				d.Model = &p.Model
			case store.GroupKey:
				d.KeyID = &p.KeyID
			case store.GroupUser:
				d.UserID = &p.UserID
			case store.GroupCustomID:
				d.CustomID = &p.CustomID
			}
		}
		answer.DataPoints = append(answer.DataPoints, d)
	}
	return answer
}

// fineMilliseconds keeps the microseconds; what took time at all took at least
// one millisecond.
func fineMilliseconds(d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return math.Max(1, float64(d.Microseconds())/1000)
}

func (a *api) topKeys(ctx context.Context, c *call) (any, error) {
	in, err := decode[topKeysRequest](c)
	if err != nil {
		return nil, err
	}
	if in.Start > in.End {
		return nil, badInput.faulty([]fault{{Pointer: "/start", Detail: startAfterEnd}})
	}
	answers := []topKey{}
	ids, none := canonicalIDs(distinct(in.KeyIDs.Value))
	if none {
		return answers, nil
	}
	top, err := a.Store.TopKeys(ctx, store.KeyFilter{
		IDs: ids, Tags: c.who.scoped(in.Tags.Value), Name: in.Name.Value, Revoked: in.Revoked,
		Limit: pageSize(in.Limit.Value), Offset: int(in.Offset.Value), Ascending: in.Order.Value == "asc",
	}, unixTime(in.Start), unixTime(in.End))
	if err != nil {
		return nil, err
	}
	for _, one := range top {
		answers = append(answers, topKey{newKeyAnswer(one.Key, a.Now()), usd(one.Cost)})
	}
	return answers, nil
}

func (a *api) seenIDs(ctx context.Context, c *call, g store.Group) (any, error) {
	in, err := decodeQuery[seenQuery](c)
	if err != nil {
		return nil, err
	}
	id, ok := canonicalID(in.KeyID)
	if !ok {
		return []string{}, nil
	}
	ids, err := a.Store.SeenIDs(ctx, store.SeenFilter{KeyID: id, Group: g, Tags: c.who.scoped(nil), After: in.After, Limit: pageSize(in.Limit)})
	if err != nil {
		return nil, err
	}
	return append([]string{}, ids...), nil
}
