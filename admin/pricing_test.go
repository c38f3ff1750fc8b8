package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func TestPriceOfAModel(t *testing.T) {
	f := newFixture(t)
	got := f.want(f.do("GET", "/api/pricing/models/gpt-4o-2099-01-01?provider=openai", ""), 200)
	if got.str("model") != "gpt-4o" || got.str("source") != "embedded" || got.at("prices", "input_cost_per_token") != 2.5e-06 || got.at("maxOutputTokens") != 16384. {
		t.Errorf("gpt-4o: %s", got.text)
	}
	if !strings.Contains(got.text, `"input_cost_per_token":0.0000025`) {
		t.Errorf("a price is not spelled exactly: %s", got.text)
	}
	// A name with slashes, as it is and escaped.
	for _, path := range []string{"deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct", "deepinfra%2Fmeta-llama%2FMeta-Llama-3.1-8B-Instruct"} {
		if got := f.want(f.do("GET", "/api/pricing/models/"+path, ""), 200); got.str("provider") != "deepinfra" {
			t.Errorf("%s: %s", path, got.text)
		}
	}
	f.want(f.do("GET", "/api/pricing/models/no-such-model", ""), 404)
	f.want(f.do("GET", "/api/pricing/models/gpt-4o?provider=a-custom-one", ""), 404) // the list is not about those
	f.want(f.do("GET", "/api/pricing/models/", ""), 404)
	f.want(f.do("GET", "/api/pricing/models/gpt-4o", "", as(scopedKey)), 403)
}

func TestPriceList(t *testing.T) {
	f := newFixture(t)
	all := f.want(f.do("GET", "/api/pricing?limit=2", ""), 200)
	if n, _ := all.at("count").(float64); n < 4400 || len(all.at("prices").([]any)) != 2 {
		t.Errorf("count %v of %s", n, all.text)
	}
	next := f.want(f.do("GET", "/api/pricing?limit=1&offset=1", ""), 200)
	if next.at("prices", 0, "model") != all.at("prices", 1, "model") {
		t.Errorf("second page begins with %v, want %v", next.at("prices", 0, "model"), all.at("prices", 1, "model"))
	}
	for _, p := range f.want(f.do("GET", "/api/pricing?model=CLAUDE-sonnet-4-5&provider=anthropic", ""), 200).at("prices").([]any) {
		o := p.(map[string]any)
		if o["provider"] != "anthropic" || !strings.HasPrefix(o["model"].(string), "claude-sonnet-4-5") {
			t.Errorf("filtered: %v", o)
		}
	}
	f.want(f.do("PUT", "/api/pricing/models/gpt-4o", `{"prices":{"input_cost_per_token":1e-6,"output_cost_per_token":2e-6}}`), 200)
	got := f.want(f.do("GET", "/api/pricing?source=override", ""), 200)
	if got.at("count") != 1. || got.at("prices", 0, "model") != "gpt-4o" {
		t.Errorf("overrides in the list: %s", got.text)
	}
	if got := f.want(f.do("GET", "/api/pricing?model=gpt-4o&source=embedded", ""), 200); strings.Contains(got.text, `"model":"gpt-4o",`) {
		t.Errorf("the price that was replaced is still listed: %s", got.text)
	}
}

