// Command bricks is the gateway's one program: `bricks up` runs all of it with
// Envoy as a child, `bricks serve` all but Envoy, and the rest are tools.
//
// The package holds flags, wiring and shutdown, and no behaviour of its own.
// Read gateway.go for the order in which the parts start and stop.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/bricks-gateway/bricks/envoy"
	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/progress"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

func main() {
	if err := harden(); err != nil {
		fmt.Fprintln(os.Stderr, "bricks:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second signal ends the process at once: the spool and the store
	// survive that, and Envoy dies with its parent.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bricks:", err)
		os.Exit(cli.ExitCode(err))
	}
}

// run is the program without its process: it returns when ctx ends and all is
// drained, or on the first fault. Tests call it with port 0 everywhere.
func run(ctx context.Context, args, environment []string, stdout, stderr io.Writer) error {
	ctx = progress.To(ctx, stderr)
	command, c, err := parse(args, environment, stdout, stderr)
	if errors.Is(err, errHelp) {
		return nil
	}
	if err != nil {
		return &cli.Usage{Err: err}
	}
	if c.Call != nil {
		return runCall(ctx, c, environment, stdout, stderr)
	}
	level, err := logLevel(c.LogLevel)
	if err != nil {
		return err
	}
	logger := slog.New(telemetry.LogHandler{Handler: slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: level})})
	switch command {
	case "up":
		if c.Up.Demo {
			return runDemo(ctx, c, logger, stdout, stderr)
		}
		return runGateway(ctx, c, true, logger, stdout, stderr)
	case "serve":
		return runGateway(ctx, c, false, logger, stdout, stderr)
	case "controlplane":
		return runControlPlane(ctx, c, logger, stdout, stderr)
	case "processor":
		return runProcessor(ctx, c, logger, stdout, stderr)
	case "admin":
		return runAdmin(ctx, c, logger, stdout, stderr)
	case "check":
		return runCheck(ctx, c, stdout)
	case "migrate":
		return runMigrate(ctx, c, logger, stderr)
	case "ledger verify":
		return runLedgerVerify(ctx, c, stdout)
	case "audit verify":
		return runAuditVerify(ctx, c, logger, stdout)
	case "events rerate":
		return runRerate(ctx, c, stdout, stderr)
	case "import bricksllm", "import litellm":
		return runImport(ctx, c, command, stdout, stderr)
	case "policies test <id> <text>":
		return runPolicyTest(ctx, c, slog.New(slog.NewJSONHandler(stderr, nil)), stdout)
	case "settings test <id>":
		return runSettingTest(ctx, c, stdout)
	case "policies scan":
		return runPolicyScan(ctx, c, slog.New(slog.NewJSONHandler(stderr, nil)), os.Stdin, stdout)
	case "completion <shell>":
		return c.Completion.Print(stdout)
	case "version":
		_, err := fmt.Fprintf(stdout, "bricks %s (%s, Envoy %s)\n", version(), runtime.Version(), envoy.PinnedVersion())
		return err
	default:
		return fmt.Errorf("unknown command %q", command)
	}
}

// version is the module's version as the Go command stamped it: a tag, or a
// commit's pseudo-version.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// runCheck says whether `up` would start: parse has checked the values, and
// here Envoy is found and shown its bootstrap. The store is not opened, since
// that would migrate it.
func runCheck(ctx context.Context, c config, stdout io.Writer) error {
	path, found, err := envoy.Locate(ctx, c.EnvoyPath)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bricks-check-")
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a directory of our own under the temporary one
	bootstrap, err := bootstrapFor(c, filepath.Join(dir, "x"), filepath.Join(dir, "p"))
	if err != nil {
		return err
	}
	if err := envoy.Check(ctx, path, bootstrap, dir); err != nil {
		return err
	}
	store := "embedded, in " + c.DataDir
	if c.Postgres.enabled() {
		store = "PostgreSQL (not contacted)"
	}
	_, err = fmt.Fprintf(stdout, "configuration: ok\nenvoy: %s (%s)\nstore: %s\n", found, path, store)
	return err
}

// runMigrate opens the store, which brings its schema up to date.
func runMigrate(ctx context.Context, c config, logger *slog.Logger, stderr io.Writer) error {
	release, err := lockDataDir(c.DataDir)
	if err != nil {
		return err
	}
	defer release()
	s, _, err := openStore(ctx, c, logger)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	_, err = fmt.Fprintln(stderr, "The store's schema is up to date.")
	return err
}
