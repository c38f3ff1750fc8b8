package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/adminclient"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
	"github.com/bricks-gateway/bricks/internal/policy"
)

// policyTestFlags are those of bricks policy test.
type policyTestFlags struct {
	ID   string `arg:"" help:"The policy's id."`
	Text string `arg:"" help:"The text, as a client would send it."`
}

// runPolicyTest fetches a policy from the admin API and applies it here: what
// is tried out on it leaves this machine only for the detectors that it names.
func runPolicyTest(ctx context.Context, c config, logger *slog.Logger, stdout io.Writer) error {
	p, err := fetchPolicy(ctx, c)
	if err != nil {
		return err
	}
	detectors, stop, err := c.makeDetectors(ctx, prometheus.NewRegistry(), logger)
	defer stop()
	if err != nil {
		return err
	}
	engine := policy.Engine{Embedded: scan.Append, Detectors: detectors}
	x := engine.Begin(p, []byte("bricks policy test"))
	text := []byte(c.PolicyTest.Text)
	out, err := x.Parts(ctx, text, []policy.Part{{End: len(text)}})
	action := gateway.ActionAllowed
	if blocked, ok := errors.AsType[*policy.Blocked](err); ok {
		action = gateway.ActionBlocked + " by " + strings.Join(blocked.Findings, ", ")
	} else if err != nil {
		return err
	} else if x.Redacted() {
		action = gateway.ActionRedacted
	} else if x.Warned() {
		action = gateway.ActionWarned
	}
	if _, err := fmt.Fprintf(stdout, "action: %s\n", action); err != nil {
		return err
	}
	found := x.Findings()
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if _, err := fmt.Fprintf(stdout, "found: %s %d\n", name, found[name]); err != nil {
			return err
		}
	}
	if out != nil {
		_, err = fmt.Fprintf(stdout, "text: %s\n", out)
		return err
	}
	return nil
}

// fetchPolicy reads the policy as the admin API tells it.
func fetchPolicy(ctx context.Context, c config) (*policy.Policy, error) {
	client, err := newAdminClient(c)
	if err != nil {
		return nil, err
	}
	answer, _, err := adminclient.Answer(client.GetPolicyWithResponse(ctx, c.PolicyTest.ID))
	if err != nil {
		return nil, err
	}
	p := &gateway.Policy{
		ID: answer.Id, Rules: map[string]gateway.PolicyAction{}, RestoreInResponse: answer.RestoreInResponse,
		OnError: answer.OnError, Detectors: answer.Detectors,
	}
	for name, action := range answer.Config.Rules {
		p.Rules[name] = gateway.PolicyAction(action)
	}
	for _, r := range answer.RegexConfig.Rules {
		p.Regex = append(p.Regex, gateway.RegexRule{Definition: r.Definition, Action: gateway.PolicyAction(r.Action)})
	}
	return policy.New(p)
}
