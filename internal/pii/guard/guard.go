// Package guard keeps a detector that fails, hangs or is overrun from holding up
// the gateway: a time-out, a bound on what runs and waits at once, and a circuit
// breaker. It decides nothing about requests: what a failure means for one is
// its policy's matter.
package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/bricks-gateway/bricks/internal/pii"
)

var (
	// ErrOpen says that a detector was not asked, because it kept failing.
	ErrOpen = errors.New("it keeps failing and is not asked for now")
	// ErrBusy says that it was not asked, because too many wait for it.
	ErrBusy = errors.New("too many requests wait for it")
	// ErrTooLong says that it was not asked, because the texts are too long.
	ErrTooLong = fmt.Errorf("more text than it is given at once: %w", pii.ErrRefused)
)

// Options bounds a detector. Every number must be above zero.
type Options struct {
	Name     string        // in metrics and logs
	Timeout  time.Duration // of one Detect, waiting included
	Bytes    int           // of the texts of one Detect
	Running  int           // at once
	Waiting  int           // for one that runs to end
	Failures int           // in a row after which it is not asked
	Pause    time.Duration // until it is tried again, with one request
	Metrics  *Metrics
	Logger   *slog.Logger
}

// Detector is a detector within bounds. It is safe for concurrent use.
type Detector struct {
	inner   pii.Detector
	o       Options
	slots   chan struct{}
	waiting atomic.Int64
	breaker breaker
}

var _ pii.Detector = (*Detector)(nil)

// New guards inner.
func New(inner pii.Detector, o Options) *Detector {
	o.Metrics.up.WithLabelValues(o.Name).Set(1)
	return &Detector{inner: inner, o: o, slots: make(chan struct{}, o.Running), breaker: breaker{limit: o.Failures, pause: o.Pause}}
}

// Detect is pii.Detector's. It returns within the time-out as far as the
// detector heeds its context; then the error is context.DeadlineExceeded. Others
// of its own are ErrOpen, ErrBusy and ErrTooLong.
func (d *Detector) Detect(ctx context.Context, texts []string, types pii.Set) ([][]pii.Span, error) {
	what := "error" // a panic
	defer func() { d.o.Metrics.requests.WithLabelValues(d.o.Name, what).Inc() }()
	found, err := d.detect(ctx, texts, types)
	what = outcome(err)
	return found, err
}

func (d *Detector) detect(ctx context.Context, texts []string, types pii.Set) ([][]pii.Span, error) {
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	if size > d.o.Bytes {
		return nil, ErrTooLong
	}
	if d.breaker.refuses(time.Now()) { // those who wait for a slot would only wait longer
		return nil, ErrOpen
	}
	own, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	if err := d.acquire(own); err != nil {
		return nil, err
	}
	defer func() { <-d.slots }()
	probe, ok := d.breaker.begin(time.Now())
	if !ok {
		return nil, ErrOpen
	}
	result, failure := failed, error(nil) // a panic is a failure too
	start := time.Now()
	defer func() {
		d.o.Metrics.duration.WithLabelValues(d.o.Name).Observe(time.Since(start).Seconds())
		d.report(d.breaker.end(probe, result, time.Now()), failure)
	}()
	found, err := d.inner.Detect(own, texts, types)
	result, failure = judge(ctx, err), err
	return found, err
}

// acquire waits for a slot until ctx ends.
func (d *Detector) acquire(ctx context.Context) error {
	select {
	case d.slots <- struct{}{}:
		return nil
	default:
	}
	if d.waiting.Add(1) > int64(d.o.Waiting) {
		d.waiting.Add(-1)
		return ErrBusy
	}
	defer d.waiting.Add(-1)
	select {
	case d.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// judge says what an error tells of the detector. ctx is the caller's: when that
// has ended, nobody can say what the detector would have done.
func judge(ctx context.Context, err error) result {
	switch {
	case err == nil:
		return worked
	case ctx.Err() != nil, errors.Is(err, pii.ErrRefused):
		return unclear
	}
	return failed
}

// report makes a change of the breaker known.
func (d *Detector) report(c change, failure error) {
	switch c {
	case opened:
		d.o.Metrics.up.WithLabelValues(d.o.Name).Set(0)
		d.o.Logger.Warn("detector keeps failing and is not asked for a while", "detector", d.o.Name, "error", failure)
	case closed:
		d.o.Metrics.up.WithLabelValues(d.o.Name).Set(1)
		d.o.Logger.Info("detector works again", "detector", d.o.Name)
	}
}

// outcome is an error's name in the metric.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrOpen):
		return "open"
	case errors.Is(err, ErrBusy):
		return "busy"
	case errors.Is(err, pii.ErrRefused):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "error"
}
