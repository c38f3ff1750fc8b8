package admin

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func TestEventCursor(t *testing.T) {
	f := newFixture(t)
	f.events(keyA, keyB)
	for _, order := range []string{"", `,"dateOrder":"asc"`, `,"costOrder":"asc"`, `,"costOrder":"desc","dateOrder":"asc"`} {
		whole := customIDs(f.want(f.do("POST", "/api/v2/events", `{"start":0,"end":9999999999`+order+`}`), 200).at("events"))
		var paged strings.Builder
		next := ""
		for range 3 {
			got := f.want(f.do("POST", "/api/v2/events", `{"start":0,"end":9999999999,"limit":2,"cursor":"`+next+`"`+order+`}`), 200)
			paged.WriteString(customIDs(got.at("events")))
			next = got.str("nextCursor")
		}
		if paged.String() != whole || next != "" || len(whole) != 5 {
			t.Errorf("order %s: pages %q, want %q and no further page, not %q", order, paged.String(), whole, next)
		}
	}
	cursor := f.want(f.do("GET", "/api/v2/events?start=0&end=9999999999&limit=1", ""), 200).str("nextCursor")
	for query, want := range map[string]string{
		"&cursor=" + cursor:                    "", // none
		"&cursor=" + cursor + "&costOrder=asc": "cursor",
		"&cursor=" + cursor + "&offset=1":      "offset",
		"&cursor=x":                            "cursor",
		"&cursor=e30":                          "cursor",
		"&cursor=" + strings.Repeat("a", 513):  "cursor",
	} {
		got := f.do("GET", "/api/v2/events?start=0&end=9999999999"+query, "")
		if want == "" {
			f.want(got, 200)
		} else if p := f.want(got, 400).pointers(); len(p) != 1 || p[0] != want {
			t.Errorf("%s: faults at %v, want %s", query, p, want)
		}
	}
}

func TestExportEvents(t *testing.T) {
	f := newFixture(t)
	f.events(keyA, keyB)
	const span = "start=0&end=9999999999"
	read := func(a answer) (list []any) {
		for line := range strings.Lines(a.text) {
			var event map[string]any
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			list = append(list, event)
		}
		return list
	}
	t.Run("each line is an event as JSON", func(t *testing.T) {
		for query, want := range map[string]string{
			"": "43210", "&dateOrder=asc": "01234", "&costOrder=desc": "01234", "&tags=team-a": "420", "&actions=blocked": "31", "&keyIds=none": "", "&customIds=c1,c2": "21",
		} {
			got := f.want(f.do("GET", "/api/v2/events/export?"+span+query, "", as(viewerKey)), 200)
			if ids := customIDs(read(got)); ids != want {
				t.Errorf("%s: %q, want %q", query, ids, want)
			}
		}
		got := f.want(f.do("POST", "/api/v2/events/export", `{"start":0,"end":9999999999,"bodies":true}`, as(scopedKey)), 200)
		list := read(got)
		if customIDs(list) != "420" || list[0].(map[string]any)["request"] != "eyJhIjoxfQ==" || got.header.Get("Content-Disposition") != `attachment; filename="events.ndjson"` {
			t.Errorf("by body, in a scope: %s", got.text)
		}
	})
	t.Run("CSV has the same fields", func(t *testing.T) {
		bad := &gateway.Event{ID: uuid.NewString(), CreatedAt: f.clock().Add(time.Hour), KeyID: keyA, CustomID: `=HYPERLINK("x","y")`, UserID: "a,\"b\"\nc",
			Cost: -1, Tags: []string{"t,1", "t2"}, Usage: gateway.Usage{Images: 2}, Findings: map[string]int64{"email": 1}}
		if err := f.store.WriteEvents(t.Context(), []*gateway.Event{bad}); err != nil {
			t.Fatal(err)
		}
		got := f.want(f.do("GET", "/api/v2/events/export?format=csv&"+span, ""), 200)
		rows, err := csv.NewReader(strings.NewReader(got.text)).ReadAll()
		if err != nil || len(rows) != 7 {
			t.Fatalf("%d rows (%v), want 7: %s", len(rows), err, got.text)
		}
		cell := func(row int, name string) string {
			for i, n := range rows[0] {
				if n == name {
					return rows[row][i]
				}
			}
			return "no column " + name
		}
		for name, want := range map[string]string{
			"id": bad.ID, "created_at": strconv.FormatInt(bad.CreatedAt.Unix(), 10), "custom_id": `'=HYPERLINK("x","y")`, "user_id": "a,\"b\"\nc", "cost_in_usd": "-0.000000001",
			"tags": `["t,1","t2"]`, "units": `{"images":2}`, "streamed": "false", "request": "no column request", "metadata": "", "status": "0",
		} {
			if cell(1, name) != want {
				t.Errorf("%s is %q, want %q", name, cell(1, name), want)
			}
		}
		if cell(2, "metadata") != `{"n":1}` || cell(2, "cost_in_usd") != "0.123456789" || cell(2, "units") != `{"cache_write_1h_tokens":1}` {
			t.Errorf("the event before: %q", rows[2])
		}
		got = f.want(f.do("GET", "/api/v2/events/export?format=csv&bodies=true&customIds=c4&"+span, ""), 200)
		if !strings.Contains(got.text, "eyJhIjoxfQ==") {
			t.Errorf("no body in %s", got.text)
		}
	})
	t.Run("what cannot be is refused", func(t *testing.T) {
		for query, want := range map[string]string{"start=2&end=1": "start", span + "&format=xml": "format", span + "&limit=1": "limit"} {
			if p := f.want(f.do("GET", "/api/v2/events/export?"+query, ""), 400).pointers(); len(p) != 1 || p[0] != want {
				t.Errorf("%s: faults at %v, want %s", query, p, want)
			}
		}
		f.want(f.do("POST", "/api/v2/events/export", `{"start":2,"end":1}`), 400)
	})
}

