package controlplane

import (
	"context"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what operators watch of the distribution.
type metrics struct {
	syncErrors prometheus.Counter
	lastSync   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, c *ControlPlane) *metrics {
	m := &metrics{
		syncErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bricks_controlplane_sync_errors_total", Help: "Times that changes could not be read or distributed. They are tried again."}),
		lastSync: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bricks_controlplane_last_sync_timestamp_seconds", Help: "When the store was last seen to hold nothing that is not distributed, in Unix seconds."}),
	}
	if r == nil {
		return m
	}
	r.MustRegister(m.syncErrors, m.lastSync,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "bricks_controlplane_revision", Help: "The store's revision that is distributed; -1 before the first one.",
		}, func() float64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return float64(c.applied)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "bricks_controlplane_processors", Help: "Processors that are connected.",
		}, func() float64 { return float64(c.config.Streams()) }),
		xdsCollector{c})
	return m
}

// synced notes how a sync ended. One that its caller gave up says nothing.
func (m *metrics) synced(ctx context.Context, err error) {
	switch {
	case err == nil:
		m.lastSync.SetToCurrentTime()
	case ctx.Err() == nil:
		m.syncErrors.Inc()
	}
}

// xdsCollector shows how far the connected Envoys are.
type xdsCollector struct{ c *ControlPlane }

var (
	xdsNodes     = prometheus.NewDesc("bricks_xds_nodes", "Envoys that are connected.", nil, nil)
	xdsBehind    = prometheus.NewDesc("bricks_xds_nodes_out_of_sync", "Connected Envoys that do not have all that they should.", nil, nil)
	xdsResources = prometheus.NewDesc("bricks_xds_resources", "Resources that Envoys should have, without those made on demand, by type (listener, route, cluster).", []string{"type"}, nil)
	xdsRefused   = prometheus.NewDesc("bricks_xds_refused_resources", "Resources that an Envoy refused and that have not changed since, over all Envoys.", nil, nil)
	xdsNACKs     = prometheus.NewDesc("bricks_xds_nacks_total", "Updates that an Envoy refused.", nil, nil)
)

// typeNames are the types of resources, as their label says them.
var typeNames = map[string]string{
	resourcev3.ListenerType: "listener", resourcev3.RouteType: "route", resourcev3.ClusterType: "cluster",
}

func (x xdsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{xdsNodes, xdsBehind, xdsResources, xdsRefused, xdsNACKs} {
		out <- d
	}
}

func (x xdsCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	status := x.c.ads.Status()
	behind, refused := 0, 0
	for _, n := range status.Nodes {
		inSync := true
		for _, t := range n.Types {
			inSync = inSync && t.InSync
			refused += len(t.Refused)
		}
		if !inSync {
			behind++
		}
	}
	gauge(xdsNodes, len(status.Nodes))
	gauge(xdsBehind, behind)
	gauge(xdsRefused, refused)
	published := x.c.current()
	for url, name := range typeNames {
		gauge(xdsResources, len(published[url]), name)
	}
	out <- prometheus.MustNewConstMetric(xdsNACKs, prometheus.CounterValue, float64(x.c.ads.NACKs()))
}
