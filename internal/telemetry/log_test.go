package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"testing"
	"testing/slogtest"

	"github.com/bricks-gateway/bricks/internal/telemetry"
)

func TestARecordNamesItsRequest(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(telemetry.LogHandler{Handler: slog.NewJSONHandler(&out, nil)}).With("part", "admin")
	logger.InfoContext(telemetry.WithRequestID(t.Context(), "request-1"), "for a request")
	logger.InfoContext(context.WithoutCancel(telemetry.WithRequestID(t.Context(), "request-2")), "for one that is over")
	logger.Info("for none")
	var got []any
	for d := json.NewDecoder(&out); ; {
		var line map[string]any
		if err := d.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if line["part"] != "admin" {
			t.Errorf("%v", line)
		}
		got = append(got, line["request_id"])
	}
	if len(got) != 3 || got[0] != "request-1" || got[1] != "request-2" || got[2] != nil {
		t.Errorf("requests: %v", got)
	}
}

func TestTheHandlerIsOne(t *testing.T) {
	var out bytes.Buffer
	err := slogtest.TestHandler(telemetry.LogHandler{Handler: slog.NewJSONHandler(&out, nil)}, func() (all []map[string]any) {
		for line := range bytes.Lines(out.Bytes()) {
			var o map[string]any
			if err := json.Unmarshal(line, &o); err != nil {
				t.Fatal(err)
			}
			all = append(all, o)
		}
		return all
	})
	if err != nil {
		t.Error(err)
	}
}
