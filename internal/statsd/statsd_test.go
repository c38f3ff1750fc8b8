package statsd_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/statsd"
)

// server takes datagrams.
type server struct {
	t    *testing.T
	conn net.PacketConn
}

func listen(t *testing.T) *server {
	t.Helper()
	var c net.ListenConfig
	conn, err := c.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &server{t, conn}
}

// take returns the lines of so many datagrams.
func (s *server) take(datagrams int) (lines []string) {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	for range datagrams {
		n, _, err := s.conn.ReadFrom(buf)
		if err != nil {
			s.t.Fatal(err)
		}
		if n > 1432 {
			s.t.Errorf("a datagram of %d bytes", n)
		}
		lines = append(lines, strings.Split(string(buf[:n]), "\n")...)
	}
	return lines
}

// flush makes the exporter send once: at its end.
func flush(x *statsd.Exporter) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_ = x.Run(over)
}

func TestWhatIsSent(t *testing.T) {
	r := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total"}, []string{"empty", "tag"})
	money := prometheus.NewCounter(prometheus.CounterOpts{Name: "usd_total"})
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g"}, []string{"k"})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: []float64{1}})
	r.MustRegister(counter, money, gauge, histogram)
	s := listen(t)
	x := statsd.New(statsd.Options{Gatherer: r, Address: s.conn.LocalAddr().String(), Logger: slog.New(slog.DiscardHandler)})

	counter.WithLabelValues("", "a|b,c#d\ne:f").Add(2)
	money.Add(0.0000045)
	gauge.WithLabelValues("up").Set(1.5)
	gauge.WithLabelValues("down").Set(-1)
	gauge.WithLabelValues("none").Set(math.NaN())
	histogram.Observe(3)
	histogram.Observe(.5)
	flush(x)
	if diff := cmp.Diff([]string{
		"c_total:2|c|#tag:a_b_c_d_e:f", "g:0|g|#k:down", "g:-1|g|#k:down", "g:1.5|g|#k:up",
		"h.count:2|c", "h.sum:3.5|c", "usd_total:0.0000045|c",
	}, s.take(1)); diff != "" {
		t.Errorf("the first time (-want +got):\n%s", diff)
	}

	counter.WithLabelValues("", "a|b,c#d\ne:f").Add(5)
	gauge.Reset()
	flush(x)
	if diff := cmp.Diff([]string{"c_total:5|c|#tag:a_b_c_d_e:f"}, s.take(1)); diff != "" {
		t.Errorf("the second time, what grew (-want +got):\n%s", diff)
	}
}

func TestManyMetricsGoInSeveralDatagrams(t *testing.T) {
	r := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total"}, []string{"tag"})
	r.MustRegister(counter)
	var want []string
	for i := range 100 { // of 30 bytes and a line end each: 46 in a datagram
		tag := fmt.Sprintf("%014d", i)
		counter.WithLabelValues(tag).Inc()
		want = append(want, "c_total:1|c|#tag:"+tag)
	}
	s := listen(t)
	flush(statsd.New(statsd.Options{Gatherer: r, Address: s.conn.LocalAddr().String(), Logger: slog.New(slog.DiscardHandler)}))
	if diff := cmp.Diff(want, s.take(3)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAServerThatIsNotThereEndsNothingAndIsSaidOnce(t *testing.T) {
	var log bytes.Buffer
	x := statsd.New(statsd.Options{Gatherer: prometheus.NewRegistry(), Address: "nowhere.invalid:8125", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	flush(x)
	flush(x)
	if n := strings.Count(log.String(), "statistics not sent"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

func TestItSendsAtEveryInterval(t *testing.T) {
	r := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g"})
	r.MustRegister(gauge)
	s := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	x := statsd.New(statsd.Options{Gatherer: r, Address: s.conn.LocalAddr().String(), Logger: slog.New(slog.DiscardHandler), Interval: time.Millisecond})
	go func() { done <- x.Run(ctx) }()
	if got := s.take(3); !slices.Equal(got, []string{"g:0|g", "g:0|g", "g:0|g"}) {
		t.Errorf("got %q", got)
	}
	cancel()
	if err := <-done; err != context.Canceled { //nolint:errorlint // it is that very one
		t.Errorf("Run = %v", err)
	}
}
