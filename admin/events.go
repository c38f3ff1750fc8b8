package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// eventQuery is the first version of the search.
type eventQuery struct {
	CustomID optional[string] `json:"customId,omitzero" maxLength:"1024" doc:"Only events with this custom id."`
	KeyIDs   []string         `json:"keyIds,omitempty" doc:"Only events of these keys; then start and end are required."`
	Start    optional[int64]  `json:"start,omitzero" minimum:"0" maximum:"253402300799" doc:"From this Unix second on."`
	End      optional[int64]  `json:"end,omitzero" minimum:"0" maximum:"253402300799" doc:"Before this Unix second."`
	Limit    optional[int64]  `json:"limit,omitzero" minimum:"0" maximum:"1000" doc:"Most events in the answer; 0 or absent: 1000."`
	Offset   optional[int64]  `json:"offset,omitzero" minimum:"0" maximum:"1000000000" doc:"Events to skip."`
}

// EventChoice says which events, and in which order. The name is exported, so
// that schemas show its members where it is embedded.
type EventChoice struct {
	UserIDs   optional[[]string] `json:"userIds,omitzero" maxItems:"1000" doc:"Only events of these end users."`
	CustomIDs optional[[]string] `json:"customIds,omitzero" maxItems:"1000" doc:"Only events with these custom ids."`
	KeyIDs    optional[[]string] `json:"keyIds,omitzero" maxItems:"1000" doc:"Only events of these keys."`
	Tags      optional[[]string] `json:"tags,omitzero" maxItems:"100" doc:"Only events whose key carried all of these tags."`
	PolicyIDs optional[[]string] `json:"policyIds,omitzero" maxItems:"1000" doc:"Only events of these policies."`
	Actions   optional[[]string] `json:"actions,omitzero" maxItems:"7" enum:"allowed,warned,redacted,blocked,cached,retried,charged" doc:"Only events of these actions: what a policy did, cached for an answer that the route had kept, retried for an attempt of a route that failed but was billed, or charged for what an earlier request has cost at last."`
	Start     int64              `json:"start" minimum:"0" maximum:"253402300799" doc:"From this Unix second on."`
	End       int64              `json:"end" minimum:"0" maximum:"253402300799" doc:"Before this Unix second."`
	CostOrder optional[string]   `json:"costOrder,omitzero" enum:"asc,desc" doc:"Order by cost."`
	DateOrder optional[string]   `json:"dateOrder,omitzero" enum:"asc,desc" doc:"Order by time; absent: desc, or after costOrder."`
}

// eventSearch is the second version; GET has it as query parameters, POST as a body.
type eventSearch struct {
	EventChoice
	Limit       optional[int64]  `json:"limit,omitzero" minimum:"0" maximum:"1000" doc:"Most events in the answer; 0 or absent: 1000."`
	Offset      optional[int64]  `json:"offset,omitzero" minimum:"0" maximum:"1000000000" doc:"Events to skip."`
	ReturnCount optional[bool]   `json:"returnCount,omitzero" doc:"Also count the events without limit and offset."`
	Cursor      optional[string] `json:"cursor,omitzero" maxLength:"512" doc:"The nextCursor of the page before, with the same filters and orders. It takes the place of offset."`
}

type eventPage struct {
	Events []eventAnswer `json:"events"`
	Count  *int          `json:"count,omitempty" doc:"How many there are; only with returnCount."`
	Next   string        `json:"nextCursor,omitempty" doc:"Where the next page begins; absent: this is the last one."`
}

