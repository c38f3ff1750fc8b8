package redis

import "github.com/prometheus/client_golang/prometheus"

type metrics struct{ errors prometheus.Counter }

func newMetrics(r prometheus.Registerer, l *Limiter) metrics {
	m := metrics{prometheus.NewCounter(prometheus.CounterOpts{
		Name: "bricks_redis_errors_total", Help: "Calls to Redis that failed or took too long.",
	})}
	if r == nil {
		return m
	}
	r.MustRegister(m.errors,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "bricks_redis_given_up", Help: "1 while Redis is not asked because it failed before.",
		}, func() float64 {
			if l.breaker.closed() {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "bricks_redis_retained_settlements", Help: "Settlements that wait for Redis.",
		}, func() float64 { return float64(l.retain.size()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "bricks_redis_accounts_in_doubt", Help: "Accounts whose spend is to be read again, because it may be counted twice.",
		}, func() float64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			return float64(len(l.doubt))
		}))
	return m
}
