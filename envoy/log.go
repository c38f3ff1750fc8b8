package envoy

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
)

// logFormat makes Envoy write one JSON object a line: level, logger, message.
const logFormat = `{"level":"%l","logger":"%n","message":"%j"}`

// maxLogLine bounds what is kept of a line; the rest of a longer one is logged
// as lines of its own.
const maxLogLine = 64 << 10

// logWriter passes Envoy's log lines on to a slog.Logger. It is written to by
// one goroutine at a time, as os/exec promises for a shared Stdout and Stderr.
type logWriter struct {
	logger *slog.Logger
	line   []byte
}

func (w *logWriter) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	for {
		i := bytes.IndexByte(w.line, '\n')
		if i < 0 {
			break
		}
		w.emit(w.line[:i])
		w.line = w.line[i+1:]
	}
	if len(w.line) > maxLogLine {
		w.flush()
	}
	return len(p), nil
}

// flush logs what is left without a newline.
func (w *logWriter) flush() {
	w.emit(w.line)
	w.line = nil
}

func (w *logWriter) emit(line []byte) {
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	var record struct{ Level, Logger, Message, Access string }
	err := json.Unmarshal(line, &record)
	if err == nil && record.Access != "" {
		w.logger.LogAttrs(context.Background(), slog.LevelInfo, "access", slog.Any(record.Access, json.RawMessage(bytes.Clone(line))))
		return
	}
	if err != nil {
		// Lines from before logging is set up, such as a refused flag.
		w.logger.LogAttrs(context.Background(), slog.LevelWarn, "envoy", slog.String("text", string(line)))
		return
	}
	w.logger.LogAttrs(context.Background(), slogLevel(record.Level), "envoy",
		slog.String("text", record.Message), slog.String("logger", record.Logger))
}

func slogLevel(envoy string) slog.Level {
	switch envoy {
	case "trace", "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warning":
		return slog.LevelWarn
	default:
		return slog.LevelError
	}
}
