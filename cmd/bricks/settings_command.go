package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/caarlos0/env/v11"
)

// settingsCommandLine is `bricks settings …`: a client of the admin API, so that
// none of the gateway's own configuration is read for it.
type settingsCommandLine struct {
	AdminURL string `name:"admin-url" placeholder:"URL" default:"http://127.0.0.1:8001" help:"Where the admin API is (BRICKS_ADMIN_URL)."`
	AdminKey string `name:"admin-key" placeholder:"KEY" help:"Key of the admin API (ADMIN_PASS)."`

	Test struct {
		ID string `arg:"" help:"The setting's id."`
	} `cmd:"" help:"Call the provider with a setting, and say whether it works."`
}

// runSettings runs one settings command; args stand behind "settings". A setting
// that does not work is an error.
func runSettings(ctx context.Context, args, environment []string, stdout, stderr io.Writer) error {
	var (
		cl     settingsCommandLine
		helped bool
	)
	parser, err := kong.New(&cl, kong.Name("bricks settings"), kong.Writers(stdout, stderr), kong.Exit(func(int) { helped = true }))
	if err != nil {
		return fmt.Errorf("build command line: %w", err)
	}
	variables := env.ToMap(environment)
	for name, value := range map[string]string{"admin-url": variables["BRICKS_ADMIN_URL"], "admin-key": variables["ADMIN_PASS"]} {
		if value != "" { // a flag further back wins
			args = append([]string{"--" + name + "=" + value}, args...)
		}
	}
	_, err = parser.Parse(args)
	if helped {
		return nil
	}
	if err != nil {
		return err
	}
	return testSetting(ctx, cl, stdout)
}

func testSetting(ctx context.Context, cl settingsCommandLine, stdout io.Writer) error {
	var answer struct {
		OK          bool
		Status      int
		LatencyInMs int64
		Hint        string
		Detail      string // of a problem
	}
	status, err := callAdmin(ctx, cl.AdminURL, cl.AdminKey, "/api/provider-settings/"+neturl.PathEscape(cl.Test.ID)+"/test", &answer)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the admin API answers %d: %s", status, answer.Detail)
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

// callAdmin posts to the admin API and decodes its answer.
func callAdmin(ctx context.Context, base, key, path string, answer any) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+path, strings.NewReader("{}"))
	if err != nil {
		return 0, fmt.Errorf("--admin-url: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("X-API-KEY", key)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("call the admin API: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(answer); err != nil {
		return 0, fmt.Errorf("the admin API's answer (%d) is not understood: %w", resp.StatusCode, err)
	}
	return resp.StatusCode, nil
}
