package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
)

// settingsCommand holds the tools for provider settings.
type settingsCommand struct {
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
	var answer struct {
		OK          bool
		Status      int
		LatencyInMs int64
		Hint        string
	}
	path := "/api/provider-settings/" + neturl.PathEscape(c.SettingTest.ID) + "/test"
	if err := client.call(ctx, http.MethodPost, path, struct{}{}, &answer); err != nil {
		return err
	}
	if answer.Status != 0 {
		_, err = fmt.Fprintf(stdout, "status %d after %d ms\n", answer.Status, answer.LatencyInMs)
	} else {
		_, err = fmt.Fprintf(stdout, "no answer after %d ms\n", answer.LatencyInMs)
	}
	if err != nil {
		return err
	}
	if !answer.OK {
		return errors.New(answer.Hint)
	}
	_, err = fmt.Fprintln(stdout, answer.Hint)
	return err
}
