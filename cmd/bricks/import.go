package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/controlplane"
	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/imports"
	"github.com/bricks-gateway/bricks/internal/imports/adopt"
	"github.com/bricks-gateway/bricks/internal/imports/bricksllm"
	"github.com/bricks-gateway/bricks/internal/imports/litellm"
	"github.com/bricks-gateway/bricks/internal/progress"
)

// importCommand holds what other gateways are taken over from.
type importCommand struct {
	BricksLLM importBricksLLM `cmd:"" name:"bricksllm" help:"Take over provider settings, keys, users, policies and routes from BricksLLM's PostgreSQL database."`
	LiteLLM   importLiteLLM   `cmd:"" name:"litellm" help:"Take over provider settings and keys from a LiteLLM proxy's configuration file and list of keys."`
}

// importFlags are those of every import.
type importFlags struct {
	DryRun          bool     `help:"Say what would be made, by the same checks, and make nothing."`
	SkipUnsupported bool     `help:"Import the rest when objects are refused; without it everything is imported or nothing."`
	Ignore          []string `placeholder:"FIELD" help:"A field that is refused because nothing here does the same, and that you can do without; may be repeated."`
}

// importBricksLLM are those of bricks import bricksllm.
type importBricksLLM struct {
	From  *string     `placeholder:"URL" help:"BricksLLM's database, such as postgres://user@host/bricksllm (IMPORT_FROM, where a password is better kept)."`
	Flags importFlags `embed:""`
}

// importLiteLLM are those of bricks import litellm.
type importLiteLLM struct {
	Config string      `required:"" placeholder:"FILE" help:"LiteLLM's configuration file; variables that it names are read from the environment."`
	Keys   string      `placeholder:"FILE" help:"What GET /key/list?return_full_object=true answered, or /key/info; several answers may follow one another."`
	Flags  importFlags `embed:""`
}

// applyImport lays the flags over the variables.
func (c *config) applyImport(flags *importCommand) {
	c.ImportBricksLLM, c.ImportLiteLLM = flags.BricksLLM, flags.LiteLLM
	if flags.BricksLLM.From != nil {
		c.ImportFrom = gateway.NewSecret(*flags.BricksLLM.From)
	}
}

// runImport reads a source, makes what is in it, and says what became of each
// object. A refused object is an error.
func runImport(ctx context.Context, c config, command string, stdout, stderr io.Writer) error {
	logger := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	from := c.importFrom(command)
	flags := from.flags
	var objects []*imports.Object
	var notes []string
	err := progress.Do(ctx, "read from "+from.source, func(ctx context.Context) (err error) {
		objects, notes, err = from.read(ctx)
		return err
	})
	if err != nil {
		return err
	}
	c, release, err := c.openForImport(flags.DryRun)
	if err != nil {
		return err
	}
	defer release()
	db, keyring, err := openStore(ctx, c, logger)
	if err != nil {
		return err
	}
	checkURL, err := controlplane.NewURLCheck(c.AllowUpstream, nil, logger)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	options := adopt.Options{
		Source: from.source, Store: db, Keyring: keyring,
		DryRun: flags.DryRun, SkipUnsupported: flags.SkipUnsupported, Ignore: flags.Ignore,
		API: func(s *adopt.Store) (http.Handler, error) {
			return admin.New(admin.Options{Store: s, Keyring: keyring, Logger: logger, Loopback: true, CheckURL: checkURL})
		},
	}
	var results []adopt.Result
	var kept bool
	err = progress.Do(ctx, "import", func(ctx context.Context) (err error) {
		results, kept, err = adopt.Run(ctx, options, objects)
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return printImport(stdout, results, notes, kept, flags)
}

// importFrom is what an import reads.
type importFrom struct {
	source string
	flags  importFlags
	// read returns the objects, and notes that are about none of them.
	read func(context.Context) ([]*imports.Object, []string, error)
}

func (c *config) importFrom(command string) importFrom {
	if command == "import litellm" {
		return importFrom{litellm.Source, c.ImportLiteLLM.Flags, c.readLiteLLM}
	}
	return importFrom{bricksllm.Source, c.ImportBricksLLM.Flags, c.readBricksLLM}
}

func (c *config) readBricksLLM(ctx context.Context) ([]*imports.Object, []string, error) {
	if c.ImportFrom.Empty() {
		return nil, nil, errors.New("say where BricksLLM's database is: --from or IMPORT_FROM")
	}
	objects, err := bricksllm.Read(ctx, c.ImportFrom, time.Now())
	return objects, nil, err
}

func (c *config) readLiteLLM(context.Context) ([]*imports.Object, []string, error) {
	config, err := os.ReadFile(c.ImportLiteLLM.Config)
	if err != nil {
		return nil, nil, fmt.Errorf("--config: %w", err)
	}
	var keys []byte
	if c.ImportLiteLLM.Keys != "" {
		if keys, err = os.ReadFile(c.ImportLiteLLM.Keys); err != nil {
			return nil, nil, fmt.Errorf("--keys: %w", err)
		}
	}
	return litellm.Read(config, keys, func(name string) string { return c.Variables[name] }, time.Now())
}

// openForImport makes sure that no gateway runs on an embedded store. A dry run
// before the first start leaves no data directory behind.
func (c config) openForImport(dryRun bool) (config, func(), error) {
	if c.Postgres.enabled() {
		return c, func() {}, nil // a gateway may run on it, and learns of the changes
	}
	_, err := os.Stat(filepath.Join(c.DataDir, "bricks.db"))
	if dryRun && errors.Is(err, fs.ErrNotExist) {
		dir, err := os.MkdirTemp("", "bricks-import-")
		if err != nil {
			return c, nil, fmt.Errorf("import: %w", err)
		}
		c.DataDir = dir
		return c, func() { _ = os.RemoveAll(dir) }, nil
	}
	release, err := lockDataDir(c.DataDir)
	if err != nil {
		return c, nil, fmt.Errorf("%w; stop the gateway for the import", err)
	}
	return c, release, nil
}

func printImport(stdout io.Writer, results []adopt.Result, notes []string, kept bool, flags importFlags) error {
	counts := map[adopt.Outcome]int{}
	table := tabwriter.NewWriter(stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT\tKIND\tNAME\tID")
	for _, r := range results {
		counts[r.Outcome]++
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Outcome, r.Kind, cli.Printable(r.Name), r.ID)
		if flags.DryRun && r.Outcome == adopt.Made {
			fmt.Fprintf(table, "\t\t%s\n", cli.Printable(r.Describe()))
		}
		for _, text := range append(r.Why, r.Notes...) {
			fmt.Fprintf(table, "\t\t- %s\n", cli.Printable(text))
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	for _, text := range notes {
		fmt.Fprintf(stdout, "note: %s\n", cli.Printable(text))
	}
	fmt.Fprintf(stdout, "%d new, %d there already, %d refused.\n", counts[adopt.Made], counts[adopt.Present], counts[adopt.Refused])
	switch refused := counts[adopt.Refused]; {
	case refused > 0 && !flags.SkipUnsupported:
		return fmt.Errorf("%d objects are refused, and nothing is imported: change them at the source, name fields to leave out by --ignore, or leave the objects out by --skip-unsupported", refused)
	case !kept:
		fmt.Fprintln(stdout, "Nothing is changed: this was a dry run.")
	}
	return nil
}
