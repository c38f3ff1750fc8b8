package admin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const (
	reportPath  = "/api/reporting/events"
	byDayPath   = "/api/reporting/events-by-day"
	topKeysPath = "/api/reporting/top-keys"
)

// numbers are the sums of a data point, for comparison.
func numbers(point any) string {
	p, _ := point.(map[string]any)
	return strings.TrimSuffix(fmt.Sprintln(p["timeStamp"], p["numberOfRequests"], p["costInUsd"], p["latencyInMs"], p["promptTokenCount"], p["completionTokenCount"], p["successCount"],
		p["keyId"], p["model"], p["userId"], p["customId"]), "\n")
}

func wantPoints(t *testing.T, got answer, want ...string) {
	t.Helper()
	var points []string
	list, _ := got.at("dataPoints").([]any)
	for _, p := range list {
		points = append(points, numbers(p))
	}
	if !slices.Equal(points, want) {
		t.Errorf("data points\n%q\nwant\n%q", points, want)
	}
}

func TestReportEvents(t *testing.T) {
	f := newFixture(t)
	f.events(keyA, keyB)
	start := f.clock().Unix()
	body := func(more string) string {
		return fmt.Sprintf(`{"start":%d,"end":%d,"increment":120%s}`, start, start+300, more)
	}
	at := func(n int64) string { return fmt.Sprint(float64(start + n)) }

	t.Run("a series has a point for each increment", func(t *testing.T) {
		got := f.want(f.do("POST", reportPath, body(""), as(viewerKey)), 200)
		wantPoints(t, got,
			at(0)+" 2 1.111111101 321 16 32 2 <nil> <nil> <nil> <nil>",
			at(120)+" 2 0.617283945 321 16 32 2 <nil> <nil> <nil> <nil>",
			at(240)+" 1 0.123456789 160 8 16 1 <nil> <nil> <nil> <nil>")
		if got.at("latencyInMsMedian") != 160.4 || got.at("latencyInMs99th") != 160.4 {
			t.Errorf("percentiles %v, %v, want 160.4", got.at("latencyInMsMedian"), got.at("latencyInMs99th"))
		}
	})
	t.Run("filters are fields of the points", func(t *testing.T) {
		wantPoints(t, f.want(f.do("POST", reportPath, body(`,"filters":["model","keyId","userId","customId"],"customIds":["c0","c3"]`)), 200),
			at(0)+" 1 0.617283945 160 8 16 1 "+keyA+" gpt-4o-2024-08-06 u c0",
			at(120)+" 1 0.246913578 160 8 16 1 "+keyB+" gpt-4o-2024-08-06 u c3")
	})
	t.Run("only what is asked for is summed", func(t *testing.T) {
		for more, want := range map[string]float64{
			`,"keyIds":["` + keyB + `"]`: 2, `,"keyIds":["no id"]`: 0, `,"keyIds":["no id","` + keyA + `"]`: 3, `,"keyIds":[]`: 5,
			`,"tags":["team-a"]`: 3, `,"tags":["team-a","team-b"]`: 0, `,"userIds":["u"]`: 5, `,"userIds":["v"]`: 0,
			`,"models":["gpt-4o-2024-08-06"]`: 5, `,"models":["gpt-4o"]`: 0, `,"customIds":["c1","c2"],"tags":null`: 2,
		} {
			got := f.want(f.do("POST", reportPath, body(more)), 200)
			sum := 0.0
			for _, p := range got.at("dataPoints").([]any) {
				sum += p.(map[string]any)["numberOfRequests"].(float64)
			}
			if sum != want {
				t.Errorf("%s: %v requests, want %v", more, sum, want)
			}
		}
	})
	t.Run("a key with a tag scope sees its tags only", func(t *testing.T) {
		wantPoints(t, f.want(f.do("POST", reportPath, body(`,"filters":["keyId"]`), as(scopedKey)), 200),
			at(0)+" 1 0.617283945 160 8 16 1 "+keyA+" <nil> <nil> <nil>",
			at(120)+" 1 0.370370367 160 8 16 1 "+keyA+" <nil> <nil> <nil>",
			at(240)+" 1 0.123456789 160 8 16 1 "+keyA+" <nil> <nil> <nil>")
	})
	t.Run("what cannot be is refused", func(t *testing.T) {
		for body, want := range map[string][]string{
			`{}`:                                {"/end", "/increment", "/start"},
			`{"start":2,"end":1,"increment":1}`: {"/start"},
			`{"start":0,"end":1,"increment":0}`: {"/increment"},
			`{"start":0,"end":1,"increment":1,"filters":["tag"],"what":1}`: {"/filters/0", "/what"},
			`{"start":0,"end":100001,"increment":1}`:                       nil,
			`{"start":0,"end":253402300799,"increment":3600,"filters":[]}`: nil,
		} {
			got := f.want(f.do("POST", reportPath, body), 400)
			pointers := got.pointers()
			slices.Sort(pointers)
			if !slices.Equal(pointers, want) {
				t.Errorf("%s: %v, want %v: %s", body, pointers, want, got.text)
			}
		}
	})
}

