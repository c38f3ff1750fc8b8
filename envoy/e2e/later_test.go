package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// collecting makes the gateway ask for jobs all the time.
var collecting = testenv.Options{Env: []string{"PENDING_CHARGE_INTERVAL=100ms"}}

const (
	backgroundCall = `{"model":"gpt-4o-mini","input":"hello there gateway","background":true}`
	// working lets no job end before the test says so.
	working = "1000000"
)

// laterCall is a call whose cost is told after its answer.
type laterCall struct {
	name, path, body string
	headers          []string
	nano             int64 // what it costs at last
	model, terms     string
}

// laterCalls are one of each kind. Nano-dollars a token: gpt-4o-mini 150 in and
// 600 out, claude-haiku-4-5 1000 and 5000; half of it in a batch. The fake counts
// 6 and 5 for the response, 10 and 5 for a chat, a message and a run.
func (e *env) laterCalls(t *testing.T) []laterCall {
	chats := e.upload(t, `{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":`+helloChat+"}\n"+
		`{"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":`+helloChat+"}\n"+
		`{"custom_id":"c","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini"}}`+"\n")
	batch := `{"input_file_id":"` + chats + `","endpoint":"/v1/chat/completions","completion_window":"24h"}`
	messageBatch := `{"requests":[{"custom_id":"a","params":` + helloCall + `},{"custom_id":"b","params":` + helloCall + `},{"custom_id":"c","params":{}}]}`
	const dated, haiku = "gpt-4o-mini-2024-07-18", "claude-haiku-4-5-20251001"
	return []laterCall{
		{"a response in the background", "/api/providers/openai/v1/responses", backgroundCall, nil, 6*150 + 5*600, dated, ""},
		{"a batch with its sum", "/api/providers/openai/v1/batches", batch, nil, 20*75 + 10*300, dated, "batch/10"},
		{"a batch without", "/api/providers/openai/v1/batches", batch, []string{"X-Fake-Usage", "none"}, 20*75 + 10*300, dated, "batch/10"},
		{"Azure's batch", "/api/providers/azure/openai/batches", batch, []string{"X-Fake-Usage", "none"}, 20*75 + 10*300, dated, "batch/10"},
		{"Anthropic's batch", messages + "/batches", messageBatch, nil, 20*500 + 10*2500, haiku, "batch/10"},
		{"a run", "/api/providers/openai/v1/threads/t/runs", `{"assistant_id":"a"}`, nil, 10*150 + 5*600, "gpt-4o-mini", ""},
		{"a run with its thread", "/api/providers/openai/v1/threads/runs", `{"assistant_id":"a"}`, nil, 10*150 + 5*600, "gpt-4o-mini", ""},
	}
}

// upload sends a file of requests through the gateway.
func (e *env) upload(t *testing.T, content string) (id string) {
	t.Helper()
	body, contentType := form("file", []byte(content), "purpose", "batch")
	a := e.post(t, files, body, "Content-Type", contentType)
	var made struct{ ID string }
	if err := json.Unmarshal(a.body, &made); err != nil || a.status != http.StatusOK {
		t.Fatalf("upload: %v, %v", a, err)
	}
	return made.ID
}

// chargesOf are what charges an event; ok is false while it waits for them.
func (e *env) chargesOf(k testenv.Key, id string) (charges []testenv.Event, ok bool) {
	for _, ev := range e.Events(url.Values{"keyIds": {k.ID}}) {
		switch {
		case ev.ID == id:
			ok = ev.PriceStatus == "free"
		case ev.Action == "charged" && ev.CorrelationID == id:
			charges = append(charges, ev)
		}
	}
	return charges, ok
}

// quiet waits until no job is pending, as an operator's metrics show.
func (e *env) quiet(t *testing.T, k testenv.Key) {
	t.Helper()
	testenv.Eventually(t, waitForEvents, "no job is pending", func() bool {
		for _, ev := range e.Events(url.Values{"keyIds": {k.ID}}) {
			if ev.PriceStatus == "pending" {
				return false
			}
		}
		resp, err := e.client.Get("http://" + e.Metrics + "/metrics")
		if err != nil {
			return false
		}
		defer resp.Body.Close() //nolint:errcheck // read only
		b, err := io.ReadAll(resp.Body)
		return err == nil && strings.Contains(string(b), "\nbricks_pending_jobs 0\n")
	})
}

// TestChargedLater: a client starts one of each kind of work and never asks for
// it. The gateway is killed while all of it goes on, asks itself, and charges
// each once, to the nano-dollar.
func TestChargedLater(t *testing.T) { chargedLater(t, collecting) }

func TestChargedLaterOnPostgreSQL(t *testing.T) {
	chargedLater(t, testenv.Options{Env: append(database(t), collecting.Env...)})
}

