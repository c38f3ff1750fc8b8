package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bricks-gateway/bricks/internal/adminclient"
	"github.com/bricks-gateway/bricks/internal/cli"
)

// settingsCommand holds what can be done with provider settings.
type settingsCommand struct {
	cli.Settings
	Test settingFlags `cmd:"" help:"Call the provider with a setting, and say whether it works."`
}

// settingFlags are those of bricks settings test.
type settingFlags struct {
	ID string `arg:"" help:"The setting's id."`
}

// runSettingTest asks the admin API and prints what it says. A setting that does
// not work is an error.
func runSettingTest(ctx context.Context, c config, stdout io.Writer) error {
	client, err := newAdminClient(c)
	if err != nil {
		return err
	}
	answer, _, err := adminclient.Answer(client.TestProviderSettingWithResponse(ctx, c.SettingTest.ID))
	if err != nil {
		return err
	}
	if answer.Status != nil {
		_, err = fmt.Fprintf(stdout, "status %d after %d ms\n", *answer.Status, answer.LatencyInMs)
	} else {
		_, err = fmt.Fprintf(stdout, "no answer after %d ms\n", answer.LatencyInMs)
	}
	if err != nil {
		return err
	}
	if !answer.Ok {
		return errors.New(answer.Hint)
	}
	_, err = fmt.Fprintln(stdout, answer.Hint)
	return err
}
