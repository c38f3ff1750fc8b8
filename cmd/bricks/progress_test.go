package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestLongCommandsSaySo asks a gateway that answers once the command has said that
// it waits.
func TestLongCommandsSaySo(t *testing.T) {
	out, stderr := &bytes.Buffer{}, &output{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for !strings.Contains(stderr.String(), "verify the ledger: 1s\n") && r.Context().Err() == nil {
			<-ticker.C
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"accounts":3,"differences":[]}`))
	}))
	defer server.Close()
	if err := run(t.Context(), []string{"ledger", "verify", "--admin-url", server.URL}, nil, out, stderr); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "3 accounts are counted") {
		t.Errorf("printed %q", out)
	}
}
