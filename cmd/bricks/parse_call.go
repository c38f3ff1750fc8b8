package main

import (
	"context"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/cli"
)

// callVariables are what commands read that only call a running gateway. What the
// others hold, which may be meant for a server on this machine, is nothing to them.
var callVariables = []string{"ADMIN_URL", "ADMIN_CA", "ADMIN_PASS", "ADMIN_KEYS"}

// callsOnly says whether the command does nothing but call a running gateway.
func (cl *commandLine) callsOnly(parsed *kong.Context) bool {
	switch parsed.Command() {
	case "ledger verify", "events rerate", "settings test <id>":
		return true
	case "audit verify":
		return !cl.Audit.Verify.Offline
	}
	return cli.IsCommand(parsed.Selected())
}

// readForCall reads what such a command needs.
func (c *config) readForCall(cl *commandLine, parsed *kong.Context, environment []string) error {
	err := c.readEnvironment(slices.DeleteFunc(slices.Clone(environment), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return !slices.Contains(callVariables, name)
	}))
	if err != nil {
		return err
	}
	c.apply(cl)
	c.Rerate, c.SettingTest, c.AuditVerify = cl.Events.Rerate, cl.Settings.Test, cl.Audit.Verify
	if cli.IsCommand(parsed.Selected()) {
		c.Call = func(ctx context.Context, e *cli.Env) error {
			parsed.BindTo(ctx, (*context.Context)(nil))
			return parsed.Run(e)
		}
	}
	return nil
}

// printHelp leaves flags of servers out of the help of what is none.
func printHelp(options kong.HelpOptions, k *kong.Context) error {
	for _, f := range k.Model.Flags {
		f.Hidden = !cli.Shown(k.Selected(), f)
	}
	return kong.DefaultHelpPrinter(options, k)
}
