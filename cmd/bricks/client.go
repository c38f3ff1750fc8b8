package main

import (
	"context"
	"io"
	"os"
	"slices"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/mattn/go-isatty"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/adminclient"
	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// adminServer is the admin API of a running gateway: the tools that look at what it
// counts, or change what it has, go through the door that everyone else uses.
func (c *config) adminServer() (adminclient.Options, error) {
	key, err := c.clientKey()
	if err != nil {
		return adminclient.Options{}, &cli.Usage{Err: err}
	}
	return adminclient.Options{URL: c.AdminURL, Key: key, CAFile: c.AdminCA}, nil
}

func newAdminClient(c config) (*adminclient.ClientWithResponses, error) {
	server, err := c.adminServer()
	if err != nil {
		return nil, err
	}
	client, err := adminclient.New(server)
	if err != nil {
		return nil, &cli.Usage{Err: err}
	}
	return client, nil
}

// clientKey is the admin key to call with: the first that may write everything, or
// else the first.
func (c *config) clientKey() (gateway.Secret, error) {
	keys, err := c.adminKeys()
	if err != nil || len(keys) == 0 {
		return gateway.Secret{}, err
	}
	best := slices.IndexFunc(keys, func(k admin.AdminKey) bool { return k.Role == admin.RoleAdmin && len(k.Tags) == 0 })
	return keys[max(best, 0)].Key, nil
}

// runCall runs a command of package cli.
func runCall(ctx context.Context, c config, environment []string, stdout, stderr io.Writer) error {
	server, err := c.adminServer()
	if err != nil {
		return err
	}
	variables := env.ToMap(environment)
	return c.Call(ctx, &cli.Env{
		Server: server, Stdin: os.Stdin, Stdout: stdout, Stderr: stderr, Now: time.Now,
		Terminal: isatty.IsTerminal(os.Stdin.Fd()),
		Variable: func(name string) (string, bool) { v, set := variables[name]; return v, set },
	})
}
