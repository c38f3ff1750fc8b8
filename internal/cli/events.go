package cli

import (
	"context"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Events are the commands for events.
type Events struct {
	List   eventList   `cmd:"" help:"List events, newest first."`
	Export eventExport `cmd:"" help:"Write events, however many, as NDJSON or CSV."`
}

type eventAnswer = adminclient.EventAnswer

var eventColumns = []column[eventAnswer]{
	{"ID", func(v eventAnswer) any { return v.Id }},
	{"WHEN", func(v eventAnswer) any { return moment(v.CreatedAt) }},
	{"KEY", func(v eventAnswer) any { return v.KeyId }},
	{"MODEL", func(v eventAnswer) any { return v.Model }},
	{"STATUS", func(v eventAnswer) any { return v.Status }},
	{"ACTION", func(v eventAnswer) any { return v.Action }},
	{"TOKENS IN", func(v eventAnswer) any { return v.PromptTokenCount }},
	{"OUT", func(v eventAnswer) any { return v.CompletionTokenCount }},
	{"COST", func(v eventAnswer) any { return dollars(v.CostInUsd) }},
	{"LATENCY", func(v eventAnswer) any { return milliseconds(v.LatencyInMs) }},
}

// eventChoice are the flags that say which events.
type eventChoice struct {
	Since     clock    `default:"24h" placeholder:"TIME" help:"From this time on: RFC 3339, Unix seconds, or how long ago (${default})."`
	Until     clock    `default:"0s" placeholder:"TIME" help:"Before this time; else now."`
	Keys      []string `name:"key" sep:"none" placeholder:"ID" help:"Only events of this key; may be repeated."`
	Users     []string `name:"user" sep:"none" placeholder:"ID" help:"Only events of this end user; may be repeated."`
	CustomIDs []string `name:"custom-id" sep:"none" placeholder:"ID" help:"Only events with this custom id; may be repeated."`
	Tags      []string `name:"tag" sep:"none" placeholder:"TAG" help:"Only events whose key carried this tag; repeated: all of them."`
	Policies  []string `name:"policy" sep:"none" placeholder:"ID" help:"Only events of this policy; may be repeated."`
	Actions   []string `name:"action" sep:"none" placeholder:"ACTION" help:"Only events of this action, such as blocked, redacted or cached; may be repeated."`
	ByCost    *string  `placeholder:"asc|desc" help:"In the order of their cost."`
	ByTime    *string  `placeholder:"asc|desc" help:"In the order of their time; else desc."`
}

// between is the range in Unix seconds. Its end is no part of it, so that now ends
// with the second that runs.
func (c eventChoice) between(e *Env) (start, end int64, err error) {
	now := e.Now()
	if start, err = c.Since.seconds(now); err != nil {
		return 0, 0, Usagef("--since: %w", err)
	}
	if end, err = c.Until.seconds(now); err != nil {
		return 0, 0, Usagef("--until: %w", err)
	}
	if c.Until == "0s" {
		end++
	}
	return start, end, nil
}

type eventList struct {
	eventChoice
	paging
	output
}

// Run is what kong calls.
func (l *eventList) Run(ctx context.Context, e *Env) error {
	start, end, err := l.between(e)
	if err != nil {
		return err
	}
	return listPages(ctx, e, l.output, l.paging, eventColumns, func(ctx context.Context, c *client, p place) (page[eventAnswer], error) {
		params := &adminclient.SearchEventsParams{
			Start: start, End: end, KeyIds: l.Keys, UserIds: l.Users, CustomIds: l.CustomIDs, Tags: l.Tags, PolicyIds: l.Policies, Actions: l.Actions,
			CostOrder: l.ByCost, DateOrder: l.ByTime, Limit: &p.limit,
		}
		if p.cursor != "" {
			params.Cursor = &p.cursor
		}
		answer, body, err := adminclient.Answer(c.SearchEventsWithResponse(ctx, params))
		if err != nil {
			return page[eventAnswer]{}, err
		}
		got := page[eventAnswer]{items: answer.Events, more: answer.NextCursor != nil}
		if got.more {
			got.next = *answer.NextCursor
		}
		got.text, err = memberOf(body, "events")
		return got, err
	})
}

type eventExport struct {
	eventChoice
	Format string `enum:"ndjson,csv" default:"ndjson" placeholder:"ndjson|csv" help:"A line of JSON for each event, or a table for a spreadsheet."`
	Bodies bool   `help:"With the requests and answers that were kept."`
}

// Run is what kong calls.
func (x *eventExport) Run(ctx context.Context, e *Env) error {
	start, end, err := x.between(e)
	if err != nil {
		return err
	}
	c, err := e.connectStreaming()
	if err != nil {
		return err
	}
	resp, err := c.ExportEvents(ctx, &adminclient.ExportEventsParams{
		Start: start, End: end, KeyIds: x.Keys, UserIds: x.Users, CustomIds: x.CustomIDs, Tags: x.Tags, PolicyIds: x.Policies, Actions: x.Actions,
		CostOrder: x.ByCost, DateOrder: x.ByTime, Format: &x.Format, Bodies: &x.Bodies,
	})
	return adminclient.Copy(e.Stdout, resp, err)
}