func TestPriceOverrides(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	now := f.clock().Unix()
	const models = "/api/pricing/models/org/my-model"
	put := func(path, body string) answer { t.Helper(); return f.want(f.do("PUT", path, body), 200) }
	input := func(query string) any {
		t.Helper()
		got := f.do("GET", models+query, "")
		return got.at("prices", "input_cost_per_token")
	}
	global := put(models, `{"prices":{"input_cost_per_token":1e-6,"output_cost_per_token":0},"maxInputTokens":1000,"maxOutputTokens":500}`)
	if global.at("effectiveFrom") != float64(now) || global.str("settingId") != "" || global.at("maxInputTokens") != 1000. {
		t.Errorf("override: %s", global.text)
	}
	put(models, fmt.Sprintf(`{"prices":{"input_cost_per_token":9e-6,"output_cost_per_token":0},"effectiveFrom":%d}`, now+100))
	own := put("/api/pricing/settings/"+setting+"/models/org/my-model", `{"prices":{"input_cost_per_token":0,"output_cost_per_token":0},"effectiveFrom":0}`)
	for query, want := range map[string]any{
		"": 1e-06, fmt.Sprintf("?at=%d", now-1): nil, fmt.Sprintf("?at=%d", now+100): 9e-06, fmt.Sprintf("?at=%d", now+99): 1e-06,
		"?settingId=" + setting: 0., fmt.Sprintf("?at=1&settingId=%s", setting): 0.,
	} {
		if got := input(query); got != want {
			t.Errorf("input price with %q is %v, want %v", query, got, want)
		}
	}
	f.advance(100 * time.Second)
	if got := input(""); got != 9e-06 {
		t.Errorf("after its moment came the future price is not in force: %v", got)
	}

	// The same moment again replaces; an answer can be sent back.
	again := put(models, global.text)
	if again.str("id") != global.str("id") {
		t.Errorf("sent back: %s, was %s", again.text, global.text)
	}
	list := f.want(f.do("GET", "/api/pricing/overrides?models=org/my-model", ""), 200)
	if len(list.list()) != 3 || len(f.want(f.do("GET", "/api/pricing/overrides?settingIds="+setting, ""), 200).list()) != 1 {
		t.Errorf("overrides: %s", list.text)
	}
	if got := f.want(f.do("GET", "/api/pricing/overrides/"+own.str("id"), ""), 200); got.str("settingId") != setting {
		t.Errorf("override: %s", got.text)
	}
	f.want(f.do("DELETE", "/api/pricing/overrides/"+own.str("id"), ""), 200)
	f.want(f.do("DELETE", "/api/pricing/overrides/"+own.str("id"), ""), 404)
	if got := input("?settingId=" + setting); got != 9e-06 {
		t.Errorf("after the deletion: %v", got)
	}
	f.want(f.do("PUT", "/api/pricing/settings/98daa3ae-961d-4253-bf6a-322a32fdca3d/models/m", `{"prices":{"input_cost_per_query":1}}`), 404)

	// Every write was put in force, and who did not follow is named.
	f.late = []string{"processor-9"}
	if got := put(models, `{"prices":{"input_cost_per_query":0.5}}`); got.at("unacknowledged", 0) != "processor-9" {
		t.Errorf("unacknowledged: %s", got.text)
	}
	revision, err := f.store.Revision(t.Context())
	if err != nil || f.applied[len(f.applied)-1] != revision {
		t.Errorf("applied %v, last revision %d (%v)", f.applied, revision, err)
	}
}

