package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// Values that only the services of these tests find.
const (
	nameValue    = "das kleine äffchen 🐒"
	addressValue = "1 Rue de l'E\u0301te\u0301"
)

// detectorService stands in for a detector over the network.
type detectorService struct {
	*httptest.Server
	mode atomic.Value // what it does: works, fails, hangs, or talks nonsense
	asks atomic.Int64
}

func newDetectorService(t *testing.T, answer func(body []byte) string) *detectorService {
	s := &detectorService{}
	s.mode.Store("works")
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asks.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		switch s.mode.Load() {
		case "works":
			_, _ = io.WriteString(w, answer(body))
		case "fails":
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `{"error":`+quoteJSON("cannot do "+mailValue)+`}`)
		case "hangs":
			<-r.Context().Done()
		case "talks nonsense":
			_, _ = io.WriteString(w, strings.ReplaceAll(answer(body), "}", `,"start":1000000,"end":1000001,"BeginOffset":1000000,"EndOffset":1000001}`))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// codePoints is where value is in text.
func codePoints(text, value string) (start, end int, ok bool) {
	before, _, ok := strings.Cut(text, value)
	start = utf8.RuneCountInString(before)
	return start, start + utf8.RuneCountInString(value), ok
}

func presidioAnswer(body []byte) string {
	var lists []string
	for _, text := range gjson.GetBytes(body, "text").Array() {
		list := "[]"
		if start, end, ok := codePoints(text.String(), nameValue); ok {
			list = fmt.Sprintf(`[{"start":%d,"end":%d,"score":0.85,"entity_type":"PERSON"}]`, start, end)
		}
		lists = append(lists, list)
	}
	return "[" + strings.Join(lists, ",") + "]"
}

func comprehendAnswer(body []byte) string {
	text := gjson.GetBytes(body, "Text").String()
	start, end, ok := codePoints(text, addressValue)
	if !ok {
		return `{"Entities":[]}`
	}
	return fmt.Sprintf(`{"Entities":[{"BeginOffset":%d,"EndOffset":%d,"Score":0.99,"Type":"ADDRESS"}]}`, start, end)
}

func TestDetectorsOverTheNetwork(t *testing.T) {
	presidio, comprehend := newDetectorService(t, presidioAnswer), newDetectorService(t, comprehendAnswer)
	e := newPolicyEnv(t, testenv.Options{Env: []string{
		"PRESIDIO_URL=" + presidio.URL, "PRESIDIO_TIMEOUT=500ms", "AMAZON_REQUEST_TIMEOUT=500ms",
		"AWS_ACCESS_KEY_ID=AKIDTEST", "AWS_SECRET_ACCESS_KEY=secret-of-aws", "AWS_ENDPOINT_URL=" + comprehend.URL,
	}})
	e.secrets = append(e.secrets, "secret-of-aws", addressValue)
	e.fake.Forbid("AKIDTEST")
	all := with(rules("allow_but_redact"), testenv.Object{"detectors": []string{"embedded", "comprehend", "presidio"}})
	blocking, allowing := e.under(all, nil), e.under(with(all, testenv.Object{"onError": "allow"}), nil)
	plain := e.under(rules("allow_but_redact"), nil)
	const text = "👩‍👩‍👧 " + nameValue + ", " + addressValue + ", " + mailValue

	t.Run("what each of them finds is redacted", func(t *testing.T) {
		a := e.post(t, chat, say(text), bearer(blocking)...)
		if got, want := content(a), "You said: 👩‍👩‍👧 [NAME], [ADDRESS], [EMAIL]"; a.status != 200 || got != want {
			t.Fatalf("%v: %q, want %q", a, got, want)
		}
		event := e.AwaitEvent(blocking, a.eventID())
		if want := map[string]int64{"name": 1, "address": 1, "email": 1}; event.Action != "redacted" || !maps.Equal(event.Findings, want) {
			t.Errorf("event: %s %v", event.Action, event.Findings)
		}
	})
	t.Run("each input of a list has its own values", func(t *testing.T) {
		inputs, err := json.Marshal([]string{"é " + nameValue, "nothing", nameValue + " e\u0301 " + addressValue})
		if err != nil {
			t.Fatal(err)
		}
		a := e.post(t, embeddings, `{"model":"text-embedding-3-small","input":`+string(inputs)+`}`, bearer(blocking)...)
		requests := e.fake.Requests()
		sent := gjson.GetBytes(requests[len(requests)-1].Body, "input").Raw
		if want := `["é [NAME]","nothing","[NAME] e` + "\u0301" + ` [ADDRESS]"]`; a.status != 200 || sent != want {
			t.Errorf("%v: sent %s, want %s", a, sent, want)
		}
	})
	t.Run("a policy without them sends them nothing", func(t *testing.T) {
		before := presidio.asks.Load() + comprehend.asks.Load()
		if a := e.post(t, chat, say("to "+mailValue), bearer(plain)...); content(a) != "You said: to [EMAIL]" {
			t.Errorf("%v", a)
		}
		if n := presidio.asks.Load() + comprehend.asks.Load() - before; n != 0 {
			t.Errorf("they were asked %d times", n)
		}
	})
	for _, mode := range []string{"fails", "talks nonsense", "hangs"} {
		t.Run("one that "+mode, func(t *testing.T) {
			presidio.mode.Store(mode)
			defer presidio.mode.Store("works")
			before := len(e.fake.Requests())
			a := e.post(t, chat, say(text), bearer(blocking)...)
			if n := len(e.fake.Requests()) - before; a.status != 503 || n != 0 || strings.Contains(string(a.body), mailValue) {
				t.Errorf("blocking: %v, %d requests forwarded", a, n)
			}
			a = e.post(t, chat, say(text), bearer(allowing)...)
			if got, want := content(a), "You said: 👩‍👩‍👧 "+nameValue+", [ADDRESS], [EMAIL]"; a.status != 200 || got != want {
				t.Errorf("allowing: %v: %q, want %q", a, got, want)
			}
			presidio.mode.Store("works")
			if a := e.post(t, chat, say(text), bearer(blocking)...); a.status != 200 {
				t.Errorf("when it is well again: %v", a)
			}
		})
	}
	t.Run("a stream's text is sent when it is complete", func(t *testing.T) {
		answers := e.under(with(all, testenv.Object{"applyToResponse": true}), nil)
		before := comprehend.asks.Load()
		said := append(bearer(answers), "X-Fake-Say", "live at "+addressValue+" she said", "X-Fake-Letters", "yes")
		a := e.post(t, chat, `{"stream":true,`+helloChat[1:], said...)
		if got := content(a); a.status != 200 || got != "You said: live at [ADDRESS] she said" {
			t.Errorf("%d %q", a.status, got)
		}
		if n := comprehend.asks.Load() - before; n != 2 {
			t.Errorf("it was asked %d times for a request and its answer", n)
		}
	})
	t.Run("one that keeps failing is not asked, and comes back", func(t *testing.T) {
		presidio.mode.Store("fails")
		for range 5 {
			e.post(t, chat, say(text), bearer(allowing)...)
		}
		before := presidio.asks.Load()
		if a := e.post(t, chat, say(text), bearer(blocking)...); a.status != 503 || presidio.asks.Load() != before {
			t.Errorf("%v, asked %d times", a, presidio.asks.Load()-before)
		}
		if !strings.Contains(metricsAt(t, e.env, e.Metrics), `bricks_detector_up{detector="presidio"} 0`) {
			t.Error("the metric does not say that it is down")
		}
		presidio.mode.Store("works")
		testenv.Eventually(t, 10*time.Second, "the detector is asked again", func() bool {
			return e.post(t, chat, say(text), bearer(blocking)...).status == 200
		})
		if !strings.Contains(metricsAt(t, e.env, e.Metrics), `bricks_detector_up{detector="presidio"} 1`) {
			t.Error("the metric does not say that it is up")
		}
	})
}