func TestReportEventsByDay(t *testing.T) {
	f := newFixture(t)
	f.events(keyA, keyB)
	noon := f.clock()
	midnight := time.Date(noon.Year(), noon.Month(), noon.Day(), 0, 0, 0, 0, time.UTC)
	late := &gateway.Event{ID: uuid.NewString(), CreatedAt: midnight.Add(24*time.Hour - time.Microsecond), KeyID: keyA, Status: 500, Latency: time.Microsecond}
	next := &gateway.Event{ID: uuid.NewString(), CreatedAt: midnight.Add(24 * time.Hour), KeyID: keyA, Status: 200}
	if err := f.store.WriteEvents(t.Context(), []*gateway.Event{late, next}); err != nil {
		t.Fatal(err)
	}
	got := f.want(f.do("POST", byDayPath, fmt.Sprintf(`{"start":%d,"end":%d}`, noon.Unix(), noon.Add(time.Hour).Unix())), 200)
	wantPoints(t, got, fmt.Sprint(float64(midnight.Unix()))+" 6 1.851851835 802 40 80 5 <nil> <nil> <nil> <nil>")
	got = f.want(f.do("POST", byDayPath, fmt.Sprintf(`{"start":%d,"end":%d,"filters":["keyId"],"keyIds":["%s"]}`, midnight.Unix(), midnight.Unix()+86401, keyA)), 200)
	wantPoints(t, got,
		fmt.Sprint(float64(midnight.Unix()))+" 4 1.111111101 481 24 48 3 "+keyA+" <nil> <nil> <nil>",
		fmt.Sprint(float64(midnight.Unix()+86400))+" 1 0 0 0 0 1 "+keyA+" <nil> <nil> <nil>")
	wantPoints(t, f.want(f.do("POST", byDayPath, `{"start":5,"end":5}`), 200))
	f.want(f.do("POST", byDayPath, `{"start":5,"end":5,"increment":1}`), 400)
}

func TestTopKeys(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	a := f.key(setting, `"tags":["team-a"]`).str("keyId")
	b := f.key(setting, `"tags":["team-b"]`).str("keyId")
	idle := f.key(setting, `"tags":["team-a"]`).str("keyId")
	f.want(f.do("PATCH", keysPath+"/"+a, `{"name":"Alpha"}`), 200)
	f.events(a, b)
	start := f.clock().Unix()
	for more, want := range map[string][]string{
		"":                               {a, b, idle},
		`,"order":"desc"`:                {a, b, idle},
		`,"order":"asc"`:                 {idle, b, a},
		`,"limit":1,"offset":1`:          {b},
		`,"name":"ALP"`:                  {a},
		`,"tags":["team-a"]`:             {a, idle},
		`,"keyIds":["` + b + `","x"]`:    {b},
		`,"keyIds":["x"]`:                nil,
		`,"revoked":true`:                nil,
		`,"revoked":false,"keyIds":null`: {a, b, idle},
	} {
		var got []string
		for _, k := range f.want(f.do("POST", topKeysPath, fmt.Sprintf(`{"start":%d,"end":%d%s}`, start, start+240, more), as(viewerKey)), 200).list() {
			got = append(got, k.(map[string]any)["keyId"].(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: keys %v, want %v", more, got, want)
		}
	}
	got := f.want(f.do("POST", topKeysPath, fmt.Sprintf(`{"start":%d,"end":%d}`, start, start+240), as(scopedKey)), 200)
	if len(got.list()) != 2 || got.at(0, "costInUsd") != 0.987654312 || got.at(0, "name") != "Alpha" || got.at(1, "costInUsd") != 0.0 {
		t.Errorf("a scoped key sees %s", got.text)
	}
	f.want(f.do("POST", topKeysPath, `{"start":2,"end":1}`), 400)
	f.want(f.do("POST", topKeysPath, `{"start":2}`), 400)
}

func TestSeenIDs(t *testing.T) {
	f := newFixture(t)
	f.events(keyA, keyB)
	for path, want := range map[string]string{
		"user-ids?keyId=" + keyA:                    `["u"]`,
		"users-ids?keyId=" + keyA:                   `["u"]`,
		"custom-ids?keyId=" + keyA:                  `["c0","c2","c4"]`,
		"custom-ids?limit=1&after=c0&keyId=" + keyA: `["c2"]`,
		"custom-ids?keyId=unknown":                  `[]`,
	} {
		if got := f.want(f.do("GET", "/api/reporting/"+path, "", as(viewerKey)), 200); got.text != want+"\n" {
			t.Errorf("%s: %s, want %s", path, got.text, want)
		}
	}
	if got := f.want(f.do("GET", "/api/reporting/custom-ids?keyId="+keyB, "", as(scopedKey)), 200); len(got.list()) != 0 {
		t.Errorf("a scoped key sees %s", got.text)
	}
	for _, query := range []string{"", "?keyId=", "?keyId=a&keyId=b", "?keyId=a&limit=1001"} {
		f.want(f.do("GET", "/api/reporting/user-ids"+query, ""), 400)
	}
}
