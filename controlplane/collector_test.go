package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// asked is when the requests of these tests were made.
var asked = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// jobs is a provider that tells what a test wants it to, and a collector that
// asks it. The clock stands still unless the test moves it.
type jobs struct {
	t      *testing.T
	db     *store.Store
	server *httptest.Server
	c      *Collector
	log    bytes.Buffer
	number int

	mu      sync.Mutex
	now     time.Time
	answers map[string]string // by path and query; "404" and the like are statuses
	seen    []string
	told    []string      // ids of new charges
	apart   time.Duration // between the events
}

func newJobs(t *testing.T) *jobs {
	t.Helper()
	j := &jobs{t: t, db: storetest.SQLite(t), now: asked, answers: map[string]string{}}
	j.server = httptest.NewServer(http.HandlerFunc(j.serve))
	t.Cleanup(j.server.Close)
	j.c = j.collector()
	return j
}

func (j *jobs) collector() *Collector {
	j.t.Helper()
	c, err := NewCollector(CollectorOptions{
		Store: j.db, Logger: slog.New(slog.NewTextHandler(&j.log, nil)), AllowUpstream: []string{j.server.Listener.Addr().String()},
		Registerer: prometheus.NewRegistry(), Charged: j.tell, Now: j.clock,
	})
	if err != nil {
		j.t.Fatal(err)
	}
	return c
}

func (j *jobs) serve(w http.ResponseWriter, r *http.Request) {
	j.mu.Lock()
	j.seen = append(j.seen, r.Method+" "+r.RequestURI)
	answer, ok := j.answers[r.RequestURI]
	j.mu.Unlock()
	status := http.StatusOK
	if !ok {
		answer = "404"
	}
	if _, err := fmt.Sscanf(answer, "%3d", &status); err == nil {
		w.Header().Set("Location", "http://169.254.169.254/")
		w.WriteHeader(status)
		return
	}
	_, _ = io.WriteString(w, answer)
}

func (j *jobs) tell(_ context.Context, events []*gateway.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		j.told = append(j.told, e.ID)
	}
	return nil
}

func (j *jobs) clock() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.now
}

// at moves the clock to a time after the requests.
func (j *jobs) at(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.now = asked.Add(d)
}

func (j *jobs) answer(target, body string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answers[target] = body
}

// requests are those since the last call.
func (j *jobs) requests() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	seen := j.seen
	j.seen = nil
	return seen
}

func (j *jobs) setting(provider string, params map[string]string) string {
	j.t.Helper()
	j.number++
	id := fmt.Sprintf("setting-%d", j.number)
	p := map[string]string{"url": j.server.URL}
	for k, v := range params {
		p[k] = v
	}
	if err := j.db.CreateSetting(j.t.Context(), &gateway.ProviderSetting{ID: id, Name: id, Provider: provider, APIKey: gateway.NewSecret(probeCredential), Params: p}); err != nil {
		j.t.Fatal(err)
	}
	return id
}

// pending writes an event that waits for what job costs.
func (j *jobs) pending(setting, provider, job string) string {
	j.t.Helper()
	j.number++
	e := &gateway.Event{
		ID: fmt.Sprintf("event-%d", j.number), CreatedAt: asked.Add(time.Duration(j.number) * j.apart), KeyID: "k", Tags: []string{"team"}, Accounts: []gateway.AccountID{"user:u"},
		SettingID: setting, Provider: provider, Path: "/api/providers/x", Operation: "o", Status: 200, UserID: "u", CustomID: "c", Findings: map[string]int64{"email": 1},
		PriceStatus: gateway.Pending, Job: job, Attempts: 1, Latency: time.Second, Action: "allowed", Request: []byte("{}"),
	}
	if err := j.db.WriteEvents(j.t.Context(), []*gateway.Event{e}); err != nil {
		j.t.Fatal(err)
	}
	return e.ID
}

// round lets the collector ask once for all whose turn has come.
func (j *jobs) round() {
	j.t.Helper()
	if err := j.c.round(j.t.Context()); err != nil {
		j.t.Fatal(err)
	}
	j.c.running.Wait()
}

func (j *jobs) status(id string) gateway.PriceStatus {
	j.t.Helper()
	for _, e := range j.events() {
		if e.ID == id {
			return e.PriceStatus
		}
	}
	j.t.Fatalf("no event %s", id)
	return ""
}

func (j *jobs) events() []*gateway.Event {
	j.t.Helper()
	all, _, err := j.db.Events(j.t.Context(), store.EventFilter{DateOrder: "asc"})
	if err != nil {
		j.t.Fatal(err)
	}
	return all
}

