package main

import (
	"context"
	"fmt"
	"io"

	"github.com/bricks-gateway/bricks/internal/adminclient"
	"github.com/bricks-gateway/bricks/internal/progress"
)

// runLedgerVerify asks the running gateway to compare its counters with its
// events. A difference is an error, so that scripts notice.
func runLedgerVerify(ctx context.Context, c config, stdout io.Writer) error {
	client, err := newAdminClient(c)
	if err != nil {
		return err
	}
	var answer *adminclient.LedgerAnswer
	err = progress.Do(ctx, "verify the ledger", func(ctx context.Context) (err error) {
		answer, _, err = adminclient.Answer(client.VerifyLedgerWithResponse(ctx))
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range answer.Differences {
		of := "total"
		if d.Window {
			of = "running window"
		}
		if _, err := fmt.Fprintf(stdout, "%s %s: counted $%s, the events say $%s\n", d.Account, of, d.CountedInUsd, d.LedgerInUsd); err != nil {
			return err
		}
	}
	if n := len(answer.Differences); n > 0 {
		return fmt.Errorf("%d counters differ from the ledger; they are read anew within minutes", n)
	}
	_, err = fmt.Fprintf(stdout, "%d accounts are counted, and each counter is what the events say.\n", answer.Accounts)
	return err
}
