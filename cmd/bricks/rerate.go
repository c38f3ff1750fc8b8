package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// eventsCommand holds the tools for events.
type eventsCommand struct {
	Rerate rerateFlags `cmd:"" help:"Price past events again with the prices as they are now for their time."`
}

// rerateFlags are those of bricks events rerate.
type rerateFlags struct {
	From     string `required:"" placeholder:"TIME" help:"Events from this time on: RFC 3339 or Unix seconds."`
	To       string `required:"" placeholder:"TIME" help:"Events before this time."`
	Apply    bool   `help:"Book the differences as corrections; otherwise they are only shown."`
	AdminURL string `name:"admin-url" default:"http://127.0.0.1:8001" placeholder:"URL" help:"The admin API (http://127.0.0.1:8001). Its key is --admin-key or ADMIN_PASS."`
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
	key, err := c.clientKey()
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"from": from, "to": to, "apply": c.Rerate.Apply})
	if err != nil {
		return fmt.Errorf("spell request: %w", err)
	}
	var answer struct {
		Total          rateSums
		Models         []rateSums
		Unacknowledged []string
	}
	if err := postAdmin(ctx, c.Rerate.AdminURL, "/api/pricing/rerate", key, body, &answer); err != nil {
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

// clientKey is the admin key to call with: the first that may write everything.
func (c *config) clientKey() (gateway.Secret, error) {
	keys, err := c.adminKeys()
	for _, k := range keys {
		if k.Role == admin.RoleAdmin && len(k.Tags) == 0 {
			return k.Key, err
		}
	}
	return gateway.Secret{}, err
}

// postAdmin posts body to the admin API and decodes its answer.
func postAdmin(ctx context.Context, base, path string, key gateway.Secret, body []byte, answer any) error {
	u, err := neturl.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--admin-url: %q is no http or https URL", base)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("--admin-url: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if !key.Empty() {
		req.Header.Set("X-API-KEY", key.Reveal())
	}
	// The key must not follow a redirect to another host.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("call admin API: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("read answer of admin API: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Title, Detail string }
		if json.Unmarshal(text, &problem) == nil && problem.Title != "" {
			return fmt.Errorf("admin API: %d %s: %s", resp.StatusCode, problem.Title, problem.Detail)
		}
		return fmt.Errorf("admin API: status %d", resp.StatusCode)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return errors.New("--admin-url: what answers there is not the admin API")
	}
	return nil
}