// charges are what charges the event, spelled out and sorted.
func (j *jobs) charges(id string) (list []string) {
	j.t.Helper()
	for _, e := range j.events() {
		if e.Action != gateway.ActionCharged || e.CorrelationID != id {
			continue
		}
		list = append(list, fmt.Sprintf("%s %d in %d out %d nano %s %q estimated=%v",
			e.ResponseModel, e.Usage.InputTokens, e.Usage.OutputTokens, e.Cost, e.PriceStatus, e.PriceTerms, e.Estimated))
	}
	slices.Sort(list)
	return list
}

func (j *jobs) outcome(provider, outcome string) float64 {
	return value(j.t, j.c.metrics.jobs.WithLabelValues(provider, outcome))
}

// value reads a counter or a gauge.
func value(t *testing.T, m prometheus.Collector) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(m); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil || len(families) != 1 || len(families[0].Metric) != 1 {
		t.Fatalf("not one value: %v, %v", families, err)
	}
	return families[0].Metric[0].GetCounter().GetValue() + families[0].Metric[0].GetGauge().GetValue()
}

// TestBackOff: a job is asked for at once when it is young, and less and less
// often as it grows old.
func TestBackOff(t *testing.T) {
	j := newJobs(t)
	id := j.pending(j.setting("openai", nil), "openai", "/v1/responses/r")
	j.answer("/v1/responses/r", `{"status":"in_progress"}`)
	for _, tt := range []struct {
		at    time.Duration
		asked int
	}{
		{time.Second, 0}, {2 * time.Second, 1}, {3 * time.Second, 0}, {4 * time.Second, 1},
		{20 * time.Second, 1}, {21 * time.Second, 0}, {22 * time.Second, 1}, // a tenth of 20 s
		{10 * time.Minute, 1}, {10*time.Minute + 59*time.Second, 0}, {11 * time.Minute, 1},
		{20 * time.Hour, 1}, {20*time.Hour + 299*time.Second, 0}, {20*time.Hour + 5*time.Minute, 1}, // five minutes at most
	} {
		j.at(tt.at)
		j.round()
		if got := len(j.requests()); got != tt.asked {
			t.Errorf("after %v: asked %d times, want %d", tt.at, got, tt.asked)
		}
	}
	if got := value(j.t, j.c.metrics.pending); got != 1 || j.status(id) != gateway.Pending {
		t.Errorf("%v pending, the event is %s", got, j.status(id))
	}
	j.answer("/v1/responses/r", `{"status":"completed","model":"gpt-4o-mini","usage":{"input_tokens":10,"output_tokens":5}}`)
	j.at(21 * time.Hour)
	j.round()
	j.at(22 * time.Hour)
	j.round()
	if got := value(j.t, j.c.metrics.pending); got != 0 || len(j.requests()) != 1 || len(j.c.turns) != 0 {
		t.Errorf("%v pending after the end, %d turns remembered", got, len(j.c.turns))
	}
}

// TestGivingUp: what can never be known is said to be unpriced, and why.
func TestGivingUp(t *testing.T) {
	for name, tt := range map[string]struct {
		job, setting string
		answers      []string // one round each; the last must end it
		age          time.Duration
		reason       string
	}{
		"missing thrice":              {"/v1/responses/r", "", []string{"404", "404", "410"}, 0, "missing"},
		"missing, but not in a row":   {"/v1/responses/r", "", []string{"404", "404", `{"status":"queued"}`, "404", "404", "404"}, 0, "missing"},
		"an error is not missing":     {"/v1/responses/r", "", []string{"404", "404", "500", "404", "404", "404"}, 0, "missing"},
		"its setting is gone":         {"/v1/responses/r", "nobody", []string{""}, 0, "setting_gone"},
		"older than anything is kept": {"/v1/responses/r", "", []string{`{"status":"queued"}`}, 33 * 24 * time.Hour, "too_old"},
		"old, with an error":          {"/v1/responses/r", "", []string{"401"}, 33 * 24 * time.Hour, "too_old"},
		"no job at all":               {"/v1/files/f", "", []string{""}, 0, "unknown_job"},
		"ended without a word":        {"/v1/responses/r", "", []string{`{"status":"completed","model":"gpt-4o"}`}, 0, "untold"},
		"a batch without results":     {"/v1/batches/b", "", []string{`{"status":"completed","request_counts":{"completed":3}}`}, 0, "untold"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJobs(t)
			setting := tt.setting
			if setting == "" {
				setting = j.setting("openai", nil)
			}
			id := j.pending(setting, "openai", tt.job)
			for i, answer := range tt.answers {
				if got := j.status(id); got != gateway.Pending {
					t.Errorf("given up before round %d: %s", i, got)
				}
				j.answer(tt.job, answer)
				j.at(tt.age + time.Duration(i+1)*time.Minute)
				j.round()
			}
			if got := j.status(id); got != gateway.Unpriced || j.outcome("openai", tt.reason) != 1 || len(j.events()) != 1 {
				t.Errorf("the event is %s, %d events; want it unpriced because of %s\n%s", got, len(j.events()), tt.reason, j.log.String())
			}
			if log := j.log.String(); !strings.Contains(log, id) || !strings.Contains(log, tt.reason) || strings.Contains(log, probeCredential) {
				t.Errorf("log: %s", log)
			}
		})
	}
}

