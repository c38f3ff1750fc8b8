package processor_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/processor"
)

// exact gives what is asked for once, and nothing more.
type exact struct{ freeLimiter }

func (l *exact) Reserve(_ context.Context, r limit.Request) (limit.Reservation, error) {
	return spent{grant{&freeReservation{limiter: &l.freeLimiter, at: time.Now()}, r.Cost}}, nil
}

type spent struct{ grant }

func (spent) Extend(context.Context, gateway.NanoUSD) error { return errors.New("no money") }

// streamed runs a streamed call on a limited key that has money for its maximum
// alone, and returns what of the answer was changed: its end.
func streamed(t *testing.T, path, body, pieces string) (out string, event gateway.Event) {
	t.Helper()
	w, l := limited(), &exact{}
	w.limiter = l
	messages := []*extprocv3.ProcessingRequest{headersFor(path), requestBody(body), responseHeaders(":status", "200", "content-type", "text/event-stream")}
	messages = append(messages, responseBody(false, pieces))
	e := &envoy{messages: messages, end: io.EOF}
	s := processor.New(processor.Options{Config: w, Spool: w, Limiter: l, Prices: pricing.NewBook(pricing.Default(), nil, ""), Logger: slog.New(slog.DiscardHandler)})
	if err := s.Process(e); err != nil && status.Code(err) != codes.ResourceExhausted {
		t.Fatal(err)
	}
	s.Close()
	for _, sent := range e.answers {
		out += string(sent.GetResponseBody().GetResponse().GetBodyMutation().GetBody())
	}
	if len(w.finals) != 1 {
		t.Fatalf("events %+v", w.finals)
	}
	return out, w.finals[0]
}

// TestCutInTheFormOfTheOperation: the last event is one that the operation's
// clients take for the end at the output's maximum.
func TestCutInTheFormOfTheOperation(t *testing.T) {
	const openAI = "/api/providers/openai/v1"
	for path, c := range map[string]struct{ model, body, piece, end string }{
		openAI + "/chat/completions": {
			"gpt-4o-mini", `"max_tokens":16,"messages":[]`, `data: {"choices":[{"delta":{"content":" word"}}]}`,
			`data: {"id":"bricks-event-1","object":"chat.completion.chunk","created":AT,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}` + "\n\ndata: [DONE]",
		},
		openAI + "/completions": {
			"gpt-3.5-turbo-instruct", `"max_tokens":16,"prompt":"hello"`, `data: {"choices":[{"text":" word"}]}`,
			`data: {"id":"bricks-event-1","object":"text_completion","created":AT,"model":"gpt-3.5-turbo-instruct","choices":[{"text":"","index":0,"finish_reason":"length","logprobs":null}]}` + "\n\ndata: [DONE]",
		},
		openAI + "/responses": {
			"gpt-4o-mini", `"max_output_tokens":16,"input":"hello"`, "event: response.output_text.delta\n" + `data: {"type":"response.output_text.delta","delta":" word"}`,
			"event: response.incomplete\n" + `data: {"type":"response.incomplete","sequence_number":10000,"response":{"id":"bricks-event-1","object":"response","created_at":AT,"status":"incomplete","error":null,` +
				`"incomplete_details":{"reason":"max_output_tokens"},"model":"gpt-4o-mini","output":[],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"usage":null}}`,
		},
	} {
		out, e := streamed(t, path, `{"model":"`+c.model+`","stream":true,`+c.body+`}`, strings.Repeat(c.piece+"\n\n", 10_000))
		end := strings.ReplaceAll(c.end, "AT", strconv.FormatInt(e.CreatedAt.Unix(), 10)) + "\n\n"
		if !strings.HasSuffix(out, end) || e.RefusalCode != "insufficient_quota" || !e.Estimated {
			t.Errorf("%s ends with %q\nwant %q; event %+v", path, out[max(0, len(out)-len(end)):], end, e)
		}
	}
}

// TestUnitsAreNotCut: their cost is set before the answer begins.
func TestUnitsAreNotCut(t *testing.T) {
	out, e := streamed(t, "/api/providers/openai/v1/audio/speech", `{"model":"gpt-4o-mini-tts","input":"hi","voice":"alloy","stream_format":"sse"}`,
		strings.Repeat(`data: {"type":"speech.audio.delta","audio":"AAAA"}`+"\n\n", 10_000)+`data: {"type":"speech.audio.done","usage":{"input_tokens":1,"output_tokens":10000000}}`+"\n\n")
	if out != "" || e.RefusalCode != "" || e.Incomplete {
		t.Errorf("changed: %.300q, event %+v", out, e)
	}
}
