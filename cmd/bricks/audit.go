package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/bricks-gateway/bricks/internal/adminclient"
	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/progress"
)

// auditCommand holds what can be done with the audit log.
type auditCommand struct {
	cli.Audit
	Verify auditFlags `cmd:"" help:"Say whether the audit log is as it was written: exit code 0, or 1 and the first entry that is not."`
}

// auditFlags are those of bricks audit verify.
type auditFlags struct {
	Anchor  string `placeholder:"NUMBER:HASH" help:"An entry that was noted earlier, as this command or the gateway's log named it; it must still be there."`
	Offline bool   `help:"Read the store itself, while no gateway runs on it, instead of asking one."`
}

// auditVerdict is what is said of the log, by whom ever.
type auditVerdict struct {
	OK      bool
	Entries int64
	Anchor  string
	Broken  int64
	Reason  string
}

// runAuditVerify says what is wrong with the audit log, as an error, or where it
// ends.
func runAuditVerify(ctx context.Context, c config, logger *slog.Logger, stdout io.Writer) error {
	var verdict auditVerdict
	var err error
	if c.AuditVerify.Offline {
		verdict, err = verifyStore(ctx, c, logger)
	} else {
		verdict, err = askForVerdict(ctx, c)
	}
	if err != nil {
		return err
	}
	if !verdict.OK {
		return fmt.Errorf("the audit log is not as it was written: entry %d: %s; %d entries before it are right", verdict.Broken, verdict.Reason, verdict.Entries)
	}
	_, err = fmt.Fprintf(stdout, "%d entries are as they were written.\n", verdict.Entries)
	if err == nil && verdict.Anchor != "" {
		_, err = fmt.Fprintf(stdout, "anchor: %s\n", verdict.Anchor)
	}
	return err
}

func askForVerdict(ctx context.Context, c config) (v auditVerdict, err error) {
	client, err := newAdminClient(c)
	if err != nil {
		return v, err
	}
	params := &adminclient.VerifyAuditParams{}
	if c.AuditVerify.Anchor != "" {
		params.Anchor = &c.AuditVerify.Anchor
	}
	var answer *adminclient.Verification
	err = progress.Do(ctx, "verify the audit log", func(ctx context.Context) (err error) {
		answer, _, err = adminclient.Answer(client.VerifyAuditWithResponse(ctx, params))
		return err
	})
	if err != nil {
		return v, err
	}
	v.OK, v.Entries = answer.Ok, answer.Entries
	if answer.Anchor != nil {
		v.Anchor = *answer.Anchor
	}
	if answer.Broken != nil {
		v.Broken = *answer.Broken
	}
	if answer.Reason != nil {
		v.Reason = *answer.Reason
	}
	return v, nil
}

// verifyStore opens the store, which brings its schema up to date.
func verifyStore(ctx context.Context, c config, logger *slog.Logger) (v auditVerdict, err error) {
	var anchor audit.Anchor
	if c.AuditVerify.Anchor != "" {
		if anchor, err = audit.ParseAnchor(c.AuditVerify.Anchor); err != nil {
			return v, fmt.Errorf("--anchor: %w", err)
		}
	}
	release, err := lockDataDir(c.DataDir)
	if err != nil {
		return v, err
	}
	defer release()
	s, _, err := openStore(ctx, c, logger)
	if err != nil {
		return v, err
	}
	var last audit.Anchor
	err = progress.Do(ctx, "verify the audit log", func(ctx context.Context) (err error) {
		last, err = s.VerifyAudit(ctx, anchor)
		return err
	})
	v.Entries = last.Number
	if last.Number > 0 {
		v.Anchor = last.String()
	}
	if broken, ok := errors.AsType[*audit.Fault](err); ok {
		v.Broken, v.Reason, err = broken.Number, broken.Reason, nil
	} else {
		v.OK = err == nil
	}
	return v, errors.Join(err, s.Close())
}
