package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/bricks-gateway/bricks/envoy"
)

var loads = []load{
	{"json c=1", []byte(`{"model":"gpt-4o","max_tokens":64,"messages":[{"role":"user","content":"` + strings.Repeat("hello ", 150) + `"}]}`), 1, 400, 0},
	{"json c=16", []byte(`{"model":"gpt-4o","max_tokens":64,"messages":[{"role":"user","content":"` + strings.Repeat("hello ", 150) + `"}]}`), 16, 3000, 0},
	{"stream c=8", []byte(`{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hello"}]}`), 8, 64, streamEvents},
}

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench() error {
	explicit := flag.String("envoy", os.Getenv("ENVOY_PATH"), "path of the Envoy binary; found as the gateway finds it if empty")
	bricks := flag.String("bricks", "bin/bricks", "path of the gateway's binary")
	rounds := flag.Int("rounds", 5, "interleaved rounds")
	out := flag.String("json", "", "file for the figures as JSON")
	socket := flag.String("noop", "", "serve the no-op processor on this socket (internal)")
	flag.Parse()
	if *socket != "" {
		return serveNoop(*socket)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	binary, _, err := envoy.Locate(ctx, *explicit)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	targets, err := setUp(ctx, binary, *bricks, dir)
	if err != nil {
		return err
	}
	results, err := measure(ctx, targets, *rounds)
	if err != nil {
		return err
	}
	report(os.Stdout, targets, results)
	if *out == "" {
		return nil
	}
	b, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*out, append(b, '\n'), 0o600)
}

// measure interleaves the rounds and returns medians by load and target.
func measure(ctx context.Context, targets []target, rounds int) (map[string]map[string]sample, error) {
	samples := map[string]map[string][]sample{}
	for round := range rounds + 1 { // the first one warms up
		for _, l := range loads {
			for _, t := range targets {
				s, err := run(ctx, t, l)
				if err != nil {
					return nil, err
				}
				if round == 0 {
					continue
				}
				if samples[l.name] == nil {
					samples[l.name] = map[string][]sample{}
				}
				samples[l.name][t.name] = append(samples[l.name][t.name], s)
			}
		}
	}
	medians := map[string]map[string]sample{}
	for l, byTarget := range samples {
		medians[l] = map[string]sample{}
		for t, s := range byTarget {
			medians[l][t] = medianOf(s)
		}
	}
	return medians, nil
}

func medianOf(s []sample) sample {
	median := func(field func(sample) float64) float64 {
		values := make([]float64, len(s))
		for i := range s {
			values[i] = field(s[i])
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return sample{
		EnvoyMicros:     median(func(s sample) float64 { return s.EnvoyMicros }),
		ProcessorMicros: median(func(s sample) float64 { return s.ProcessorMicros }),
		P50:             median(func(s sample) float64 { return s.P50 }),
		P99:             median(func(s sample) float64 { return s.P99 }),
		PerSecond:       median(func(s sample) float64 { return s.PerSecond }),
		FirstToken:      median(func(s sample) float64 { return s.FirstToken }),
		EnvoyMiB:        median(func(s sample) float64 { return s.EnvoyMiB }),
		ProcessorMiB:    median(func(s sample) float64 { return s.ProcessorMiB }),
	}
}

func report(w io.Writer, targets []target, results map[string]map[string]sample) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer tw.Flush()
	fmt.Fprintln(tw, "load\tset-up\tenvoy CPU µs\tprocessor CPU µs\tsum / bare\tsum / no-op\tp50 ms\tp99 ms\trequests/s\tfirst token ms\tenvoy MiB\tprocessor MiB")
	for _, l := range loads {
		sum := func(t string) float64 { s := results[l.name][t]; return s.EnvoyMicros + s.ProcessorMicros }
		for _, t := range targets {
			s := results[l.name][t.name]
			fmt.Fprintf(tw, "%s\t%s\t%.1f\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%.2f\t%.0f\t%.0f\n", l.name, t.name,
				s.EnvoyMicros, s.ProcessorMicros, sum(t.name)/sum(bareName), sum(t.name)/sum(noopName),
				s.P50, s.P99, s.PerSecond, s.FirstToken, s.EnvoyMiB, s.ProcessorMiB)
		}
	}
	fmt.Fprintln(tw, "CPU is per request, and per event for streams. Medians of interleaved rounds.")
}