func TestPriceOverrideRefused(t *testing.T) {
	f := newFixture(t)
	for name, tc := range map[string]struct {
		body     string
		pointers []string
	}{
		"negative":            {`{"prices":{"input_cost_per_token":-1e-6,"output_cost_per_token":0}}`, []string{"/prices/input_cost_per_token"}},
		"finer than 1e-15":    {`{"prices":{"input_cost_per_token":1e-16,"output_cost_per_token":0}}`, []string{"/prices/input_cost_per_token"}},
		"1.5e-15":             {`{"prices":{"input_cost_per_token":1.5e-15,"output_cost_per_token":0}}`, []string{"/prices/input_cost_per_token"}},
		"too dear":            {`{"prices":{"input_cost_per_token":1e5,"output_cost_per_token":0}}`, []string{"/prices/input_cost_per_token"}},
		"text":                {`{"prices":{"input_cost_per_token":"1","output_cost_per_token":0}}`, []string{"/prices/input_cost_per_token"}},
		"null":                {`{"prices":{"input_cost_per_token":null,"output_cost_per_token":0}}`, []string{"/prices/input_cost_per_token"}},
		"unknown prices":      {`{"prices":{"input_cost":1,"output/cost":0}}`, []string{"/prices/input_cost", "/prices/output~1cost"}},
		"not a price":         {`{"prices":{"mode":1,"max_input_tokens":1,"search_context_cost_per_query":1,"input_cost_per_pixel":1}}`, []string{"/prices/input_cost_per_pixel", "/prices/max_input_tokens", "/prices/mode", "/prices/search_context_cost_per_query"}},
		"output left out":     {`{"prices":{"input_cost_per_token":1}}`, []string{"/prices/output_cost_per_token"}},
		"input left out":      {`{"prices":{"output_cost_per_token_priority":1,"output_cost_per_token":1}}`, []string{"/prices/input_cost_per_token"}},
		"tier only":           {`{"prices":{"input_cost_per_token_priority":1,"output_cost_per_token_priority":1}}`, []string{"/prices/input_cost_per_token"}},
		"no price":            {`{"prices":{}}`, []string{"/prices"}},
		"no prices":           {`{}`, []string{"/prices"}},
		"no object":           {`{"prices":[]}`, []string{"/prices"}},
		"twice":               {`{"prices":{"input_cost_per_query":1,"input_cost_per_query":2}}`, []string{"/prices/input_cost_per_query"}},
		"unknown field":       {`{"prices":{"input_cost_per_query":1},"price":1}`, []string{"/price"}},
		"before time":         {`{"prices":{"input_cost_per_query":1},"effectiveFrom":-1}`, []string{"/effectiveFrom"}},
		"no maximum":          {`{"prices":{"input_cost_per_query":1},"maxInputTokens":0}`, []string{"/maxInputTokens"}},
		"huge exponent":       {`{"prices":{"input_cost_per_query":1e999999999}}`, []string{"/prices/input_cost_per_query"}},
		"too many digits":     {`{"prices":{"input_cost_per_query":0.1234567890123456789012345}}`, []string{"/prices/input_cost_per_query"}},
		"a size that is none": {`{"prices":{"input_cost_per_token_above_xk_tokens":1}}`, []string{"/prices/input_cost_per_token_above_xk_tokens"}},
	} {
		got := f.do("PUT", "/api/pricing/models/m", tc.body)
		if got.status != 400 || !slices.Equal(got.pointers(), tc.pointers) {
			t.Errorf("%s: %d %s, want faults at %v", name, got.status, got.text, tc.pointers)
		}
	}
	for _, model := range []string{strings.Repeat("x", 257), "a%00b", "a%0Ab", "%FF"} {
		if got := f.do("PUT", "/api/pricing/models/"+model, `{"prices":{"input_cost_per_query":1}}`); got.status != 404 {
			t.Errorf("model %.20q: %d", model, got.status)
		}
	}
	if got := f.want(f.do("GET", "/api/pricing/overrides", ""), 200); len(got.list()) != 0 {
		t.Errorf("something was kept: %s", got.text)
	}
	// As fine as it goes, free, with every suffix, and other units alone.
	for _, body := range []string{
		`{"prices":{"input_cost_per_token":0.000000000000001,"output_cost_per_token":1e-15}}`, `{"prices":{"input_cost_per_token":0,"output_cost_per_token":0.0}}`,
		`{"prices":{"input_cost_per_token":1e-6,"output_cost_per_token":2E-6,"cache_creation_input_token_cost_above_1hr_above_200k_tokens_priority":1e-5}}`,
		`{"prices":{"output_cost_per_image":0.04}}`, `{"prices":{"web_search_cost_per_query":0.01}}`,
	} {
		f.want(f.do("PUT", "/api/pricing/models/m", body), 200)
	}
}

