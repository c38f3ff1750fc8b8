// Command fakeprovider serves the fake OpenAI and Anthropic on loopback, to try
// the gateway without an account and to drive the clients' own test suites. It
// prints one line of JSON with its URL and credentials, and at its end, on
// SIGINT or SIGTERM, one with what it saw; violations make it exit with 1.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fakeprovider:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fakeprovider", flag.ContinueOnError)
	address := flags.String("address", "127.0.0.1:0", "host:port to listen on")
	unrecorded := flags.Bool("unrecorded", false, "keep no requests, for benchmarks")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p, err := fakeprovider.Start(fakeprovider.Options{Address: *address, Unrecorded: *unrecorded})
	if err != nil {
		return err
	}
	defer p.Close()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]string{
		"event": "ready", "url": p.URL(), "openai_key": fakeprovider.OpenAIKey, "anthropic_key": fakeprovider.AnthropicKey,
	}); err != nil {
		return err
	}
	<-ctx.Done()
	violations := p.Violations()
	if err := out.Encode(map[string]any{"event": "stopped", "requests": len(p.Requests()), "violations": violations}); err != nil {
		return err
	}
	if len(violations) > 0 {
		return fmt.Errorf("%d violations", len(violations))
	}
	return nil
}
