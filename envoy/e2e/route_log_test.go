package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// attemptLine is what the access log says of an attempt.
type attemptLine struct {
	EventID  string `json:"event_id"`
	RouteID  string `json:"route_id"`
	Attempt  int    `json:"attempt"`
	Step     int    `json:"step"`
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Cluster  string `json:"cluster"`
	Status   int    `json:"status"`
	Flags    string `json:"flags"`
}

// attemptLines are the lines of one request, in order.
func attemptLines(logs, event string) (lines []attemptLine) {
	for line := range strings.SplitSeq(logs, "\n") {
		var record struct {
			Msg     string
			Attempt attemptLine
		}
		if json.Unmarshal([]byte(line), &record) == nil && record.Msg == "access" && record.Attempt.EventID == event {
			lines = append(lines, record.Attempt)
		}
	}
	return lines
}

// routeLog: every attempt has its line, that of a step that cannot be reached
// too.
func routeLog(t *testing.T, e *faultEnv) {
	id := e.newRoute("/log", []testenv.Object{faultyStep("refused", nil), faultyStep("", testenv.Object{"retries": 1}), step(0, nil)})
	for name, c := range map[string]struct {
		fault, body string
		status      int
		flags       string
	}{
		"an error":   {"503", anyChat, 503, "-"},
		"a time-out": {"timeout", anyChat, 504, "UT"},
		"a stream":   {"error event", `{"stream":true,` + hello + `}`, 200, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			a := e.post(t, "/api/route/log", c.body, "X-Fault", c.fault, "X-Case", "log "+name)
			if a.status != 200 {
				t.Fatalf("got %v", a)
			}
			var lines []attemptLine
			testenv.Eventually(t, waitForEvents, "a line of each attempt", func() bool {
				lines = attemptLines(e.Logs(), a.eventID())
				return len(lines) == 4
			})
			for i := range lines {
				if lines[i].Cluster == "" {
					t.Errorf("attempt %d names no cluster", i+1)
				}
				lines[i].Cluster = ""
			}
			line := func(number, step int, model string, status int, flags string) attemptLine {
				return attemptLine{EventID: a.eventID(), RouteID: id, Attempt: number, Step: step, Provider: "openai", Model: model, Status: status, Flags: flags}
			}
			want := []attemptLine{
				line(1, 0, refusedModel, 502, "URX,UF"), line(2, 1, faultyModel, c.status, c.flags), line(3, 1, faultyModel, c.status, c.flags), line(4, 2, stepModels[0], 200, "-"),
			}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Errorf("lines differ (-want +got):\n%s", diff)
			}
		})
	}
}
