// Package token counts the tokens that a request puts in and an answer puts
// out, so that money can be reserved before a call and booked after one whose
// provider reports no usage.
//
// It is not the meter: a provider's own usage always wins. What it returns for
// a request is a bound, never less than the provider will bill for what the body
// shows; Bound.Hidden says that the body does not show everything.
//
// The one idea: OpenAI publishes its vocabularies, so OpenAI's models are counted
// exactly, by byte pair encoding. Every other vocabulary that works on bytes makes
// at most one token of a byte, so everywhere else, and wherever counting would
// take too long, a byte counts as a token. The time per call is bounded by a
// budget of work, not by a clock: the same text always gets the same count.
//
// The vocabularies come with github.com/pkoukk/tiktoken-go-loader; why the
// counting is our own is in docs/adr/0005-own-token-counting.md.
//
// Everything here is safe for concurrent use.
package token

import "bytes"

// Bound is a number of tokens that the truth does not exceed.
type Bound struct {
	Tokens int64
	// Exact: all text was counted with the model's own vocabulary. Otherwise
	// some or all of it counts one token a byte.
	Exact bool
	// Hidden: there is input that the body does not show (images, files, stored
	// conversations, what a provider's own tools fetch), so Tokens bounds only
	// the rest. Reserve the larger of Tokens and the model's maximum.
	Hidden bool
}

// Count returns the tokens of text as the OpenAI model sees it, without any
// framing. It is exact, with Exact set, for models whose vocabulary is known and
// text within the budget of work; all else counts by its bytes. A special token
// that text spells out counts as plain text, which is more tokens than one.
func Count(model string, text []byte) Bound {
	m := newMeter(encodingOf(model))
	defer m.free()
	m.text(text)
	return Bound{Tokens: m.tokens, Exact: m.exact}
}

// Output estimates the tokens of an answer's text where the provider reported
// none: exact as Count is for OpenAI's models up to the budget of work, for all
// else one token for every four bytes, rounded up. It is not a bound.
func Output(model string, text []byte) int64 {
	if b := Count(model, text); b.Exact {
		return b.Tokens
	}
	return (int64(len(text)) + 3) / 4
}

// What providers add that the body does not pay for with bytes of its own.
const (
	byteBoundBase  = 128
	byteBoundTools = 1024
)

// ByteBound returns an upper bound of a JSON request body's input tokens from its
// length alone: cheaper than Input by orders of magnitude, and about four times
// as high for English text. As Input's, it does not cover hidden input, and it
// does not look for it. When it fits, Input need not run.
func ByteBound(body []byte) int64 {
	n := int64(len(body)) + byteBoundBase
	for _, word := range []string{"tools", "functions", `\u`} { // an escape may hide the name
		if bytes.Contains(body, []byte(word)) {
			return n + byteBoundTools
		}
	}
	return n
}
