package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// checkLog: every line is a JSON object with a time, a level and a message, none
// says what clients or models say, and those of the admin API name its request.
func (e *env) checkLog(t *testing.T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.Admin+"/api/policies", strings.NewReader(`{"name":"logged","tags":["test"],"config":{"rules":{"all":"block"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	id := resp.Header.Get("X-Request-Id")
	if resp.StatusCode != http.StatusOK || id == "" {
		t.Fatalf("status %d, request id %q", resp.StatusCode, id)
	}
	var text string
	testenv.Eventually(t, waitForEvents, "a line that names the request "+id, func() (named bool) {
		text, named = "", false
		for line := range strings.SplitSeq(e.Logs(), "\n") {
			if strings.HasPrefix(line, "{") { // else it is what standard error says to people
				named = e.checkLine(t, line) == id || named
				text += line + "\n"
			}
		}
		return named
	})
	for _, said := range []string{"hello there gateway", "You said", "Be brief", "Mail ["} {
		if i := strings.Index(text, said); i >= 0 {
			t.Errorf("the log says what people say: %s", text[max(0, i-200):min(len(text), i+40)])
		}
	}
}

// checkLine returns the request of an admin's change.
func (e *env) checkLine(t *testing.T, line string) string {
	t.Helper()
	var record struct {
		Time, Level, Msg, Event string
		RequestID               string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(line), &record); err != nil || record.Event != "ready" && (record.Time == "" || record.Level == "" || record.Msg == "") {
		t.Errorf("no record: %s", line)
	}
	if record.Msg != "admin change" {
		return ""
	}
	return record.RequestID
}
