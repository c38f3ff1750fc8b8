package processor_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

func openAI(end bool, method, path string, extra ...string) *extprocv3.ProcessingRequest {
	return requestHeaders(end, append([]string{
		":method", method, ":path", "/api/providers/openai/v1" + path, "x-request-id", "event-1", "authorization", "Bearer " + bricksKey,
	}, extra...)...)
}

// TestPhasesOfEachBody: who sees which body is decided with the headers.
func TestPhasesOfEachBody(t *testing.T) {
	const (
		none, buffered, streamed = filterv3.ProcessingMode_NONE, filterv3.ProcessingMode_BUFFERED, filterv3.ProcessingMode_STREAMED
	)
	for name, c := range map[string]struct {
		headers           *extprocv3.ProcessingRequest
		request, response filterv3.ProcessingMode_BodySendMode
		forwarded         bool // with the headers already
	}{
		"JSON":               {openAI(false, "POST", "/responses"), buffered, streamed, false},
		"a form":             {openAI(false, "POST", "/audio/transcriptions", "content-type", "multipart/form-data; boundary=B"), buffered, streamed, false},
		"an upload":          {openAI(false, "POST", "/files", "content-type", "multipart/form-data; boundary=B"), none, streamed, true},
		"an upload, gzipped": {openAI(false, "POST", "/files", "content-encoding", "gzip"), none, streamed, true},
		"a download":         {openAI(true, "GET", "/files/f/content"), none, none, true},
		"a list":             {openAI(true, "GET", "/files"), none, streamed, true},
		"an act alone":       {openAI(true, "POST", "/batches/b/cancel"), none, streamed, true},
		"an act with a body": {openAI(false, "POST", "/batches/b/cancel"), buffered, streamed, false},
	} {
		answers, err := process(newWorld(), io.EOF, c.headers)
		if err != nil || len(answers) != 1 {
			t.Fatalf("%s: %v, %v", name, answers, err)
		}
		mode := answers[0].GetModeOverride()
		if mode.GetRequestBodyMode() != c.request || mode.GetResponseBodyMode() != c.response || mode.GetResponseHeaderMode() != filterv3.ProcessingMode_SEND {
			t.Errorf("%s: mode %v, want %v and %v", name, mode, c.request, c.response)
		}
		if holds(answers) != c.forwarded {
			t.Errorf("%s: the credential left with the headers: %v, want %v", name, holds(answers), c.forwarded)
		}
	}
}

// TestABodyThatIsEmptyAfterAll: HTTP/2 clients may say so only after the headers.
func TestABodyThatIsEmptyAfterAll(t *testing.T) {
	answers, err := process(newWorld(), io.EOF, openAI(false, "POST", "/threads"), requestBody(""))
	if err != nil || len(answers) != 2 || answers[1].GetRequestBody() == nil || !holds(answers[1:]) {
		t.Errorf("answers = %v, %v", answers, err)
	}
	answers, _ = process(newWorld(), io.EOF, openAI(false, "POST", "/responses"), requestBody(""))
	if status, _ := refusal(t, answers); status != 400 {
		t.Errorf("an empty body where one is required: %d", status)
	}
}

// TestUploadsUnderAPolicy are refused: nothing of them is looked at.
func TestUploadsUnderAPolicy(t *testing.T) {
	w := newWorld()
	w.givePolicy(t, &gateway.Policy{Rules: map[string]gateway.PolicyAction{"all": "allow_but_redact"}})
	answers, _ := process(w, io.EOF, openAI(false, "POST", "/files"))
	if status, body := refusal(t, answers); status != 403 || holds(answers) || !strings.Contains(body, "content_policy_violation") {
		t.Errorf("status %d, credential out: %v, %s", status, holds(answers), body)
	}
}

// TestADeletionByAnotherMethod: the provider is asked as it wants to be.
func TestADeletionByAnotherMethod(t *testing.T) {
	answers, _ := process(newWorld(), io.EOF, openAI(true, "POST", "/files/f-1"))
	got := map[string]string{}
	for _, h := range answers[0].GetRequestHeaders().GetResponse().GetHeaderMutation().GetSetHeaders() {
		got[h.Header.Key] = string(h.Header.RawValue)
	}
	if got[":method"] != "DELETE" || got[":path"] != "/prefix/v1/files/f-1" {
		t.Errorf("asked with %v", got)
	}
}

// granting gives every request what it asks for.
type granting struct{ freeLimiter }

func (l *granting) Reserve(_ context.Context, r limit.Request) (limit.Reservation, error) {
	return grant{&freeReservation{limiter: &l.freeLimiter, at: time.Now()}, r.Cost}, nil
}

type grant struct {
	*freeReservation
	cost gateway.NanoUSD
}

func (g grant) Granted() gateway.NanoUSD { return g.cost }

// TestLostAnswersOfUnits: three low images are 0.033 dollars by the list, and
// "a fox" is 2 tokens at 5 millionths.
func TestLostAnswersOfUnits(t *testing.T) {
	body := `{"model":"gpt-image-1","prompt":"a fox","n":3,"quality":"low","size":"1024x1024"}`
	w := newWorld()
	if _, err := process(w, io.EOF, openAI(false, "POST", "/images/generations"), requestBody(body)); err != nil {
		t.Fatal(err)
	}
	if len(w.finals) != 1 || w.finals[0].Cost != 33_010_000 || !w.finals[0].Estimated || w.finals[0].PriceStatus != gateway.Priced {
		t.Errorf("finals = %+v", w.finals)
	}
	if w.intents[0].Cost != 33_010_000 {
		t.Errorf("intent = %+v", w.intents[0])
	}
	w = newWorld()
	w.limiter = &granting{}
	w.keys[secrets.HashKey(bricksKey)].CostLimit = gateway.USD
	if _, err := process(w, io.EOF, openAI(false, "POST", "/images/generations"), requestBody(body)); err != nil {
		t.Fatal(err)
	}
	// With a limit, what was set aside: each of the 7 bytes of "a fox" with its quotes may be a token.
	if w.finals[0].Cost != 33_035_000 {
		t.Errorf("with a limit: %+v", w.finals[0])
	}
	w = newWorld()
	if _, err := process(w, io.EOF, openAI(false, "POST", "/images/generations"), requestBody(body),
		responseHeaders(":status", "500", "content-type", "application/json"), responseBody(true, `{"error":{}}`)); err != nil {
		t.Fatal(err)
	}
	if w.finals[0].Cost != 0 || w.finals[0].PriceStatus != gateway.Free {
		t.Errorf("a provider's failure: %+v", w.finals[0])
	}
}

// TestHugeAnswers: the usage behind 20 MB of images is read. 100 tokens of image
// are 0.004 dollars.
func TestHugeAnswers(t *testing.T) {
	w := newWorld()
	messages := []*extprocv3.ProcessingRequest{
		openAI(false, "POST", "/images/generations"), requestBody(`{"model":"gpt-image-1","prompt":"a fox"}`),
		responseHeaders(":status", "200", "content-type", "application/json"), responseBody(false, `{"created":1,"data":[{"b64_json":"`),
	}
	for range 20 {
		messages = append(messages, responseBody(false, strings.Repeat("A", 1<<20)))
	}
	messages = append(messages, responseBody(true, `"}],"usage":{"input_tokens":0,"output_tokens":100,"output_tokens_details":{"image_tokens":100}}}`))
	if _, err := process(w, io.EOF, messages...); err != nil {
		t.Fatal(err)
	}
	if e := w.finals[0]; e.Cost != 4_000_000 || e.Estimated || e.Usage.OutputTokens != 100 {
		t.Errorf("event = %+v", e)
	}
}
