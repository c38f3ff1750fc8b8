// Package measured puts metrics around a limiter: what it refuses and why, how
// long it takes, and how much money is reserved now. It decides nothing itself.
//
// It counts the calls of this process, so that it costs the same whether the
// limiter counts here or in Redis. Labels are sets that the gateway's own code
// bounds: no account is among them.
package measured

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Limiter implements limit.Limiter by another one.
type Limiter struct {
	limit.Limiter
	refused                    *prometheus.CounterVec
	errors                     *prometheus.CounterVec
	exhausted, reserve, settle prometheus.Observer
	open, money                atomic.Int64
}

var _ limit.Limiter = (*Limiter)(nil)

// New measures l. Its metrics go to r, which is required.
func New(l limit.Limiter, r prometheus.Registerer) *Limiter {
	m := &Limiter{
		Limiter: l,
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bricks_limit_refusals_total", Help: "Requests over a limit, by the refusal's code, whose limit it is (key, user) and which (rate, parallel, cost, window_cost).",
		}, []string{"code", "holder", "limit"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bricks_limit_errors_total", Help: "Calls to the limiter that failed, by call (exhausted, reserve, extend, settle, book).",
		}, []string{"call"}),
	}
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "bricks_limit_duration_seconds", Help: "How long a request waits for its limits, by call (exhausted, reserve, settle).",
		Buckets: []float64{.00001, .0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1, 5},
	}, []string{"call"})
	m.exhausted, m.reserve, m.settle = duration.WithLabelValues("exhausted"), duration.WithLabelValues("reserve"), duration.WithLabelValues("settle")
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	r.MustRegister(m.refused, m.errors, duration,
		gauge("bricks_reservations", "Reservations of requests that run now.", func() float64 { return float64(m.open.Load()) }),
		gauge("bricks_reserved_usd", "Dollars that are reserved for the requests that run now.",
			func() float64 { return float64(m.money.Load()) / float64(gateway.USD) }))
	return m
}

// Exhausted implements limit.Limiter.
func (l *Limiter) Exhausted(ctx context.Context, accounts []limit.Account, money bool) error {
	start := time.Now()
	err := l.Limiter.Exhausted(ctx, accounts, money)
	l.exhausted.Observe(time.Since(start).Seconds())
	return l.note("exhausted", err)
}

// Reserve implements limit.Limiter.
func (l *Limiter) Reserve(ctx context.Context, q limit.Request) (limit.Reservation, error) {
	start := time.Now()
	inner, err := l.Limiter.Reserve(ctx, q)
	l.reserve.Observe(time.Since(start).Seconds())
	if err != nil {
		return nil, l.note("reserve", err)
	}
	r := &reservation{Reservation: inner, l: l}
	r.held.Store(int64(inner.Granted()))
	l.open.Add(1)
	l.money.Add(int64(inner.Granted()))
	return r, nil
}

// Book implements limit.Limiter.
func (l *Limiter) Book(ctx context.Context, b limit.Booking) error {
	return l.note("book", l.Limiter.Book(ctx, b))
}

// note counts err and hands it back.
func (l *Limiter) note(call string, err error) error {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*limit.Refusal](err); ok {
		holder, which := scope(r.Scope)
		l.refused.WithLabelValues(r.Code, holder, which).Inc()
	} else if !errors.Is(err, context.Canceled) { // a client that left is no fault of the limiter
		l.errors.WithLabelValues(call).Inc()
	}
	return err
}

// scope reads whose and which limit a refusal's scope names. That is written for
// people, and names the end user, which must not become a label.
func scope(s string) (holder, which string) {
	holder = "user"
	if strings.HasPrefix(s, "key ") {
		holder = "key"
	}
	switch {
	case strings.HasSuffix(s, " rate limit"):
		return holder, "rate"
	case strings.HasSuffix(s, " parallel requests"):
		return holder, "parallel"
	case strings.HasSuffix(s, " total cost limit"):
		return holder, "cost"
	}
	return holder, "window_cost"
}

// reservation takes itself off the gauges when it ends.
type reservation struct {
	limit.Reservation
	l    *Limiter
	over atomic.Bool
	held atomic.Int64 // nano-dollars that the gauge has of it
}

// Extend implements limit.Reservation.
func (r *reservation) Extend(ctx context.Context, more gateway.NanoUSD) error {
	if err := r.Reservation.Extend(ctx, more); err != nil {
		return r.l.note("extend", err)
	}
	r.held.Add(int64(more))
	r.l.money.Add(int64(more))
	return nil
}

// Settle implements limit.Reservation.
func (r *reservation) Settle(ctx context.Context, cost gateway.NanoUSD) error {
	start := time.Now()
	err := r.Reservation.Settle(ctx, cost)
	if !r.over.Swap(true) {
		r.l.settle.Observe(time.Since(start).Seconds())
		r.l.open.Add(-1)
		r.l.money.Add(-r.held.Load())
	}
	return r.l.note("settle", err)
}
