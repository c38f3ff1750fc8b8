package event

import "github.com/prometheus/client_golang/prometheus"

// spoolMetric is one number of Stats.
type spoolMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(Stats) float64
}

func spoolMetrics() []spoolMetric {
	metric := func(kind prometheus.ValueType, name, help string, read func(Stats) float64) spoolMetric {
		return spoolMetric{prometheus.NewDesc(name, help, nil, nil), kind, read}
	}
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []spoolMetric{
		metric(gauge, "bricks_spool_waiting_events", "Events that the store does not have yet.",
			func(s Stats) float64 { return float64(s.Waiting) }),
		metric(gauge, "bricks_spool_open_intents", "Requests that were let through and have not ended.",
			func(s Stats) float64 { return float64(s.Open) }),
		metric(gauge, "bricks_spool_bytes", "What the event spool takes on disk.",
			func(s Stats) float64 { return float64(s.Size) }),
		metric(gauge, "bricks_spool_full", "1 while the spool, or its disk, is full and requests are refused.",
			func(s Stats) float64 {
				if s.Full {
					return 1
				}
				return 0
			}),
		metric(counter, "bricks_spool_delivered_events_total", "Events that left the spool.",
			func(s Stats) float64 { return float64(s.Delivered) }),
		metric(counter, "bricks_spool_write_errors_total", "Writes and syncs of the spool that failed.",
			func(s Stats) float64 { return float64(s.WriteErrors) }),
		metric(counter, "bricks_spool_unreadable_events_total", "Events that could not be read back from disk. Their file is kept.",
			func(s Stats) float64 { return float64(s.Unreadable) }),
		metric(counter, "bricks_spool_refused_events_total", "Events that the store refused for good. They are in events.refused.",
			func(s Stats) float64 { return float64(s.Refused) }),
		metric(counter, "bricks_spool_dropped_events_total", "Events of refused requests that were given up while the disk failed.",
			func(s Stats) float64 { return float64(s.Dropped) }),
		metric(gauge, "bricks_spool_recovered_events", "Requests that a killed process had let through, settled at the start.",
			func(s Stats) float64 { return float64(s.Recovered) }),
		metric(gauge, "bricks_spool_damaged_bytes", "Bytes of the spool that were no record at the start.",
			func(s Stats) float64 { return float64(s.Damaged) }),
	}
}

// collector shows how a spool stands, all of it as of one instant.
type collector struct {
	spool   *Spool
	metrics []spoolMetric
}

func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
}

func (c collector) Collect(out chan<- prometheus.Metric) {
	stats := c.spool.Stats()
	for _, m := range c.metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(stats))
	}
}