func TestPricePolicy(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.UnknownPrice = gateway.AllowUnknownPrice })
	check := func(got answer, policy, source string) {
		t.Helper()
		if f.want(got, 200); got.str("unknownPricePolicy") != policy || got.str("source") != source {
			t.Errorf("%s, want %s from %s", got.text, policy, source)
		}
	}
	const path = "/api/pricing/policy"
	check(f.do("GET", path, ""), "allow", "variable")
	check(f.do("PUT", path, `{"unknownPricePolicy":"deny","source":"variable"}`), "deny", "stored")
	check(f.do("GET", path, "", as(viewerKey)), "deny", "stored")
	if len(f.applied) != 1 {
		t.Errorf("applied %v", f.applied)
	}
	check(f.do("PUT", path, `{"unknownPricePolicy":null}`), "allow", "variable")
	for _, body := range []string{`{}`, `{"unknownPricePolicy":"maybe"}`, `{"unknownPricePolicy":""}`, `{"policy":"deny"}`} {
		f.want(f.do("PUT", path, body), 400)
	}
}

func TestRerate(t *testing.T) {
	var told []*gateway.Event
	var fails error
	f := newFixture(t, func(o *Options) {
		o.Corrections = func(_ context.Context, events []*gateway.Event) error { told = append(told, events...); return fails }
	})
	start := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	event := func(id string, second int, change func(*gateway.Event)) *gateway.Event {
		e := &gateway.Event{ID: id, CreatedAt: start.Add(time.Duration(second) * time.Second), KeyID: "k", Provider: "openai", Operation: "chat",
			RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", Usage: gateway.Usage{InputTokens: 1000, OutputTokens: 100},
			Cost: 3_500_000, PriceStatus: gateway.Priced, Status: 200}
		change(e)
		return e
	}
	events := []*gateway.Event{
		event("00000000-0000-0000-0000-000000000001", 1, func(*gateway.Event) {}),
		event("00000000-0000-0000-0000-000000000002", 2, func(e *gateway.Event) {
			e.RequestModel, e.ResponseModel, e.Cost, e.PriceStatus = "in-house", "", 0, gateway.Unpriced
		}),
		event("00000000-0000-0000-0000-000000000003", 3, func(e *gateway.Event) { e.Usage, e.Estimated, e.Cost = gateway.Usage{}, true, 77 }),
		event("00000000-0000-0000-0000-000000000004", 4, func(e *gateway.Event) { e.PriceTerms, e.Cost = "priority", 5_950_000 }),
		event("00000000-0000-0000-0000-000000000005", 9, func(*gateway.Event) {}), // outside
	}
	if err := f.store.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"from":%d,"to":%d`, start.Unix(), start.Unix()+9)
	// By the list's prices nothing differs: 1000 x 2500 + 100 x 10000, and at
	// priority 1000 x 4250 + 100 x 17000.
	got := f.want(f.do("POST", "/api/pricing/rerate", body+"}"), 200)
	if got.at("total", "count") != 4. || got.at("total", "kept") != 2. || got.at("total", "difference") != 0. || got.at("applied") != false {
		t.Errorf("with the same prices: %s", got.text)
	}
	// From second 2 on gpt-4o costs twice as much, and in-house has a price.
	for model, prices := range map[string]string{
		"gpt-4o":   `"input_cost_per_token":5e-6,"output_cost_per_token":2e-5,"input_cost_per_token_priority":8.5e-6,"output_cost_per_token_priority":3.4e-5`,
		"in-house": `"input_cost_per_token":1e-6,"output_cost_per_token":0`,
	} {
		f.want(f.do("PUT", "/api/pricing/models/"+model, fmt.Sprintf(`{"prices":{%s},"effectiveFrom":%d}`, prices, start.Unix()+2)), 200)
	}
	want := []any{
		map[string]any{"model": "gpt-4o-2024-08-06", "provider": "openai", "count": 3., "kept": 1., "changed": 1., "booked": 0.009450077, "recomputed": 0.015400077, "difference": 0.00595},
		map[string]any{"model": "in-house", "provider": "openai", "count": 1., "kept": 0., "changed": 1., "booked": 0., "recomputed": 0.001, "difference": 0.001},
	}
	dry := f.want(f.do("POST", "/api/pricing/rerate", body+"}"), 200)
	if diff := cmp.Diff(want, dry.at("models")); diff != "" || len(told) != 0 {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	spent := func() gateway.NanoUSD {
		sum, err := f.store.Spend(t.Context(), gateway.KeyAccount("k"), start, start.Add(9*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if spent() != 9_450_077 {
		t.Fatalf("a dry run booked something: %d", spent())
	}
	f.want(f.do("POST", "/api/pricing/rerate", body+`,"apply":true}`, as(viewerKey)), 403)
	applied := f.want(f.do("POST", "/api/pricing/rerate", body+`,"apply":true}`), 200)
	if diff := cmp.Diff(want, applied.at("models")); diff != "" || applied.at("applied") != true || applied.at("total", "difference") != 0.00695 {
		t.Errorf("applied %s (-want +got):\n%s", applied.text, diff)
	}
	if spent() != 16_400_077 || len(told) != 2 || told[0].Cost+told[1].Cost != 6_950_000 {
		t.Errorf("spent %d, told of %d", spent(), len(told))
	}
	// Shown among the events, at the original's time.
	shown := f.want(f.do("GET", fmt.Sprintf("/api/v2/events?start=%d&end=%d", start.Unix()+4, start.Unix()+5), ""), 200)
	if !strings.Contains(shown.text, `"operation":"correction"`) || !strings.Contains(shown.text, `"correlation_id":"00000000-0000-0000-0000-000000000004"`) {
		t.Errorf("events: %s", shown.text)
	}
	again := f.want(f.do("POST", "/api/pricing/rerate", body+`,"apply":true}`), 200)
	if again.at("total", "difference") != 0. || again.at("total", "booked") != 0.016400077 || len(told) != 2 {
		t.Errorf("a second time: %s", again.text)
	}
	// Cheaper after all, and who counts cannot be told.
	f.want(f.do("PUT", "/api/pricing/models/in-house", fmt.Sprintf(`{"prices":{"input_cost_per_token":0,"output_cost_per_token":0},"effectiveFrom":%d}`, start.Unix()+2)), 200)
	fails = errors.New("away")
	if got := f.want(f.do("POST", "/api/pricing/rerate", body+`,"apply":true}`), 200); got.at("total", "difference") != -0.001 || got.at("unacknowledged", 0) != "limits" {
		t.Errorf("cheaper: %s", got.text)
	}
	if spent() != 15_400_077 {
		t.Errorf("spent %d", spent())
	}
	for _, bad := range []string{`{"from":2,"to":1}`, `{"from":1}`, `{"from":"2026-01-01","to":1}`, `{"from":1,"to":2,"dry":true}`} {
		f.want(f.do("POST", "/api/pricing/rerate", bad), 400)
	}
}

// TestRerateGoesThroughAllPages has more events than one page.
func TestRerateGoesThroughAllPages(t *testing.T) {
	f := newFixture(t)
	start := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	var events []*gateway.Event
	for i := range ratePage + ratePage/2 {
		events = append(events, &gateway.Event{ID: fmt.Sprintf("00000000-0000-0000-0000-%012d", i), CreatedAt: start.Add(time.Duration(i/7) * time.Second), KeyID: "k",
			Provider: "openai", RequestModel: "gpt-4o", Usage: gateway.Usage{InputTokens: 1}, Cost: 2_000, PriceStatus: gateway.Priced})
	}
	if err := f.store.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	got := f.want(f.do("POST", "/api/pricing/rerate", fmt.Sprintf(`{"from":%d,"to":%d,"apply":true}`, start.Unix(), start.Unix()+3600)), 200)
	if got.at("total", "changed") != 750. || got.at("total", "difference") != 0.000375 {
		t.Errorf("%s", got.text)
	}
	if n, total, err := f.store.Events(t.Context(), store.EventFilter{Count: true, Limit: 1}); err != nil || total != 1500 {
		t.Errorf("%d events (%v), %d read", total, err, len(n))
	}
}
