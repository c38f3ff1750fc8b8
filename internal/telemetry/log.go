package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
)

// quiet is how long the log says nothing more about a receiver that fails.
const quiet = time.Minute

// logTroubles makes the SDK tell the log what it would tell standard error, such
// as that a receiver took a part only. It has one place for that in a process.
func logTroubles(logger *slog.Logger) {
	var next atomic.Int64 // when it may be said again, Unix nanoseconds
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		now, due := time.Now(), next.Load()
		if now.UnixNano() >= due && next.CompareAndSwap(due, now.Add(quiet).UnixNano()) {
			logger.Warn("OpenTelemetry is in trouble", slog.Any("error", err))
		}
	}))
}

type requestIDKey struct{}

// WithRequestID returns a context for what is done for the request with the id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// LogHandler adds request_id to the records that are made for a request, by
// their context. Records that name their request themselves, such as by an
// event_id, need no context.
type LogHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h LogHandler) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h LogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return LogHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h LogHandler) WithGroup(name string) slog.Handler {
	return LogHandler{h.Handler.WithGroup(name)}
}