// eventAnswer is an event as the API shows it.
type eventAnswer struct {
	ID                   string           `json:"id" format:"uuid"`
	CreatedAt            int64            `json:"created_at" doc:"Unix seconds."`
	Tags                 []string         `json:"tags" doc:"The key's tags at the time."`
	KeyID                string           `json:"key_id"`
	CostInUSD            usd              `json:"cost_in_usd"`
	Model                string           `json:"model" doc:"The model that answered, else the one asked for."`
	Provider             string           `json:"provider"`
	Status               int              `json:"status" doc:"The HTTP status that the client saw; 499: it left before the end."`
	PromptTokenCount     int64            `json:"prompt_token_count"`
	CompletionTokenCount int64            `json:"completion_token_count"`
	LatencyInMs          int64            `json:"latency_in_ms"`
	Path                 string           `json:"path"`
	Method               string           `json:"method"`
	CustomID             string           `json:"custom_id"`
	Request              []byte           `json:"request,omitempty" doc:"Only when the key keeps it."`
	Response             []byte           `json:"response,omitempty" doc:"Only when the key keeps it."`
	UserID               string           `json:"user_id"`
	Action               string           `json:"action"`
	PolicyID             string           `json:"policy_id"`
	PolicyFindings       map[string]int64 `json:"policy_findings,omitempty" doc:"What the policy found: how many of each type, regex for what a regular expression matched; never the values. Absent: nothing."`
	RouteID              string           `json:"route_id"`
	CorrelationID        string           `json:"correlation_id"`
	Metadata             json.RawMessage  `json:"metadata,omitempty" doc:"The JSON that the client sent in x-metadata."`
	SettingID            string           `json:"setting_id"`
	Operation            string           `json:"operation"`
	CachedTokenCount     int64            `json:"cached_token_count" doc:"Part of prompt_token_count that came from the provider's cache."`
	CacheWriteTokenCount int64            `json:"cache_write_token_count" doc:"Part of prompt_token_count that went into the provider's cache."`
	ReasoningTokenCount  int64            `json:"reasoning_token_count" doc:"Part of completion_token_count."`
	TimeToFirstTokenInMs int64            `json:"time_to_first_token_in_ms,omitempty" doc:"Absent: unknown."`
	Attempts             int              `json:"attempts"`
	Streamed             bool             `json:"streamed"`
	Estimated            bool             `json:"estimated" doc:"The provider did not report all of the usage."`
	Incomplete           bool             `json:"incomplete" doc:"The answer did not reach its end."`
	PriceStatus          string           `json:"price_status" enum:"priced,unpriced,free,pending" doc:"pending: what it costs is told later, and then charged by events of the action charged whose correlation_id is this id."`
	PriceModel           string           `json:"price_model,omitempty" doc:"What it was priced as, when that is not the model."`
	PriceTerms           string           `json:"price_terms,omitempty" doc:"The service tier that it was priced at, or batch; absent: the standard one. batch/N sums requests of a batch up, the largest with N input tokens."`
	Units                *eventUnits      `json:"units,omitempty" doc:"What else was billed than plain tokens."`
	RefusalCode          string           `json:"refusal_code,omitempty" doc:"Why the gateway refused."`
	RefusedCount         int              `json:"refused_count,omitempty" doc:"Requests that this refusal stands for."`
}

// eventUnits is what an event counts beside its plain tokens; absent: none.
type eventUnits struct {
	AudioInputTokens     int64 `json:"audio_input_tokens,omitempty"`
	AudioOutputTokens    int64 `json:"audio_output_tokens,omitempty"`
	CacheReadAudioTokens int64 `json:"cache_read_audio_tokens,omitempty"`
	CacheWrite1hTokens   int64 `json:"cache_write_1h_tokens,omitempty" doc:"Of cache_write_token_count."`
	ImageInputTokens     int64 `json:"image_input_tokens,omitempty"`
	ImageOutputTokens    int64 `json:"image_output_tokens,omitempty"`
	Images               int64 `json:"images,omitempty"`
	Milliseconds         int64 `json:"milliseconds,omitempty" doc:"Of sound or video."`
	Characters           int64 `json:"characters,omitempty"`
	Queries              int64 `json:"queries,omitempty"`
	Pages                int64 `json:"pages,omitempty"`
	WebSearches          int64 `json:"web_searches,omitempty"`
}

