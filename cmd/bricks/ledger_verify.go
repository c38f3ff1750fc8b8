package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/bricks-gateway/bricks/internal/progress"
)

// runLedgerVerify asks the running gateway to compare its counters with its
// events. A difference is an error, so that scripts notice.
func runLedgerVerify(ctx context.Context, c config, stdout io.Writer) error {
	client, err := newAdminClient(c)
	if err != nil {
		return err
	}
	var answer struct {
		Accounts    int
		Differences []struct {
			Account                   string
			Window                    bool
			CountedInUSD, LedgerInUSD json.Number
		}
	}
	err = progress.Do(ctx, "verify the ledger", func(ctx context.Context) error {
		return client.call(ctx, http.MethodGet, "/api/reporting/ledger", nil, &answer)
	})
	if err != nil {
		return err
	}
	for _, d := range answer.Differences {
		of := "total"
		if d.Window {
			of = "running window"
		}
		if _, err := fmt.Fprintf(stdout, "%s %s: counted $%s, the events say $%s\n", d.Account, of, d.CountedInUSD, d.LedgerInUSD); err != nil {
			return err
		}
	}
	if n := len(answer.Differences); n > 0 {
		return fmt.Errorf("%d counters differ from the ledger; they are read anew within minutes", n)
	}
	_, err = fmt.Fprintf(stdout, "%d accounts are counted, and each counter is what the events say.\n", answer.Accounts)
	return err
}
