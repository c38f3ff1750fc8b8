package admin

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

const (
	mediaNDJSON = "application/x-ndjson"
	mediaCSV    = "text/csv"

	// An export holds one page at a time, and no connection to the store while the
	// client takes it. Bodies may be large, so a page of them has fewer events.
	exportPage       = 1000
	exportBodiesPage = 50
	exportBytes      = 8 << 20
)

// eventExport asks for all events of a choice; GET has it as query parameters,
// POST as a body.
type eventExport struct {
	EventChoice
	Format optional[string] `json:"format,omitzero" enum:"ndjson,csv" doc:"ndjson (also when absent): each line an event as JSON. csv: a line of names, then one for each event; lists and objects are JSON, and text that a spreadsheet would run begins with an apostrophe."`
	Bodies optional[bool]   `json:"bodies,omitzero" doc:"With the requests and answers that were kept."`
}

func (a *api) exportRoutes() []route {
	const path = "/api/v2/events/export"
	get := route{method: http.MethodGet, path: path, id: "exportEvents", summary: "Export events, however many, as NDJSON or CSV", group: "events",
		query: reflect.TypeFor[eventExport](), answer: reflect.TypeFor[string](), produces: []string{mediaNDJSON, mediaCSV}, handle: a.exportEventsByQuery}
	post := get
	post.method, post.id, post.summary = http.MethodPost, "postExportEvents", "Export events, however many (same as GET)"
	post.query, post.body, post.handle = nil, reflect.TypeFor[eventExport](), a.exportEventsByBody
	return []route{get, post}
}

func (a *api) exportEventsByQuery(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[eventExport](c)
	if err != nil {
		return nil, err
	}
	f, faults := in.filter(c)
	if err := badQuery.faulty(faults); err != nil {
		return nil, asParameters(err)
	}
	return a.exportEvents(ctx, c, in, f)
}

func (a *api) exportEventsByBody(ctx context.Context, c *call) (any, error) {
	in, err := decode[eventExport](c)
	if err != nil {
		return nil, err
	}
	f, faults := in.filter(c)
	if err := badInput.faulty(faults); err != nil {
		return nil, err
	}
	return a.exportEvents(ctx, c, in, f)
}

// exportEvents reads the first page before it answers, so that a store that is
// away is told with a status.
func (a *api) exportEvents(ctx context.Context, c *call, in eventExport, f store.EventFilter) (any, error) {
	f.Limit, f.Bodiless = exportPage, true
	if in.Bodies.Value {
		f.Limit, f.Bodiless, f.MaxBytes = exportBodiesPage, false, exportBytes
	}
	first, _, err := a.Store.Events(ctx, f)
	if err != nil {
		return nil, err
	}
	media, name := mediaNDJSON, "events.ndjson"
	if in.Format.Value == "csv" {
		media, name = mediaCSV, "events.csv"
	}
	c.header.Set("Content-Type", media)
	c.header.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	return stream(func(w io.Writer) error {
		lines := newEventLines(w, media, in.Bodies.Value)
		return a.writePages(ctx, f, first, lines)
	}), nil
}

// writePages writes page after page, each behind the last event of the one before.
func (a *api) writePages(ctx context.Context, f store.EventFilter, page []*gateway.Event, lines eventLines) error {
	if err := lines.begin(); err != nil {
		return err
	}
	for len(page) > 0 {
		for _, e := range page {
			answer := newEventAnswer(e)
			if err := lines.write(&answer); err != nil {
				return err
			}
		}
		if err := lines.flush(); err != nil {
			return err
		}
		last := page[len(page)-1]
		f.Behind = &store.EventPlace{Cost: last.Cost, CreatedAt: last.CreatedAt, ID: last.ID}
		var err error
		if page, _, err = a.Store.Events(ctx, f); err != nil {
			return err
		}
	}
	return lines.flush()
}

// eventLines spells events in one of the formats.
type eventLines interface {
	begin() error
	write(e *eventAnswer) error
	flush() error
}

func newEventLines(w io.Writer, media string, bodies bool) eventLines {
	if media == mediaCSV {
		return &csvLines{to: csv.NewWriter(w), bodies: bodies}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return jsonLines{encoder}
}

type jsonLines struct{ to *json.Encoder }

func (l jsonLines) begin() error               { return nil }
func (l jsonLines) write(e *eventAnswer) error { return l.to.Encode(e) }
func (l jsonLines) flush() error               { return nil }

// csvLines has a column for each field of an event's JSON, of the same name.
type csvLines struct {
	to     *csv.Writer
	bodies bool
	line   []string
}

var eventFields = reflect.VisibleFields(reflect.TypeFor[eventAnswer]())

// column is the name of a field, or nothing for one that is left out.
func (l *csvLines) column(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !l.bodies && f.Type == reflect.TypeFor[[]byte]() {
		return ""
	}
	return name
}

func (l *csvLines) begin() error {
	for _, f := range eventFields {
		if name := l.column(f); name != "" {
			l.line = append(l.line, name)
		}
	}
	return l.to.Write(l.line)
}

func (l *csvLines) write(e *eventAnswer) error {
	l.line = l.line[:0]
	row := reflect.ValueOf(e).Elem()
	for _, f := range eventFields {
		if l.column(f) == "" {
			continue
		}
		cell, err := csvCell(row.FieldByIndex(f.Index))
		if err != nil {
			return err
		}
		l.line = append(l.line, cell)
	}
	return l.to.Write(l.line)
}

func (l *csvLines) flush() error {
	l.to.Flush()
	return l.to.Error()
}

func csvCell(v reflect.Value) (string, error) {
	if v.Kind() == reflect.String {
		return harmless(v.String()), nil
	}
	switch value := v.Interface().(type) {
	case json.RawMessage:
		return string(value), nil // an object, or nothing
	case []byte:
		return base64.StdEncoding.EncodeToString(value), nil
	}
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Map) && v.IsNil() {
		return "", nil
	}
	text, err := json.Marshal(v.Interface())
	return string(text), err
}

// harmless keeps a spreadsheet from running what a client wrote.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
