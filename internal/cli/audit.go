package cli

import (
	"context"
	"strconv"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Audit are the commands for the audit log.
type Audit struct {
	List auditList `cmd:"" help:"List administrative changes, newest first."`
}

type auditEntry = adminclient.AuditEntry

var auditColumns = []column[auditEntry]{
	{"NUMBER", func(a auditEntry) any { return a.Number }},
	{"WHEN", func(a auditEntry) any { return moment(a.CreatedAt) }},
	{"WHO", func(a auditEntry) any { return a.Author.Name }},
	{"FROM", func(a auditEntry) any { return a.Author.Address }},
	{"OPERATION", func(a auditEntry) any { return a.Operation }},
	{"OBJECT", func(a auditEntry) any { return a.ObjectId }},
}

type auditList struct {
	Author    *string `placeholder:"ID" help:"Only what this one did."`
	Operation *string `placeholder:"NAME" help:"Only this operation, such as updateKey."`
	Kind      *string `placeholder:"NAME" help:"Only what concerns this kind of object, such as key."`
	Object    *string `placeholder:"ID" help:"Only what concerns this object."`
	Since     *clock  `placeholder:"TIME" help:"From this time on: RFC 3339, Unix seconds, or how long ago, such as 7d."`
	Until     *clock  `placeholder:"TIME" help:"Before this time."`
	paging
	output
}

// Run is what kong calls.
func (l *auditList) Run(ctx context.Context, e *Env) error {
	from, err := moments(e, "--since", l.Since)
	if err != nil {
		return err
	}
	to, err := moments(e, "--until", l.Until)
	if err != nil {
		return err
	}
	return listPages(ctx, e, l.output, l.paging, auditColumns, func(ctx context.Context, c *client, p place) (page[auditEntry], error) {
		params := &adminclient.ListAuditParams{Author: l.Author, Operation: l.Operation, Kind: l.Kind, ObjectId: l.Object, From: from, To: to, Limit: &p.limit}
		if p.cursor != "" {
			cursor, err := strconv.ParseInt(p.cursor, 10, 64)
			if err != nil {
				return page[auditEntry]{}, err
			}
			params.Cursor = &cursor
		}
		answer, body, err := adminclient.Answer(c.ListAuditWithResponse(ctx, params))
		if err != nil {
			return page[auditEntry]{}, err
		}
		got := page[auditEntry]{items: answer.Entries, more: answer.Next != nil}
		if got.more {
			got.next = strconv.FormatInt(*answer.Next, 10)
		}
		got.text, err = memberOf(body, "entries")
		return got, err
	})
}
