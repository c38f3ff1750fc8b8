package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/adminclient"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// money is a flag's amount of dollars.
type money string

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *money) UnmarshalText(text []byte) error {
	amount := strings.TrimPrefix(string(text), "$")
	if _, err := gateway.ParseUSD(amount); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	*m = money(amount)
	return nil
}

// number is the amount as a request has it; nil stays nil.
func (m *money) number() *json.Number {
	if m == nil {
		return nil
	}
	n := json.Number(*m)
	return &n
}

// rate is so much in a unit of time, such as 60/m. Which units there are is for
// the API to say.
type rate struct{ amount, unit string }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *rate) UnmarshalText(text []byte) error {
	amount, unit, ok := strings.Cut(string(text), "/")
	if !ok || amount == "" || unit == "" {
		return fmt.Errorf("%q: must be an amount and a unit, such as 60/m", text)
	}
	*r = rate{amount, unit}
	return nil
}

// count reads the rate as one of requests.
func (r *rate) count() (n *int64, unit *string, err error) {
	if r == nil {
		return nil, nil, nil
	}
	i, err := strconv.ParseInt(r.amount, 10, 64)
	if err != nil {
		return nil, nil, Usagef("--rate-limit: %q is not a number of requests", r.amount)
	}
	return &i, &r.unit, nil
}

// dollars reads the rate as one of money.
func (r *rate) dollars() (n *json.Number, unit *string, err error) {
	if r == nil {
		return nil, nil, nil
	}
	var m money
	if err := m.UnmarshalText([]byte(r.amount)); err != nil {
		return nil, nil, Usagef("--cost-limit-over-time: %w", err)
	}
	return m.number(), &r.unit, nil
}

// rule is one allowed path, such as "POST /api/providers/openai/v1/chat/completions".
type rule adminclient.PathRule

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *rule) UnmarshalText(text []byte) error {
	method, path, ok := strings.Cut(string(text), " ")
	if !ok {
		return fmt.Errorf("%q: must be a method and a path, with a blank between them", text)
	}
	*r = rule{Method: strings.ToUpper(method), Path: strings.TrimSpace(path)}
	return nil
}

func pathRules(rules []rule) (list []adminclient.PathRule) {
	for _, r := range rules {
		list = append(list, adminclient.PathRule(r))
	}
	return list
}

// clock is a time of a flag: RFC 3339, Unix seconds, or how long ago, such as 24h
// or 7d.
type clock string

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *clock) UnmarshalText(text []byte) error {
	*c = clock(text)
	_, err := c.seconds(time.Unix(0, 0))
	return err
}

// seconds is the time in Unix seconds.
func (c clock) seconds(now time.Time) (int64, error) {
	if ago, err := lengthOf(string(c)); err == nil {
		return max(0, now.Add(-ago).Unix()), nil
	}
	n, err := Time(string(c))
	if err != nil {
		return 0, fmt.Errorf("%w, nor how long ago (24h, 7d)", err)
	}
	return n, nil
}

// lengthOf reads a length of time; days are taken too.
func lengthOf(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && (d < 0 || !strings.ContainsAny(text, "smh")) {
		err = errors.New("is no length of time")
	}
	return d, err
}

// Time reads RFC 3339 or Unix seconds. Seconds are what prices and ranges are kept
// in, so a fraction is refused.
func Time(text string) (unixSeconds int64, err error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Nanosecond() != 0 || t.Unix() < 0 {
		return 0, fmt.Errorf("%q is neither RFC 3339 with whole seconds (2026-11-01T00:00:00Z) nor Unix seconds", text)
	}
	return t.Unix(), nil
}

// rateText says a limit of requests as its flag takes it.
func rateText(n *int64, unit *string) string {
	if n == nil || unit == nil {
		return ""
	}
	return fmt.Sprintf("%d/%s", *n, *unit)
}

// costLimits is what may be spent: for ever, in a unit of time, or both.
func costLimits(total, rate *json.Number, unit *string) string {
	var all []string
	if total != nil {
		all = append(all, "$"+total.String())
	}
	if rate != nil && unit != nil {
		all = append(all, "$"+rate.String()+"/"+*unit)
	}
	return strings.Join(all, ", ")
}