func chargedLater(t *testing.T, o testenv.Options) {
	e := newEnv(t, o)
	e.secrets = append(e.secrets, fakeprovider.AzureKey)
	azure := e.azureSetting(testenv.Object{"apiVersion": "2024-10-21"}, nil)
	k := e.CreateKey([]string{e.openAI, e.anthropic, azure}, testenv.Object{"costLimitInUsd": 5, "allowUnbounded": true})
	e.fake.Forbid(k.Secret)
	calls := e.laterCalls(t)
	total := int64(0)
	ids := map[string]laterCall{}
	for _, c := range calls {
		a := e.post(t, c.path, c.body, append(append(bearer(k), "X-Fake-Looks", working), c.headers...)...)
		if a.status != http.StatusOK {
			t.Fatalf("%s: got %v", c.name, a)
		}
		if ev := e.AwaitEvent(k, a.eventID()); ev.PriceStatus != "pending" || ev.Cost != "0" {
			t.Errorf("%s: event %+v, want it pending", c.name, ev)
		}
		ids[a.eventID()], total = c, total+c.nano
	}
	ids[e.leaveStream(t, k)], total = laterCall{name: "a stream that its client left", nano: 3900, model: "gpt-4o-mini-2024-07-18"}, total+3900
	e.submitOutputs(t, k)
	if s := e.standing(t, k); nanoOf(t, s.CostInUSD) != 0 {
		t.Errorf("%s was spent before anything was done", s.CostInUSD)
	}

	e.Kill()
	e.Restart()
	e.fake.Finish()
	for id, c := range ids {
		var charges []testenv.Event
		testenv.Eventually(t, 30*time.Second, c.name+" is charged", func() (ok bool) {
			charges, ok = e.chargesOf(k, id)
			return ok
		})
		if len(charges) != 1 || charges[0].Cost != testenv.USD(c.nano) || charges[0].Model != c.model || charges[0].PriceTerms != c.terms || charges[0].Estimated {
			t.Errorf("%s: charges %+v, want one of %d nano-dollars at %q", c.name, charges, c.nano, c.terms)
		}
	}
	// 3900 + 3×4500 + 35000 + 2×4500 + 3900: the outputs of the run's tools are in the run.
	e.chargedInAll(t, k, 65_300, total, len(ids))

	e.Kill() // what was charged stays charged
	e.Restart()
	e.chargedInAll(t, k, 65_300, total, len(ids))
	if out := e.verifyLedger(t); !strings.Contains(out, "1 accounts") {
		t.Errorf("bricks ledger verify: %s", out)
	}
	for _, r := range e.fake.Requests() {
		if r.Method == http.MethodGet && r.Refused != "" {
			t.Errorf("the provider refused %s: %s", r.Target, r.Refused)
		}
	}
}

// chargedInAll compares the key's spend and its charges with what was worked out.
func (e *env) chargedInAll(t *testing.T, k testenv.Key, want, sum int64, charges int) {
	t.Helper()
	e.quiet(t, k)
	if want != sum {
		t.Errorf("the calls cost %d, worked out were %d", sum, want)
	}
	if s := e.standing(t, k); nanoOf(t, s.CostInUSD) != want || s.RunningRequests != 0 {
		t.Errorf("standing %+v, want %d nano-dollars spent", s, want)
	}
	found := 0
	for _, ev := range e.Events(url.Values{"keyIds": {k.ID}}) {
		if ev.Action == "charged" {
			found++
		}
	}
	if found != charges {
		t.Errorf("%d events charge what was done later, want %d", found, charges)
	}
}

