package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// outcome is what a fault does to a request.
type outcome struct {
	retried bool // the next attempt is made
	once    bool // but not at the same step
	counted bool // the upstream sees the calls
	alone   int  // status when there is no other step
}

var outcomes = map[string]outcome{
	"refused":              {retried: true, alone: 502},
	"tls":                  {retried: true, alone: 502},
	"reset":                {retried: true, counted: true, alone: 502},
	"408":                  {retried: true, counted: true, alone: 408},
	"429":                  {retried: true, counted: true, alone: 429},
	"429 with retry-after": {retried: true, counted: true, alone: 429, once: true}, // a second is longer than the step may take
	"500":                  {retried: true, counted: true, alone: 500},
	"503":                  {retried: true, counted: true, alone: 503},
	"timeout":              {retried: true, counted: true, alone: 504},
	"error event":          {retried: true, counted: true, alone: 200},
	"preamble, then cut":   {retried: true, counted: true, alone: 502},
	"400":                  {counted: true, alone: 400},
	"401":                  {counted: true, alone: 401},
	"cut":                  {counted: true, alone: 200},
	"clean end":            {counted: true, alone: 200},
	"trickle":              {counted: true, alone: 200},
}

// streamOnly are faults that only a stream can have.
var streamOnly = map[string]bool{"error event": true, "preamble, then cut": true, "clean end": true}

// TestFailoverMatrix: every step but the last has the fault. In all cases the
// faulty steps are called one time more than they may be retried, the last one
// once, and what is booked is what the last one cost: 10 tokens in, 5 out of
// gpt-4o-mini.
func TestFailoverMatrix(t *testing.T) {
	e := newFaultEnv(t, testenv.Options{})
	all := os.Getenv("BRICKS_TEST_ROUNDS") != ""
	for fault, want := range outcomes {
		for _, stream := range []bool{false, true} {
			for steps := 1; steps <= 3; steps++ {
				for _, retries := range []int{0, 2} {
					if streamOnly[fault] && !stream || !all && steps == 3 && (retries == 0 || !stream) {
						continue
					}
					c := matrixCase{e, fault, want, stream, steps, retries}
					t.Run(c.name(), c.run)
				}
			}
		}
	}
}

type matrixCase struct {
	e       *faultEnv
	fault   string
	want    outcome
	stream  bool
	steps   int
	retries int
}

func (c matrixCase) name() string {
	kind := "JSON"
	if c.stream {
		kind = "stream"
	}
	return fmt.Sprintf("%s, %s, %d steps, %d retries", c.fault, kind, c.steps, c.retries)
}

func (c matrixCase) run(t *testing.T) {
	t.Parallel()
	e, name := c.e, c.name()
	path := "/" + strings.NewReplacer(" ", "-", ",", "").Replace(name)
	steps := []testenv.Object{faultyStep(c.fault, testenv.Object{"retries": c.retries})}
	for len(steps) < c.steps-1 {
		steps = append(steps, steps[0])
	}
	failing := len(steps)
	if c.steps > 1 {
		steps = append(steps, step(0, nil))
	}
	id := e.newRoute(path, steps)
	headers := []string{"X-Fault", c.fault, "X-Case", name}
	body := `{"model":"whatever",` + hello + `}`
	if c.stream {
		body = `{"model":"whatever","stream":true,` + hello + `}`
		headers = append(headers, "X-Stream", "1")
	}
	a := e.post(t, "/api/route"+path, body, headers...)
	ev := e.event(t, a)

	answers := c.want.retried && c.steps > 1 // at the last step
	tries := failing * (1 + c.retries)
	calls := tries
	switch {
	case !c.want.retried:
		calls, tries = 1, 1
	case c.want.once:
		calls = failing
		if c.steps == 1 {
			tries = 1
		}
	}
	if answers {
		tries++
	}
	if got := len(e.faulty.seen(name)); c.want.counted && got != calls || !c.want.counted && got != 0 {
		t.Errorf("the faulty upstream was called %d times, want %d", got, calls)
	}
	last := 0
	for _, r := range e.fakes[0].Requests() {
		if r.Header.Get("X-Case") == name {
			last++
		}
	}
	if answers != (last == 1) || last > 1 {
		t.Errorf("the last step was called %d times", last)
	}
	if ev.RouteID != id || ev.Path != "/api/route"+path || ev.Attempts != tries || a.header.Get("X-Bricks-Attempts") != fmt.Sprint(tries) || a.header.Get("X-Bricks-Provider") != "openai" {
		t.Errorf("want %d attempts: headers %v, event %+v", tries, a.header, ev)
	}
	if answers {
		if a.status != 200 || a.err != nil || !strings.Contains(strings.ReplaceAll(text(a.body), " ", ""), "Yousaid:hellotheregateway") {
			t.Errorf("got %v", a)
		}
		if ev.SettingID != e.up[0] || ev.Model != "gpt-4o-mini-2024-07-18" || ev.Cost != "0.0000045" || ev.Incomplete || ev.Status != 200 {
			t.Errorf("event = %+v", ev)
		}
		return
	}
	c.checkAlone(t, a, ev)
}

// checkAlone looks at what a client gets when no step answered as it should.
func (c matrixCase) checkAlone(t *testing.T, a answer, ev testenv.Event) {
	t.Helper()
	// Envoy does not always tell a cut by the provider from one by the client.
	sameStatus := ev.Status == a.status || c.fault == "cut" && ev.Status == 499
	if a.status != c.want.alone && !(c.want.alone == 502 && a.status == 503) || !sameStatus {
		t.Errorf("got %v, want %d; event = %+v", a, c.want.alone, ev)
	}
	if c.fault == "429 with retry-after" && a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After did not pass: %v", a.header)
	}
	switch c.fault {
	case "trickle":
		if a.err != nil || ev.Incomplete || ev.Cost == "0" {
			t.Errorf("got %v, event = %+v", a, ev)
		}
	case "cut":
		if a.err == nil || !ev.Incomplete || ev.Cost == "0" {
			t.Errorf("got %v, want a cut; event = %+v", a, ev)
		}
	case "clean end":
		if a.err != nil || !strings.Contains(string(a.body), `"code":"upstream_error"`) || !ev.Incomplete || ev.Cost == "0" {
			t.Errorf("got %v, want an error event; event = %+v", a, ev)
		}
	case "error event":
		if !strings.Contains(string(a.body), "overloaded") || strings.Contains(string(a.body), "upstream_error") {
			t.Errorf("got %v, want the provider's error event alone", a)
		}
	case "preamble, then cut":
	default:
		if decodeError(t, a); ev.Cost != "0" {
			t.Errorf("event = %+v, want no cost", ev)
		}
	}
}

// text joins what a stream's chunks say, or returns a JSON answer as it is.
func text(body []byte) string {
	if !strings.HasPrefix(string(body), "data: ") {
		return string(body)
	}
	var b strings.Builder
	for line := range strings.Lines(string(body)) {
		if _, after, ok := strings.Cut(line, `"content":"`); ok {
			content, _, _ := strings.Cut(after, `"`)
			b.WriteString(content)
		}
	}
	return b.String()
}
