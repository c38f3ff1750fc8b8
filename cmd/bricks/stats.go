package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/bricks-gateway/bricks/internal/telemetry"
)

// usage bounds the labels of metrics that clients choose.
func (c *config) usage() telemetry.Options {
	o := telemetry.Options{MaxUsers: c.MetricsUsers}
	if o.MaxUsers == 0 {
		o.MaxUsers = -1 // none
	}
	return o
}

// buildInfo names the version that runs.
func buildInfo() prometheus.Collector {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bricks_build_info", Help: "1, for the version that runs."}, []string{"version"})
	info.WithLabelValues(version()).Set(1)
	return info
}

// goRuntime shows the Go runtime without its older names: two of them differ by
// _total only, which OpenMetrics takes for one name.
func goRuntime() prometheus.Collector {
	return collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled(),
		collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsMemory))
}
