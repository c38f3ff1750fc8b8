package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/bricks-gateway/bricks/internal/adminclient"
	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/progress"
)

// eventsCommand holds what can be done with events.
type eventsCommand struct {
	cli.Events
	Rerate rerateFlags `cmd:"" help:"Price past events again with the prices as they are now for their time."`
}

// rerateFlags are those of bricks events rerate.
type rerateFlags struct {
	From  string `required:"" placeholder:"TIME" help:"Events from this time on: RFC 3339 or Unix seconds."`
	To    string `required:"" placeholder:"TIME" help:"Events before this time."`
	Apply bool   `help:"Book the differences as corrections; otherwise they are only shown."`
}

// runRerate asks the admin API and prints what it says.
func runRerate(ctx context.Context, c config, stdout, stderr io.Writer) error {
	from, err := cli.Time(c.Rerate.From)
	if err != nil {
		return cli.Usagef("--from: %w", err)
	}
	to, err := cli.Time(c.Rerate.To)
	if err != nil {
		return cli.Usagef("--to: %w", err)
	}
	client, err := newAdminClient(c)
	if err != nil {
		return err
	}
	body := adminclient.RerateBody{From: from, To: to}
	body.Apply.Set(c.Rerate.Apply)
	var answer *adminclient.RerateAnswer
	err = progress.Do(ctx, "price events again", func(ctx context.Context) (err error) {
		answer, _, err = adminclient.Answer(client.RerateEventsWithResponse(ctx, body))
		return err
	})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "MODEL\tPROVIDER\tEVENTS\tKEPT\tCHANGED\tBOOKED USD\tRECOMPUTED USD\tDIFFERENCE USD")
	for _, r := range answer.Models {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", cli.Printable(r.Model), cli.Printable(r.Provider), r.Count, r.Kept, r.Changed, r.Booked, r.Recomputed, r.Difference)
	}
	r := answer.Total
	fmt.Fprintf(table, "total\t\t%d\t%d\t%d\t%s\t%s\t%s\n", r.Count, r.Kept, r.Changed, r.Booked, r.Recomputed, r.Difference)
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