func newEventUnits(u gateway.Usage) *eventUnits {
	units := eventUnits{
		u.AudioInputTokens, u.AudioOutputTokens, u.CacheReadAudioTokens, u.CacheWrite1hTokens, u.ImageInputTokens, u.ImageOutputTokens,
		u.Images, u.Milliseconds, u.Characters, u.Queries, u.Pages, u.WebSearches,
	}
	if units == (eventUnits{}) {
		return nil
	}
	return &units
}

func (a *api) eventRoutes() []route {
	const group = "events"
	page := reflect.TypeFor[eventPage]()
	return append([]route{
		{method: http.MethodGet, path: "/api/events", id: "listEvents", summary: "List events, newest first", group: group,
			query: reflect.TypeFor[eventQuery](), answer: reflect.TypeFor[[]eventAnswer](), handle: a.listEvents},
		{method: http.MethodGet, path: "/api/v2/events", id: "searchEvents", summary: "Search events page by page", group: group,
			query: reflect.TypeFor[eventSearch](), answer: page, handle: a.searchEventsByQuery},
		{method: http.MethodPost, path: "/api/v2/events", id: "postSearchEvents", summary: "Search events page by page (same as GET)", group: group,
			body: reflect.TypeFor[eventSearch](), answer: page, handle: a.searchEventsByBody},
	}, a.exportRoutes()...)
}

func (a *api) listEvents(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[eventQuery](c)
	if err != nil {
		return nil, err
	}
	var faults []fault
	if len(in.KeyIDs) > 0 && !in.Start.Set {
		faults = append(faults, fault{Parameter: "start", Detail: "is required with keyIds"})
	}
	if len(in.KeyIDs) > 0 && !in.End.Set {
		faults = append(faults, fault{Parameter: "end", Detail: "is required with keyIds"})
	}
	if in.Start.Set && in.End.Set && in.Start.Value > in.End.Value {
		faults = append(faults, fault{Parameter: "start", Detail: startAfterEnd})
	}
	if err := badQuery.faulty(faults); err != nil {
		return nil, err
	}
	f := store.EventFilter{KeyIDs: knownIDs(in.KeyIDs), CustomIDs: distinct([]string{in.CustomID.Value}), Tags: c.who.scoped(nil),
		Limit: pageSize(in.Limit.Value), Offset: int(in.Offset.Value)}
	if in.Start.Set {
		f.Start = unixTime(in.Start.Value)
	}
	if in.End.Set {
		f.End = unixTime(in.End.Value)
	}
	answers, _, _, err := a.eventPage(ctx, f, f.Limit)
	return answers, err
}

const startAfterEnd = "must not be after end"

func (a *api) searchEventsByQuery(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[eventSearch](c)
	if err != nil {
		return nil, err
	}
	f, faults := in.page(c)
	if err := badQuery.faulty(faults); err != nil {
		return nil, asParameters(err)
	}
	return a.searchEvents(ctx, in, f)
}

func (a *api) searchEventsByBody(ctx context.Context, c *call) (any, error) {
	in, err := decode[eventSearch](c)
	if err != nil {
		return nil, err
	}
	f, faults := in.page(c)
	if err := badInput.faulty(faults); err != nil {
		return nil, err
	}
	return a.searchEvents(ctx, in, f)
}

// page is the choice with the place of the page that is asked for.
func (in *eventSearch) page(c *call) (store.EventFilter, []fault) {
	f, faults := in.filter(c)
	f.Offset, f.Count = int(in.Offset.Value), in.ReturnCount.Value
	if in.Cursor.Value == "" {
		return f, faults
	}
	var err error
	if f.Behind, err = readEventCursor(in.Cursor.Value, f); err != nil {
		faults = append(faults, fault{Pointer: "/cursor", Detail: err.Error()})
	}
	if in.Offset.Value > 0 {
		faults = append(faults, fault{Pointer: "/offset", Detail: "cannot be together with cursor"})
	}
	return f, faults
}

