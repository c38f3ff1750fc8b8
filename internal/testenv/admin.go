package testenv

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Object is JSON for the admin API.
type Object = map[string]any

// Call sends a request to the admin API and returns the status and the body.
func (g *Gateway) Call(method, path string, body any) (int, []byte) {
	g.t.Helper()
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			g.t.Fatal(err)
		}
		reader = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, "http://"+g.Admin+path, reader)
	if err != nil {
		g.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, b
}

// Do is Call for a request that must succeed; it returns the decoded object.
func (g *Gateway) Do(method, path string, body any) Object {
	g.t.Helper()
	status, b := g.Call(method, path, body)
	if status != http.StatusOK {
		g.t.Fatalf("%s %s: got %d %s", method, path, status, b)
	}
	var o Object
	if err := json.Unmarshal(b, &o); err != nil {
		g.t.Fatalf("%s %s: %v in %s", method, path, err, b)
	}
	return o
}

// CreateSetting makes a provider setting that leads to upstream, and returns
// its id. More members may be given; they go on top.
func (g *Gateway) CreateSetting(provider, credential, upstream string, more Object) string {
	g.t.Helper()
	body := Object{"provider": provider, "setting": Object{"apikey": credential, "url": upstream}}
	for k, v := range more {
		body[k] = v
	}
	id, _ := g.Do(http.MethodPost, "/api/provider-settings", body)["id"].(string)
	return id
}

// Key is a Bricks key made for a test.
type Key struct{ ID, Secret string }

// CreateKey makes a key for the settings; its secret is the server's unless
// more holds a "key".
func (g *Gateway) CreateKey(settings []string, more Object) Key {
	g.t.Helper()
	body := Object{"name": g.t.Name(), "settingIds": settings}
	for k, v := range more {
		body[k] = v
	}
	o := g.Do(http.MethodPut, "/api/key-management/keys", body)
	k := Key{}
	k.ID, _ = o["keyId"].(string)
	if k.Secret, _ = o["key"].(string); k.Secret == "" {
		k.Secret, _ = body["key"].(string)
	}
	return k
}

// Event is an event as the admin API shows it.
type Event struct {
	ID               string      `json:"id"`
	KeyID            string      `json:"key_id"`
	SettingID        string      `json:"setting_id"`
	Cost             json.Number `json:"cost_in_usd"` // as spelled, so that money is compared exactly
	Model            string      `json:"model"`
	Provider         string      `json:"provider"`
	Status           int         `json:"status"`
	InputTokens      int64       `json:"prompt_token_count"`
	OutputTokens     int64       `json:"completion_token_count"`
	CachedTokens     int64       `json:"cached_token_count"`
	CacheWriteTokens int64       `json:"cache_write_token_count"`
	ReasoningTokens  int64       `json:"reasoning_token_count"`
	LatencyInMs      int64       `json:"latency_in_ms"`
	Path             string      `json:"path"`
	Method           string      `json:"method"`
	CustomID         string      `json:"custom_id"`
	UserID           string      `json:"user_id"`
	Request          []byte      `json:"request"`
	Response         []byte      `json:"response"`
	Operation        string      `json:"operation"`
	Action           string      `json:"action"`
	Streamed         bool        `json:"streamed"`
	Estimated        bool        `json:"estimated"`
	Incomplete       bool        `json:"incomplete"`
	PriceStatus      string      `json:"price_status"`
	PriceTerms       string      `json:"price_terms"`
	CorrelationID    string      `json:"correlation_id"`
	RefusalCode      string      `json:"refusal_code"`
	RouteID          string      `json:"route_id"`
	Attempts         int         `json:"attempts"`
	RefusedCount     int         `json:"refused_count"`
	PolicyID         string      `json:"policy_id"`

	Findings map[string]int64 `json:"policy_findings"`
}

// Events returns all events of the last hour that the filter ("keyIds",
// "customIds", …) finds, newest first, over as many pages as there are.
func (g *Gateway) Events(filter url.Values) []Event {
	g.t.Helper()
	const pageSize = 1000
	q := url.Values{}
	for k, v := range filter {
		q[k] = v
	}
	now := time.Now()
	q.Set("start", strconv.FormatInt(now.Add(-time.Hour).Unix(), 10))
	q.Set("end", strconv.FormatInt(now.Add(time.Hour).Unix(), 10))
	q.Set("limit", strconv.Itoa(pageSize))
	var all []Event
	for {
		q.Set("offset", strconv.Itoa(len(all)))
		status, b := g.Call(http.MethodGet, "/api/v2/events?"+q.Encode(), nil)
		var page struct{ Events []Event }
		if err := json.Unmarshal(b, &page); status != http.StatusOK || err != nil {
			g.t.Fatalf("events: got %d %s, %v", status, b, err)
		}
		all = append(all, page.Events...)
		if len(page.Events) < pageSize {
			return all
		}
	}
}

// AwaitEvents waits until the key has at least n events and returns them,
// newest first.
func (g *Gateway) AwaitEvents(key Key, n int) []Event {
	g.t.Helper()
	var events []Event
	Eventually(g.t, 10*time.Second, strconv.Itoa(n)+" events of key "+key.ID, func() bool {
		events = g.Events(url.Values{"keyIds": {key.ID}})
		return len(events) >= n
	})
	return events
}

// AwaitEvent waits for the event with the id that an answer's
// x-bricks-event-id header named.
func (g *Gateway) AwaitEvent(key Key, id string) Event {
	g.t.Helper()
	var found Event
	Eventually(g.t, 10*time.Second, "event "+id, func() bool {
		for _, e := range g.Events(url.Values{"keyIds": {key.ID}}) {
			if e.ID == id {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// USD spells nano-dollars as the admin API does.
func USD(nano int64) json.Number { return json.Number(gateway.NanoUSD(nano).String()) }