// leaveStream begins a response in the background as a stream, and leaves after
// the first bytes.
func (e *env) leaveStream(t *testing.T, k testenv.Key) (eventID string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.Proxy+"/api/providers/openai/v1/responses",
		strings.NewReader(strings.Replace(backgroundCall, "{", `{"stream":true,`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + k.Secret, "Content-Type": "application/json", "X-Fake-Looks": working, "X-Fake-Pace": "300ms",
	} {
		r.Header.Set(name, value)
	}
	resp, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	id := resp.Header.Get("X-Bricks-Event-Id")
	cancel()
	_ = resp.Body.Close()
	if ev := e.AwaitEvent(k, id); ev.PriceStatus != "pending" || ev.Status != 499 {
		t.Errorf("a stream that its client left: %+v, want it pending", ev)
	}
	return id
}

// submitOutputs goes on with a run that was begun before: both calls are about
// the same work. The run is the one of laterCalls that has its thread from the
// path.
func (e *env) submitOutputs(t *testing.T, k testenv.Key) {
	t.Helper()
	var run struct{ ID, Object string }
	for _, r := range e.fake.Requests() {
		if r.Target == "/v1/threads/t/runs" {
			if err := json.Unmarshal(r.Answer, &run); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := "/api/providers/openai/v1/threads/t/runs/" + run.ID + "/submit_tool_outputs"
	for _, stream := range []string{"false", "true"} {
		a := e.post(t, path, `{"tool_outputs":[],"stream":`+stream+`}`, append(bearer(k), "X-Fake-Looks", working)...)
		if ev := e.AwaitEvent(k, a.eventID()); a.status != http.StatusOK || ev.PriceStatus != "pending" || ev.InputTokens != 0 {
			t.Errorf("outputs of tools: got %v, event %+v", a, ev)
		}
	}
}

// TestALimitKnowsWhatIsChargedLater: money that was spent in the background
// counts against the key's limit as soon as it is charged.
func TestALimitKnowsWhatIsChargedLater(t *testing.T) {
	e := newEnv(t, collecting)
	k := e.newKey(testenv.Object{"costLimitInUsd": dollars(3900), "allowUnbounded": true})
	e.spendInTheBackground(t, k)
}

// TestALimitInRedisKnowsWhatIsChargedLater: with roles apart, and two control
// planes that both ask, the limit is told once.
func TestALimitInRedisKnowsWhatIsChargedLater(t *testing.T) {
	r := newRolesOnRedis(t, 2)
	e := r.at(r.startProcessor(r.planes[0]))
	k := r.CreateKey([]string{r.setting}, testenv.Object{"costLimitInUsd": dollars(3900), "allowUnbounded": true})
	e.spendInTheBackground(t, k)
	if out := e.verifyLedger(t); !strings.Contains(out, "1 accounts") {
		t.Errorf("bricks ledger verify: %s", out)
	}
}

// spendInTheBackground spends all that a key has, 3900 nano-dollars.
func (e *env) spendInTheBackground(t *testing.T, k testenv.Key) {
	t.Helper()
	a := e.post(t, "/api/providers/openai/v1/responses", backgroundCall, append(bearer(k), "X-Fake-Looks", "3")...)
	if a.status != http.StatusOK {
		t.Fatalf("got %v", a)
	}
	testenv.Eventually(t, waitForEvents, "it is charged", func() bool {
		charges, ok := e.chargesOf(k, a.eventID())
		if ok && len(charges) != 1 {
			t.Errorf("charged by %+v", charges)
		}
		return ok
	})
	testenv.Eventually(t, waitForEvents, "the limit knows", func() bool { return nanoOf(t, e.standing(t, k).CostInUSD) == 3900 })
	a = e.post(t, chat, limited(false), bearer(k)...)
	if got := decodeError(t, a).Error.Code; a.status != http.StatusTooManyRequests || got == nil || *got != "insufficient_quota" {
		t.Errorf("a request behind the limit: got %v", a)
	}
}

// TestNothingIsDeletedBeforeItIsCharged: a client that asks for its answer itself
// and then has it deleted pays for it all the same.
func TestNothingIsDeletedBeforeItIsCharged(t *testing.T) {
	e := newEnv(t, collecting)
	for _, c := range []struct{ path, body, remove string }{
		{"/api/providers/openai/v1/responses", backgroundCall, "/api/providers/openai/v1/responses/"},
		{"/api/providers/openai/v1/threads/t/runs", `{"assistant_id":"a"}`, "/api/providers/openai/v1/threads/t"},
	} {
		key := e.newKey(nil)
		started := e.post(t, c.path, c.body, append(bearer(key), "X-Fake-Looks", working)...)
		var made struct{ ID string }
		if err := json.Unmarshal(started.body, &made); err != nil || started.status != 200 {
			t.Fatalf("got %v, %v", started, err)
		}
		remove := c.remove
		if strings.HasSuffix(remove, "/") {
			remove += made.ID
		}
		deletions := func() (n int) {
			for _, r := range e.fake.Requests() {
				if r.Method == http.MethodDelete {
					n++
				}
			}
			return n
		}
		before := deletions()
		refused := e.send(t, http.MethodDelete, remove, "", bearer(key)...)
		if code := decodeError(t, refused).Error.Code; refused.status != http.StatusConflict || *code != "not_charged_yet" || refused.header.Get("Retry-After") == "" || deletions() != before {
			t.Errorf("%s while it works: %v", remove, refused)
		}
		e.fake.Finish()
		testenv.Eventually(t, waitForEvents, "it is charged, and may be deleted", func() bool {
			a := e.send(t, http.MethodDelete, remove, "", bearer(key)...)
			if a.status == http.StatusConflict {
				return false
			}
			if charges, ok := e.chargesOf(key, started.eventID()); !ok || len(charges) != 1 || charges[0].Cost == "0" {
				t.Errorf("%s was deleted with %v, charged %+v", remove, a, charges)
			}
			return true
		})
		if deletions() != before+1 {
			t.Errorf("%s: the provider saw %d deletions", remove, deletions()-before)
		}
	}
}
