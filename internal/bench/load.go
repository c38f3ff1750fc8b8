package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// target is one set-up under test.
type target struct {
	admin     string // URL of the admin API; empty without a gateway
	name      string
	keyID     string // at the gateway
	settingID string
	url       string
	header    http.Header
	envoy     int // pid
	processor int // pid; 0: none
}

// sample is what one round of one load measured.
type sample struct {
	EnvoyMicros     float64 `json:"envoy_cpu_us_per_request"`
	ProcessorMicros float64 `json:"processor_cpu_us_per_request"`
	P50             float64 `json:"p50_ms"`
	P99             float64 `json:"p99_ms"`
	PerSecond       float64 `json:"requests_per_second"`
	FirstToken      float64 `json:"time_to_first_token_ms,omitempty"`
	EnvoyMiB        float64 `json:"envoy_rss_mib"`
	ProcessorMiB    float64 `json:"processor_rss_mib"`
}

// load is a shape of traffic.
type load struct {
	name        string
	body        []byte
	concurrency int
	requests    int
	events      int // per request; 0: no stream. CPU is then per event
}

// run sends l to t and measures.
func run(ctx context.Context, t target, l load) (sample, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.concurrency, MaxConnsPerHost: l.concurrency}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	latencies := make([]time.Duration, l.requests)
	firsts := make([]time.Duration, l.requests)
	errs := make([]error, l.concurrency)
	envoyBefore, processorBefore, err := cpu(t)
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	var wg sync.WaitGroup
	for w := range l.concurrency {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= l.requests || errs[w] != nil {
					return
				}
				latencies[i], firsts[i], errs[w] = one(ctx, client, t, l.body)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	for _, err := range errs {
		if err != nil {
			return sample{}, fmt.Errorf("%s, %s: %w", t.name, l.name, err)
		}
	}
	envoyAfter, processorAfter, err := cpu(t)
	if err != nil {
		return sample{}, err
	}
	units := float64(l.requests * max(1, l.events))
	s := sample{
		EnvoyMicros:     float64((envoyAfter - envoyBefore).Nanoseconds()) / 1e3 / units,
		ProcessorMicros: float64((processorAfter - processorBefore).Nanoseconds()) / 1e3 / units,
		P50:             quantile(latencies, 0.50), P99: quantile(latencies, 0.99),
		PerSecond: float64(l.requests) / took.Seconds(),
		EnvoyMiB:  rss(t.envoy), ProcessorMiB: rss(t.processor),
	}
	if l.events > 0 {
		s.FirstToken = quantile(firsts, 0.50)
	}
	return s, nil
}

// one sends a request and reads its answer to the end.
func one(ctx context.Context, client *http.Client, t target, body []byte) (total, first time.Duration, err error) {
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	req.Header = t.header
	resp, err := client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	if _, err := r.ReadByte(); err != nil && err != io.EOF {
		return 0, 0, err
	}
	first = time.Since(start)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return 0, 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("status %d", resp.StatusCode)
	}
	return time.Since(start), first, nil
}

// quantile returns the q-quantile in milliseconds.
func quantile(d []time.Duration, q float64) float64 {
	s := slices.Clone(d)
	slices.Sort(s)
	return float64(s[int(q*float64(len(s)-1))].Microseconds()) / 1e3
}
