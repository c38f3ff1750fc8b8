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
	if x.match.Provider.Errors == provider.AnthropicErrors {
		return []byte("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":" + strconv.FormatInt(x.answer.wrote(x.event.RequestModel), 10) + "}}\n\n" +
			"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
	}
	end, err := json.Marshal(chunk{
		ID: "bricks-" + x.event.ID, Object: "chat.completion.chunk", Created: x.event.CreatedAt.Unix(), Model: x.event.RequestModel,
		Choices: []choice{{FinishReason: "length"}},
	})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return []byte("data: " + string(end) + "\n\ndata: [DONE]\n\n")
}

type chunk struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
}

type choice struct {
	Index        int      `json:"index"`
	Delta        struct{} `json:"delta"`
	FinishReason string   `json:"finish_reason"`
}
