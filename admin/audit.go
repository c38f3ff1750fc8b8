package admin

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/store"
)

const (
	auditPath        = "/api/audit"
	defaultAuditPage = 100
)

type auditQuery struct {
	Author    optional[string] `json:"author,omitzero" maxLength:"2048" doc:"Only changes by this author.id."`
	Operation optional[string] `json:"operation,omitzero" maxLength:"64" doc:"Only this operation, by its operationId in this document."`
	Kind      optional[string] `json:"kind,omitzero" maxLength:"64" doc:"Only objects of this kind: key, setting, route, user, policy, prices, custom_provider, admin_key, events."`
	ObjectID  optional[string] `json:"objectId,omitzero" maxLength:"256" doc:"Only this object."`
	From      optional[int64]  `json:"from,omitzero" minimum:"0" maximum:"253402300799" doc:"Changes from this Unix second on."`
	To        optional[int64]  `json:"to,omitzero" minimum:"0" maximum:"253402300799" doc:"Changes before this Unix second."`
	Cursor    optional[int64]  `json:"cursor,omitzero" minimum:"1" maximum:"9007199254740991" doc:"The next of the page before."`
	Limit     optional[int64]  `json:"limit,omitzero" minimum:"0" maximum:"1000" doc:"Most entries in the answer; 0 or absent: 100."`
}

type auditAuthor struct {
	ID      string `json:"id" doc:"configured:… for a key of the configuration, key:… for an admin key that was made here, oidc:ISSUER#SUBJECT for a token, local for an API without keys, gateway for the gateway itself."`
	Name    string `json:"name"`
	Role    string `json:"role"`
	Address string `json:"address" doc:"Where the request came from."`
}

// auditObject is an object as it was answered at the time. Its members are those
// of its kind, in the version of then.
type auditObject json.RawMessage

// MarshalJSON implements json.Marshaler.
func (o auditObject) MarshalJSON() ([]byte, error) { return json.RawMessage(o).MarshalJSON() }

// Schema implements huma.SchemaProvider.
func (auditObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "The object as the API showed it, without secrets."}
}

type auditEntry struct {
	Number    int64       `json:"number" doc:"1, 2, 3, … without a gap."`
	CreatedAt int64       `json:"createdAt" doc:"Unix seconds."`
	Author    auditAuthor `json:"author"`
	Operation string      `json:"operation"`
	Kind      string      `json:"kind"`
	ObjectID  string      `json:"objectId"`
	Before    auditObject `json:"before,omitempty" doc:"Absent: there was none."`
	After     auditObject `json:"after,omitempty" doc:"Absent: there is none any more."`
	Hash      string      `json:"hash" doc:"Links the entry to the one before it."`
}

type auditPage struct {
	Entries []auditEntry `json:"entries" doc:"Newest first."`
	Next    int64        `json:"next,omitempty" doc:"The cursor of the next page; absent: there is none."`
}

type verifyQuery struct {
	Anchor optional[string] `json:"anchor,omitzero" maxLength:"128" doc:"An entry that was noted earlier, as number:hash; it must still be there."`
}

type verification struct {
	OK      bool   `json:"ok"`
	Entries int64  `json:"entries" doc:"How many from the first on are as they were written."`
	Anchor  string `json:"anchor,omitempty" doc:"The last of these, to be noted outside of the database."`
	Broken  int64  `json:"broken,omitempty" doc:"The number of the first entry that is not right."`
	Reason  string `json:"reason,omitempty"`
}

func (a *api) auditRoutes() []route {
	const group = "audit log"
	return []route{
		{method: http.MethodGet, path: auditPath, id: "listAudit", summary: "List administrative changes, newest first", group: group,
			access: readingAdmin, query: reflect.TypeFor[auditQuery](), answer: reflect.TypeFor[auditPage](), handle: a.listAudit},
		{method: http.MethodGet, path: auditPath + "/verification", id: "verifyAudit", summary: "Say whether the audit log is as it was written", group: group,
			access: readingAdmin, query: reflect.TypeFor[verifyQuery](), answer: reflect.TypeFor[verification](), handle: a.verifyAudit},
	}
}

func (a *api) listAudit(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[auditQuery](c)
	if err != nil {
		return nil, err
	}
	limit := int(in.Limit.Value)
	if limit == 0 {
		limit = defaultAuditPage
	}
	f := store.AuditFilter{
		AuthorID: in.Author.Value, Operation: in.Operation.Value, Kind: in.Kind.Value, ObjectID: in.ObjectID.Value,
		Before: in.Cursor.Value, Limit: limit + 1, // one more says whether there is a next page
	}
	if in.From.Set {
		f.Start = unixTime(in.From.Value)
	}
	if in.To.Set {
		f.End = unixTime(in.To.Value)
	}
	entries, err := a.Store.AuditEntries(ctx, f)
	if err != nil {
		return nil, err
	}
	page := auditPage{Entries: []auditEntry{}}
	if len(entries) > limit {
		entries = entries[:limit]
		page.Next = entries[limit-1].Number
	}
	for _, e := range entries {
		page.Entries = append(page.Entries, newAuditEntry(e))
	}
	return page, nil
}

func newAuditEntry(e audit.Entry) auditEntry {
	return auditEntry{
		Number: e.Number, CreatedAt: e.At.Unix(), Operation: e.Operation, Kind: e.Kind, ObjectID: e.ObjectID, Hash: hex.EncodeToString(e.Hash[:]),
		Author: auditAuthor{ID: e.AuthorID, Name: e.AuthorName, Role: e.Role, Address: e.Address},
		Before: shownThen(e.Before), After: shownThen(e.After),
	}
}

// shownThen is an object of an entry. What is no JSON object was altered: it
// must not keep the other entries from being read.
func shownThen(text string) auditObject {
	var members map[string]json.RawMessage
	if text == "" {
		return nil
	}
	if json.Unmarshal([]byte(text), &members) != nil {
		return auditObject(`{}`)
	}
	return auditObject(text)
}

func (a *api) verifyAudit(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[verifyQuery](c)
	if err != nil {
		return nil, err
	}
	var anchor audit.Anchor
	if in.Anchor.Value != "" {
		if anchor, err = audit.ParseAnchor(in.Anchor.Value); err != nil {
			return nil, badQuery.faulty([]fault{{Parameter: "anchor", Detail: err.Error()}})
		}
	}
	last, err := a.Store.VerifyAudit(ctx, anchor)
	answer := verification{OK: err == nil, Entries: last.Number}
	if last.Number > 0 {
		answer.Anchor = last.String()
	}
	if broken, ok := errors.AsType[*audit.Fault](err); ok {
		answer.Broken, answer.Reason = broken.Number, broken.Reason
		a.Logger.ErrorContext(ctx, "the audit log is not as it was written", "entry", broken.Number, "reason", broken.Reason)
		return answer, nil
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}