func (a *api) searchEvents(ctx context.Context, in eventSearch, f store.EventFilter) (any, error) {
	size := pageSize(in.Limit.Value)
	f.Limit = size + 1 // one more tells whether there is a next page
	answers, last, total, err := a.eventPage(ctx, f, size)
	if err != nil {
		return nil, err
	}
	page := eventPage{Events: answers}
	if last != nil {
		page.Next = eventCursor(last, f)
	}
	if in.ReturnCount.Value {
		page.Count = &total
	}
	return page, nil
}

// filter is the choice within what the caller may see.
func (in *EventChoice) filter(c *call) (store.EventFilter, []fault) {
	var faults []fault
	if in.Start > in.End {
		faults = append(faults, fault{Pointer: "/start", Detail: startAfterEnd})
	}
	return store.EventFilter{
		KeyIDs: knownIDs(in.KeyIDs.Value), UserIDs: distinct(in.UserIDs.Value), CustomIDs: distinct(in.CustomIDs.Value),
		PolicyIDs: distinct(in.PolicyIDs.Value), Actions: distinct(in.Actions.Value), Tags: c.who.scoped(in.Tags.Value),
		Start: unixTime(in.Start), End: unixTime(in.End), CostOrder: in.CostOrder.Value, DateOrder: in.DateOrder.Value,
	}, faults
}

// eventPage reads at most size events. last is the last of them when there are
// more.
func (a *api) eventPage(ctx context.Context, f store.EventFilter, size int) (answers []eventAnswer, last *gateway.Event, total int, err error) {
	list, total, err := a.Store.Events(ctx, f)
	if err != nil {
		return nil, nil, 0, err
	}
	if len(list) > size {
		list = list[:size]
		last = list[size-1]
	}
	answers = make([]eventAnswer, 0, len(list))
	for _, e := range list {
		answers = append(answers, newEventAnswer(e))
	}
	return answers, last, total, nil
}

func unixTime(seconds int64) time.Time {
	// The store reads the zero time as "open"; the Unix epoch is not that.
	return time.Unix(seconds, 0).UTC()
}

func newEventAnswer(e *gateway.Event) eventAnswer {
	answer := eventAnswer{
		ID: e.ID, CreatedAt: e.CreatedAt.Unix(), Tags: distinct(e.Tags), KeyID: e.KeyID, CostInUSD: usd(e.Cost),
		Model: e.Model(), Provider: e.Provider, Status: e.Status,
		PromptTokenCount: e.Usage.InputTokens, CompletionTokenCount: e.Usage.OutputTokens,
		LatencyInMs: milliseconds(e.Latency), Path: e.Path, Method: e.Method, CustomID: e.CustomID,
		Request: e.Request, Response: e.Response,
		UserID: e.UserID, Action: e.Action, PolicyID: e.PolicyID, PolicyFindings: e.Findings, RouteID: e.RouteID, CorrelationID: e.CorrelationID,
		SettingID: e.SettingID, Operation: e.Operation,
		CachedTokenCount:     e.Usage.CacheReadTokens,
		CacheWriteTokenCount: e.Usage.CacheWrite5mTokens + e.Usage.CacheWrite1hTokens,
		ReasoningTokenCount:  e.Usage.ReasoningTokens,
		TimeToFirstTokenInMs: milliseconds(e.TimeToFirstToken),
		Attempts:             e.Attempts, Streamed: e.Streamed, Estimated: e.Estimated, Incomplete: e.Incomplete,
		PriceModel: e.PriceModel, PriceTerms: e.PriceTerms, Units: newEventUnits(e.Usage),
		PriceStatus: string(e.PriceStatus), RefusalCode: e.RefusalCode, RefusedCount: e.RefusedCount,
	}
	if json.Valid([]byte(e.Metadata)) {
		answer.Metadata = json.RawMessage(e.Metadata)
	}
	return answer
}

// milliseconds rounds; what took time at all took at least one.
func milliseconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return max(1, d.Round(time.Millisecond).Milliseconds())
}
