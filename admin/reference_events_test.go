package admin

import (
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const referenceEventFields = "id string, created_at int, tags []string, key_id string, cost_in_usd float, model string, provider string, status int, " +
	"prompt_token_count int, completion_token_count int, latency_in_ms int, path string, method string, custom_id string, request bytes, response bytes"

func referenceEvents() []referenceRow {
	point := "timeStamp int, numberOfRequests int, costInUsd float, latencyInMs int, promptTokenCount int, completionTokenCount int, successCount int, " +
		"keyId string, model string, customId string"
	return []referenceRow{
		{title: "Retrieve Metrics", method: "POST", path: reportPath, body: words("keyIds tags customIds filters start end increment"),
			answer: append(fields("dataPoints []object, latencyInMsMedian float, latencyInMs99th float"), prefixed("dataPoints[].", fields(point))...), test: referenceMetrics},
		{title: "Get events", method: "GET", path: "/api/events", query: words("customId keyIds start end"), answer: fields(referenceEventFields), test: referenceListEvents},
		{title: "Get events V2", method: "GET", path: "/api/v2/events",
			query:  words("userIds customIds keyIds tags start end limit offset policyIds actions costOrder dateOrder returnCount"),
			answer: append(fields("events []object, count int"), prefixed("events[].", fields(referenceEventFields))...), test: referenceSearchEvents},
		{title: "Get user ids", method: "GET", path: "/api/reporting/users-ids", query: words("keyId"), test: func(r *reference) {
			r.referenceEvent(1, nil)
			r.same("user ids", r.call("", "?keyId="+keyA, "").body, []any{"user1"})
			r.same("by the other spelling", r.want(r.do("GET", "/api/reporting/user-ids?keyId="+keyA, ""), 200).body, []any{"user1"})
			r.same("of another key", r.call("", "?keyId="+keyB, "").body, []any{})
		}},
		{title: "Get custom ids", method: "GET", path: "/api/reporting/custom-ids", query: words("keyId"), test: func(r *reference) {
			r.referenceEvent(1, nil)
			r.same("custom ids", r.call("", "?keyId="+keyA, "").body, []any{"YOUR_CUSTOM_ID"})
			r.same("of another key", r.call("", "?keyId="+keyB, "").body, []any{})
		}},
	}
}

// referenceEvent writes the event of the reference's example and returns its id.
func (r *reference) referenceEvent(n int, change func(*gateway.Event)) string {
	r.t.Helper()
	e := &gateway.Event{ID: fmt.Sprintf("0b7d3f5e-6c1a-4e2b-9f8d-2a4c6e8b0d%02d", n), CreatedAt: r.clock(), Tags: []string{"YOUR_TAG"}, KeyID: keyA,
		Cost: 400_000, PriceStatus: gateway.Priced, RequestModel: "gpt-4-1105-preview", Provider: "openai", Status: 200,
		Usage: gateway.Usage{InputTokens: 8, OutputTokens: 16}, Latency: 160 * time.Millisecond, Path: "/api/providers/openai/v1/chat/completions", Method: "POST",
		CustomID: "YOUR_CUSTOM_ID", UserID: "user1", PolicyID: "policy1", Action: "allowed", Request: []byte("{}"), Response: []byte("{}")}
	if change != nil {
		change(e)
	}
	if err := r.store.WriteEvents(r.t.Context(), []*gateway.Event{e}); err != nil {
		r.t.Fatal(err)
	}
	return e.ID
}

// referenceEventWant is what that event looks like; e30= is {} in base64.
const referenceEventWant = `{"created_at":1772366400,"tags":["YOUR_TAG"],"key_id":"11111111-1111-4111-8111-111111111111","cost_in_usd":0.0004,"model":"gpt-4-1105-preview",` +
	`"provider":"openai","status":200,"prompt_token_count":8,"completion_token_count":16,"latency_in_ms":160,"path":"/api/providers/openai/v1/chat/completions",` +
	`"method":"POST","custom_id":"YOUR_CUSTOM_ID","request":"e30=","response":"e30="}`

func referenceListEvents(r *reference) {
	id := r.referenceEvent(1, nil)
	r.referenceEvent(2, func(e *gateway.Event) { e.KeyID, e.CustomID = keyB, "other" })
	got := r.call("", "?customId=YOUR_CUSTOM_ID", "")
	r.same("by custom id", ids(got.body, "id"), []string{id})
	r.shows(got.at(0), referenceEventWant)
	span := "&start=1772366400&end=1772366401"
	r.same("by key", ids(r.call("", "?keyIds="+keyA+span, "").body, "id"), []string{id})
	r.same("of no time", len(r.call("", "?keyIds="+keyA+"&start=1772366401&end=1772366402", "").list()), 0)
	r.want(r.do("GET", "/api/events?keyIds="+keyA, ""), 400) // start and end are required then
}

func referenceSearchEvents(r *reference) {
	id := r.referenceEvent(1, nil)
	r.advance(time.Second)
	other := r.referenceEvent(2, func(e *gateway.Event) {
		e.KeyID, e.CustomID, e.UserID, e.Tags, e.PolicyID, e.Action, e.Cost = keyB, "other", "user2", []string{"other"}, "policy2", "blocked", 100_000
	})
	const span = "?start=1772366400&end=1772366402"
	got := r.call("", span+"&userIds=user1&customIds=YOUR_CUSTOM_ID&keyIds="+keyA+"&tags=YOUR_TAG&policyIds=policy1&actions=allowed&limit=100&offset=0&costOrder=asc&dateOrder=desc&returnCount=true", "")
	r.same("by everything", ids(got.at("events"), "id"), []string{id})
	r.shows(got.body, `{"count":1}`)
	r.shows(got.at("events", 0), referenceEventWant)
	for query, want := range map[string][]string{
		"": {other, id}, "&dateOrder=asc": {id, other}, "&costOrder=asc": {other, id}, "&costOrder=desc": {id, other},
		"&limit=1": {other}, "&limit=1&offset=1": {id},
		"&userIds=user2": {other}, "&customIds=other": {other}, "&keyIds=" + keyB: {other}, "&tags=other": {other}, "&policyIds=policy2": {other}, "&actions=blocked": {other},
		"&actions=redacted": nil, "&userIds=user1,user2": {other, id}, "&keyIds=" + keyA + "&keyIds=" + keyB: {other, id},
	} {
		r.same(query, ids(r.call("", span+query, "").at("events"), "id"), want)
	}
	r.want(r.do("GET", "/api/v2/events", ""), 400) // start and end are required
}

func referenceMetrics(r *reference) {
	r.referenceEvent(1, nil)
	r.referenceEvent(2, func(e *gateway.Event) { e.Status, e.Latency, e.Cost = 429, 40*time.Millisecond, 0 })
	r.advance(time.Minute)
	r.referenceEvent(3, func(e *gateway.Event) { e.KeyID, e.RequestModel = keyB, "gpt-3.5-turbo" })
	body := func(filters, more string) string {
		return `{"start":1772366400,"end":1772366520,"increment":60,"filters":[` + filters + `]` + more + `}`
	}
	got := r.call("", "", body(`"model","keyId","customId"`, `,"keyIds":["`+keyA+`"],"tags":["YOUR_TAG"],"customIds":["YOUR_CUSTOM_ID"]`))
	r.same("data points", len(ids(got.at("dataPoints"), "model")), 1)
	r.shows(got.body, `{"latencyInMsMedian":40,"latencyInMs99th":160}`)
	r.shows(got.at("dataPoints", 0), `{"timeStamp":1772366400,"numberOfRequests":2,"costInUsd":0.0004,"latencyInMs":200,"promptTokenCount":16,"completionTokenCount":32,
		"successCount":1,"keyId":"`+keyA+`","model":"gpt-4-1105-preview","customId":"YOUR_CUSTOM_ID"}`)
	got = r.call("", "", body("", `,"keyIds":[],"tags":[],"customIds":[]`)) // empty ones filter nothing
	r.shows(got.at("dataPoints", 0), `{"timeStamp":1772366400,"numberOfRequests":2}`)
	r.shows(got.at("dataPoints", 1), `{"timeStamp":1772366460,"numberOfRequests":1,"costInUsd":0.0004}`)
	r.same("by user", r.call("", "", body(`"userId"`, "")).at("dataPoints", 0, "userId"), "user1")
	r.want(r.do("POST", reportPath, `{"start":1,"end":2}`), 400) // increment is required
}
