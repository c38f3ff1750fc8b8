package processor

import (
	"encoding/json"
	"log/slog"
	"math"
	"strconv"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// stretch is how many tokens a stream's reservation grows by when a provider
// writes on behind the maximum that it was given.
const stretch = 512

// overdrawn reports whether a stream has come to the end of its money: it wrote
// more than was reserved, and the limits have no room for more.
func (x *exchange) overdrawn() bool {
	if x.quote.price == nil || x.answer.marked || x.cut || !x.moneyLimited() {
		return false
	}
	tokens := max(x.answer.written.atLeast(), x.answer.reading.Usage.OutputTokens)
	granted := x.reserved.Granted()
	if tokens <= x.covered || x.quote.total(tokens) <= granted {
		x.covered = max(x.covered, tokens)
		return false
	}
	more := x.quote.total(tokens+stretch) - granted
	if err := x.reserved.Extend(x.ctx, more); err != nil {
		x.s.o.Logger.Info("stream cut: its money is used up", slog.String("event_id", x.event.ID), slog.Any("reason", err))
		return true
	}
	// A process that dies now must be known to owe all of it.
	x.event.Cost = x.reserved.Granted()
	if err := x.s.o.Spool.Intent(&x.event); err != nil {
		x.s.metrics.spoolErrors.Inc()
		x.s.o.Logger.Error("stream cut: its larger reservation cannot be recorded", slog.String("event_id", x.event.ID), slog.Any("error", err))
		return true
	}
	return false
}

// total is the cost of the input and of this many tokens of output in all.
func (q *quote) total(tokens int64) gateway.NanoUSD {
	one := *q
	one.factor = 1
	return one.cost(min(tokens, math.MaxInt32))
}

// cutShort ends a stream as its provider would at the output's maximum, so that
// clients take what they have as whole as far as it goes. The connection is
// broken behind it: ext_proc cannot end an answer.
func (x *exchange) cutShort() []byte {
	x.cut = true
	x.s.metrics.cut.Inc()
	x.event.RefusalCode = "insufficient_quota"
	if x.custom != nil {
		return x.custom.endMarker()
	}
	id, model, at := "bricks-"+x.event.ID, x.event.RequestModel, x.event.CreatedAt.Unix()
	switch meter, operation := x.match.Endpoint.Meter, x.match.Endpoint.Operation; {
	case meter == provider.MeterAnthropic:
		return []byte("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":" + strconv.FormatInt(x.answer.wrote(model), 10) + "}}\n\n" +
			"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
	case meter == provider.MeterOpenAI && operation == "chat":
		return lastChunk(chunk{id, "chat.completion.chunk", at, model, []any{choice{FinishReason: "length"}}})
	case meter == provider.MeterOpenAI && operation == "text_completion":
		return lastChunk(chunk{id, "text_completion", at, model, []any{textChoice{FinishReason: "length"}}})
	case meter == provider.MeterResponses:
		return []byte("event: response.incomplete\ndata: " + encode(responseEvent{"response.incomplete", x.answer.events, response{
			ID: id, Object: "response", CreatedAt: at, Status: "incomplete", Model: model, Output: []any{}, Tools: []any{}, ToolChoice: "auto", ParallelToolCalls: true,
			IncompleteDetails: map[string]string{"reason": "max_output_tokens"},
		}}) + "\n\n")
	}
	return nil // the broken connection says it
}

func lastChunk(c chunk) []byte { return []byte("data: " + encode(c) + "\n\ndata: [DONE]\n\n") }

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return string(b)
}

type chunk struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Model   string `json:"model"`
	Choices []any  `json:"choices"`
}

type choice struct {
	Index        int      `json:"index"`
	Delta        struct{} `json:"delta"`
	FinishReason string   `json:"finish_reason"`
}

type textChoice struct {
	Text         string    `json:"text"`
	Index        int       `json:"index"`
	FinishReason string    `json:"finish_reason"`
	Logprobs     *struct{} `json:"logprobs"`
}

type responseEvent struct {
	Type           string   `json:"type"`
	SequenceNumber int64    `json:"sequence_number"`
	Response       response `json:"response"`
}

// response has the members that clients take for granted.
type response struct {
	ID                string            `json:"id"`
	Object            string            `json:"object"`
	CreatedAt         int64             `json:"created_at"`
	Status            string            `json:"status"`
	Error             *struct{}         `json:"error"`
	IncompleteDetails map[string]string `json:"incomplete_details"`
	Model             string            `json:"model"`
	Output            []any             `json:"output"`
	ParallelToolCalls bool              `json:"parallel_tool_calls"`
	ToolChoice        string            `json:"tool_choice"`
	Tools             []any             `json:"tools"`
	Usage             *struct{}         `json:"usage"`
}