// TestTwoCollectorsChargeOnce: both read the same end of the same jobs.
func TestTwoCollectorsChargeOnce(t *testing.T) {
	j := newJobs(t)
	j.apart = time.Millisecond
	other := j.collector()
	settings := []string{j.setting("openai", nil), j.setting("openai", nil)} // of one account: a key may use them in turn
	var began []string
	for i := range 20 {
		job := fmt.Sprintf("/v1/threads/t/runs/run-%d", i/2) // two events of each run
		if id := j.pending(settings[i%2], "openai", job); i%2 == 0 {
			began = append(began, id)
		}
		j.answer(job, `{"status":"completed","model":"gpt-4o-mini","usage":{"prompt_tokens":10,"completion_tokens":5}}`)
	}
	j.at(time.Minute)
	var both sync.WaitGroup
	for _, c := range []*Collector{j.c, other} {
		both.Go(func() {
			for range 2 { // a run's second event has its turn when the first is settled
				if err := c.round(t.Context()); err != nil {
					t.Error(err)
				}
				c.running.Wait()
			}
		})
	}
	both.Wait()
	// gpt-4o-mini: (10×150 + 5×600) nano-dollars for each of ten runs.
	for _, account := range []gateway.AccountID{gateway.KeyAccount("k"), "user:u"} {
		if spent, err := j.db.Spend(t.Context(), account, time.Time{}, time.Time{}); err != nil || spent != 45_000 {
			t.Errorf("%s spent %d (%v), want 45000", account, spent, err)
		}
	}
	if len(j.told) != 10 {
		t.Errorf("limits were told of %d charges, want 10", len(j.told))
	}
	for _, e := range j.events() {
		if e.Action == gateway.ActionCharged && !slices.Contains(began, e.CorrelationID) {
			t.Errorf("%s is charged, which did not begin the run", e.CorrelationID)
		}
	}
	if page, _, err := j.db.PendingEvents(t.Context(), store.EventCursor{}, 99); err != nil || len(page) != 0 {
		t.Errorf("%d are still pending, %v", len(page), err)
	}
}

// TestNoJobLeadsElsewhere: the collector's calls obey the rules for requests.
func TestNoJobLeadsElsewhere(t *testing.T) {
	j := newJobs(t)
	j.c.hosts = testHosts(t, nil) // nothing private is allowed
	closed := j.pending(j.setting("openai", nil), "openai", "/v1/responses/r")
	j.at(time.Minute)
	j.round()
	if seen := j.requests(); len(seen) != 0 || j.status(closed) != gateway.Pending {
		t.Errorf("a private address was asked %q", seen)
	}
	j = newJobs(t)
	host := strings.TrimPrefix(j.server.URL, "http://")
	redirected := j.pending(j.setting("openai", nil), "openai", "/v1/responses/r")
	named := j.pending(j.setting("anthropic", nil), "anthropic", "/v1/messages/batches/b")
	j.answer("/v1/responses/r", "302")
	j.answer("/v1/messages/batches/b", `{"processing_status":"ended","results_url":"http://`+host+`/evil"}`)
	j.at(time.Minute)
	j.round()
	seen := j.requests()
	slices.Sort(seen)
	want := []string{"GET /v1/messages/batches/b", "GET /v1/messages/batches/b/results", "GET /v1/responses/r"}
	if !slices.Equal(seen, want) || j.status(redirected) != gateway.Pending || j.status(named) != gateway.Pending {
		t.Errorf("asked %q, want %q", seen, want)
	}
}

// TestASlowProviderHoldsUpNobodyElse: its calls end with their own deadline, and
// others are charged meanwhile.
func TestASlowProviderHoldsUpNobodyElse(t *testing.T) {
	j := newJobs(t)
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	address, _ := url.Parse(slow.URL)
	j.c.hosts = testHosts(t, nil, j.server.Listener.Addr().String(), address.Host)
	hanging := j.setting("openai", map[string]string{"url": slow.URL})
	for i := range 50 {
		j.pending(hanging, "openai", fmt.Sprintf("/v1/responses/r%d", i))
	}
	id := j.pending(j.setting("openai", nil), "openai", "/v1/responses/r")
	j.answer("/v1/responses/r", `{"status":"failed","model":"gpt-4o-mini","usage":null}`)
	j.at(time.Minute)
	if err := j.c.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); j.status(id) != gateway.Free; {
		if time.Now().After(deadline) {
			t.Fatal("the other setting's job waits for the slow one's")
		}
	}
	if running := len(j.c.calls); running > maxSettingCalls+1 {
		t.Errorf("%d calls run at once", running)
	}
	close(release)
	j.c.running.Wait()
}
