package event_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bricks-gateway/bricks/internal/event"
)

func TestMetricsShowWhatTheSpoolHolds(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := open(t, t.TempDir(), event.Options{Registerer: registry})
	for _, id := range []string{"a", "b", "c"} {
		if err := s.Intent(example(id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Final(example("a")); err != nil {
		t.Fatal(err)
	}
	compare := func(delivered, open, waiting string) {
		t.Helper()
		want := `
# HELP bricks_spool_delivered_events_total Events that left the spool.
# TYPE bricks_spool_delivered_events_total counter
bricks_spool_delivered_events_total ` + delivered + `
# HELP bricks_spool_open_intents Requests that were let through and have not ended.
# TYPE bricks_spool_open_intents gauge
bricks_spool_open_intents ` + open + `
# HELP bricks_spool_waiting_events Events that the store does not have yet.
# TYPE bricks_spool_waiting_events gauge
bricks_spool_waiting_events ` + waiting + "\n"
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
			"bricks_spool_delivered_events_total", "bricks_spool_open_intents", "bricks_spool_waiting_events"); err != nil {
			t.Error(err)
		}
	}
	compare("0", "2", "1")
	deliverAll(t, s, &ledger{})
	compare("1", "2", "0")
}
