package processor_test

import (
	"fmt"
	"io"
	"log/slog"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/processor"
)

// BenchmarkStream is a streamed answer of 200 events; divide by that for one.
func BenchmarkStream(b *testing.B) {
	for _, limits := range []bool{false, true} {
		b.Run(fmt.Sprintf("limits=%t", limits), func(b *testing.B) {
			w := newWorld()
			w.limiter = memory.New(&limittest.Ledger{}, nil)
			if limits {
				k := w.keys[secrets.HashKey(bricksKey)]
				k.CostLimit, k.CostLimitOverTime, k.CostLimitUnit = 1e6*gateway.USD, 1e6*gateway.USD, gateway.Day
				k.RateLimitOverTime, k.RateLimitUnit = 1<<40, gateway.Hour
			}
			s := processor.New(processor.Options{
				Config: w, Spool: discard{}, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Logger: slog.New(slog.DiscardHandler),
			})
			event := `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"usage":null}` + "\n\n"
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				messages := []*extprocv3.ProcessingRequest{
					chatHeaders("x-request-id", fmt.Sprint(n)), requestBody(`{"model":"gpt-4o","stream":true,"messages":[]}`),
					responseHeaders(":status", "200", "content-type", "text/event-stream"),
				}
				for range 200 {
					messages = append(messages, responseBody(false, event))
				}
				messages = append(messages, responseBody(true, "data: [DONE]\n\n"))
				if err := s.Process(&envoy{messages: messages, end: io.EOF}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// discard keeps no event.
type discard struct{}

func (discard) Intent(*gateway.Event) error { return nil }
func (discard) Final(*gateway.Event) error  { return nil }
