// Package statsd sends what a Prometheus registry holds to a StatsD server that
// knows tags, such as Datadog's agent: the same names and labels, so that there
// is one vocabulary.
//
// A counter is sent as what it grew by, a gauge as it stands. Of a histogram
// there are the count and the sum, as counters NAME.count and NAME.sum; its
// buckets are Prometheus's alone. It goes by UDP: what nobody takes is lost, and
// no request waits for it.
package statsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const (
	interval = 10 * time.Second
	// maxDatagram passes every network without being taken apart.
	maxDatagram = 1432
	sendTimeout = time.Second
)

// Options configures an Exporter. Gatherer, Address and Logger are required.
type Options struct {
	Gatherer prometheus.Gatherer
	Address  string // host:port
	Logger   *slog.Logger
	// Interval is how often metrics are sent; 10 s if 0.
	Interval time.Duration
}

// Exporter sends metrics. It is used by Run alone.
type Exporter struct {
	o       Options
	sent    map[string]float64 // what counters stood at, by name and tags
	failing bool
}

// New returns an exporter that has sent nothing yet.
func New(o Options) *Exporter {
	if o.Interval == 0 {
		o.Interval = interval
	}
	return &Exporter{o: o, sent: map[string]float64{}}
}

// Run sends at every interval until ctx ends, and then once more. It returns
// ctx's error: a server that cannot be reached ends nothing.
func (x *Exporter) Run(ctx context.Context) error {
	tick := time.NewTicker(x.o.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			x.flush(ctx)
		case <-ctx.Done():
			x.flush(context.WithoutCancel(ctx))
			return ctx.Err()
		}
	}
}

// flush says once when sending begins to fail, and not again before it went well.
func (x *Exporter) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err := x.send(ctx)
	if err != nil && !x.failing {
		x.o.Logger.Warn("statistics not sent", slog.String("address", x.o.Address), slog.Any("error", err))
	}
	x.failing = err != nil
}

func (x *Exporter) send(ctx context.Context) error {
	families, err := x.o.Gatherer.Gather()
	if err != nil && len(families) == 0 {
		return fmt.Errorf("gather metrics: %w", err)
	}
	// Anew each time: the server's address may be another by now.
	var d net.Dialer
	conn, errDial := d.DialContext(ctx, "udp", x.o.Address)
	if errDial != nil {
		return errDial
	}
	defer conn.Close() //nolint:errcheck // nothing waits in it
	var datagram []byte
	var faults []error
	put := func(line string) {
		if len(datagram) > 0 && len(datagram)+1+len(line) > maxDatagram {
			_, err := conn.Write(datagram)
			faults, datagram = append(faults, err), datagram[:0]
		}
		if len(datagram) > 0 {
			datagram = append(datagram, '\n')
		}
		datagram = append(datagram, line...)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			x.lines(f.GetName(), m, put)
		}
	}
	if len(datagram) > 0 {
		_, err := conn.Write(datagram)
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// lines puts one metric into words.
func (x *Exporter) lines(name string, m *dto.Metric, put func(string)) {
	tags := tagsOf(m)
	switch {
	case m.Counter != nil:
		x.counter(name, tags, m.Counter.GetValue(), put)
	case m.Gauge != nil:
		gauge(name, tags, m.Gauge.GetValue(), put)
	case m.Histogram != nil:
		x.counter(name+".count", tags, float64(m.Histogram.GetSampleCount()), put)
		x.counter(name+".sum", tags, m.Histogram.GetSampleSum(), put)
	case m.Summary != nil:
		x.counter(name+".count", tags, float64(m.Summary.GetSampleCount()), put)
		x.counter(name+".sum", tags, m.Summary.GetSampleSum(), put)
	}
}

func (x *Exporter) counter(name, tags string, value float64, put func(string)) {
	key := name + tags
	if grown := value - x.sent[key]; grown > 0 {
		put(name + ":" + number(grown) + "|c" + tags)
		x.sent[key] = value
	}
}

func gauge(name, tags string, value float64, put func(string)) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	if value < 0 { // a sign makes it a change
		put(name + ":0|g" + tags)
	}
	put(name + ":" + number(value) + "|g" + tags)
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// reserved are characters that a tag must not hold.
var reserved = strings.NewReplacer("|", "_", ",", "_", "#", "_", "\n", "_", "\r", "_")

// tagsOf are the labels that have a value.
func tagsOf(m *dto.Metric) string {
	var b strings.Builder
	for _, l := range m.GetLabel() {
		if l.GetValue() == "" {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("|#")
		} else {
			b.WriteByte(',')
		}
		b.WriteString(l.GetName() + ":" + reserved.Replace(l.GetValue()))
	}
	return b.String()
}