// eventMaker is a store with as many events as are asked for, newest first.
type eventMaker struct {
	Store
	events int
	page   func(n int, ctx context.Context) error // called before each page
	pages  int
}

func (m *eventMaker) Events(ctx context.Context, f store.EventFilter) ([]*gateway.Event, int, error) {
	if m.pages++; m.page != nil {
		if err := m.page(m.pages, ctx); err != nil {
			return nil, 0, err
		}
	}
	at := m.events
	if f.Behind != nil {
		at = int(f.Behind.CreatedAt.Unix())
	}
	var list []*gateway.Event
	for range f.Limit {
		if at == 0 {
			break
		}
		at--
		list = append(list, &gateway.Event{ID: fmt.Sprint("e", at), CreatedAt: time.Unix(int64(at), 0), CustomID: strings.Repeat("x", 200)})
	}
	return list, 0, nil
}

func TestExportsTakeTheSameMemoryHoweverLong(t *testing.T) {
	if testing.Short() {
		t.Skip("under the race detector memory is not what it is")
	}
	const events = 200_000
	f := newFixture(t, func(o *Options) { o.Store = &eventMaker{Store: o.Store, events: events} })
	before := heapInUse()
	response := f.get(t, "/api/v2/events/export?format=csv&start=0&end=9999999999")
	most := before
	lines, size := 0, 0
	buffer := make([]byte, 64<<10)
	for reads := 0; ; reads++ {
		n, err := response.Body.Read(buffer)
		lines, size = lines+strings.Count(string(buffer[:n]), "\n"), size+n
		if reads%100 == 0 {
			most = max(most, heapInUse())
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if lines != events+1 {
		t.Errorf("%d lines, want %d", lines, events+1)
	}
	if took := most - before; took > uint64(size/3) {
		t.Errorf("%d bytes more in use while %d were sent", took, size)
	}
}

// heapInUse counts what is alive, and what others left since it was asked for.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAnExportThatBreaksOffDoesNotLookWhole(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Store = &eventMaker{Store: o.Store, events: 5000, page: func(n int, _ context.Context) error {
			if n == 3 {
				return &gateway.Error{Kind: gateway.Unavailable, Message: "gone"}
			}
			return nil
		}}
	})
	response := f.get(t, "/api/v2/events/export?start=0&end=9999999999")
	text, err := io.ReadAll(response.Body)
	if lines := strings.Count(string(text), "\n"); err == nil || lines > 2000 {
		t.Errorf("read %d lines without an error", lines)
	}
}

// get asks without reading the answer.
func (f *fixture) get(t *testing.T, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", f.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(keyHeader, adminKey)
	response, err := f.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	return response
}
