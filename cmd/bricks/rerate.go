package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/bricks-gateway/bricks/internal/progress"
)

// eventsCommand holds the tools for events.
type eventsCommand struct {
	Rerate rerateFlags `cmd:"" help:"Price past events again with the prices as they are now for their time."`
}

// rerateFlags are those of bricks events rerate.
type rerateFlags struct {
	From  string `required:"" placeholder:"TIME" help:"Events from this time on: RFC 3339 or Unix seconds."`
	To    string `required:"" placeholder:"TIME" help:"Events before this time."`
	Apply bool   `help:"Book the differences as corrections; otherwise they are only shown."`
}

// rateSums is what the admin API says of some events. Money stays in the text
// that it came in, which is exact.
type rateSums struct {
	Model, Provider                string
	Count, Kept, Changed           int64
	Booked, Recomputed, Difference json.Number
}

// runRerate asks the admin API and prints what it says.
func runRerate(ctx context.Context, c config, stdout, stderr io.Writer) error {
	from, err := parseTime(c.Rerate.From)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	to, err := parseTime(c.Rerate.To)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	client, err := newAdminClient(c)
	if err != nil {
		return err
	}
	var answer struct {
		Total          rateSums
		Models         []rateSums
		Unacknowledged []string
	}
	body := map[string]any{"from": from, "to": to, "apply": c.Rerate.Apply}
	err = progress.Do(ctx, "price events again", func(ctx context.Context) error {
		return client.call(ctx, http.MethodPost, "/api/pricing/rerate", body, &answer)
	})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "MODEL\tPROVIDER\tEVENTS\tKEPT\tCHANGED\tBOOKED USD\tRECOMPUTED USD\tDIFFERENCE USD")
	answer.Total.Model = "total"
	for _, r := range append(answer.Models, answer.Total) {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", printable(r.Model), printable(r.Provider), r.Count, r.Kept, r.Changed, r.Booked, r.Recomputed, r.Difference)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	for _, who := range answer.Unacknowledged {
		fmt.Fprintf(stderr, "Booked, but not known yet to: %s\n", who)
	}
	if !c.Rerate.Apply && answer.Total.Changed > 0 {
		fmt.Fprintln(stderr, "Nothing is booked; add --apply to book the differences.")
	}
	return nil
}

// printable takes what would move a terminal's cursor out of a name that a client
// chose.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}

// parseTime reads RFC 3339 or Unix seconds. Seconds are what prices and ranges
// are kept in, so a fraction is refused.
func parseTime(text string) (unixSeconds int64, err error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Nanosecond() != 0 || t.Unix() < 0 {
		return 0, fmt.Errorf("%q is neither RFC 3339 with whole seconds (2026-11-01T00:00:00Z) nor Unix seconds", text)
	}
	return t.Unix(), nil
}
