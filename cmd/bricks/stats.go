package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/bricks-gateway/bricks/internal/statsd"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

// statsdConfig is where STATS_PROVIDER datadog and statsd send to.
type statsdConfig struct {
	ServerHost string `env:"HOST"` // names of their own, see variableOf
	ServerPort string `env:"PORT"`
}

const defaultStatsdPort = "8125"

// address is host:port. What Kubernetes puts into STATSD_PORT for a service of
// that name is the default.
func (c *statsdConfig) address() (string, error) {
	port := c.ServerPort
	if port == "" || strings.Contains(port, "://") {
		port = defaultStatsdPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("STATSD_PORT: %q is not a port", c.ServerPort)
	}
	return net.JoinHostPort(strings.Trim(c.ServerHost, "[]"), port), nil
}

func (c *statsdConfig) validate() error {
	_, err := c.address()
	return err
}

// startStats sends the metrics to a StatsD server where one is asked for. It
// starts before what counts, and so ends after it and sends the last of it.
func (s *system) startStats() {
	if p := s.config.StatsProvider; p != "datadog" && p != "statsd" {
		return
	}
	address, err := s.config.Statsd.address()
	if err != nil {
		panic(err) // it was validated
	}
	s.onStop(s.workers.start("statistics", statsd.New(statsd.Options{
		Gatherer: s.registry, Address: address, Logger: s.logger,
	}).Run))
}

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
