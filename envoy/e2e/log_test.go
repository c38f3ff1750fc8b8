package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
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
	id, named := resp.Header.Get("X-Request-Id"), false
	if resp.StatusCode != http.StatusOK || id == "" {
		t.Fatalf("status %d, request id %q", resp.StatusCode, id)
	}
	text := ""
	for line := range strings.SplitSeq(e.Logs(), "\n") {
		if !strings.HasPrefix(line, "{") {
			continue // what standard error says to people
		}
		var record struct {
			Time, Level, Msg, Event string
			RequestID               string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Event != "ready" && (record.Time == "" || record.Level == "" || record.Msg == "") {
			t.Errorf("no record: %s", line)
		}
		named = named || record.Msg == "admin change" && record.RequestID == id
		text += line + "\n"
	}
	if !named {
		t.Errorf("no line names the request %s", id)
	}
	for _, said := range []string{"hello there gateway", "You said", "Be brief", "Mail ["} {
		if i := strings.Index(text, said); i >= 0 {
			t.Errorf("the log says what people say: %s", text[max(0, i-200):min(len(text), i+40)])
		}
	}
}
