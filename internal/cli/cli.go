// Package cli holds the commands that manage a running gateway through its admin
// API: bricks keys, settings, providers, routes, policies, users, events, pricing,
// admin-keys, and audit list.
//
// A group is a struct of commands for kong and a kind: a table of what its objects
// are called, which operations of the generated client act on them, and which
// columns show them. The commands themselves (list, get, create, update, delete)
// are the same for all. To add a group, write its kind, the flags of what is
// particular to it, and name it in Commands.
package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Commands are the groups that are nothing but commands of this package. Settings,
// Policies, Events and Audit have tools of the program's own beside them, so that the
// program names those itself.
type Commands struct {
	Keys      Keys      `cmd:"" help:"Keys of the gateway."`
	Providers Providers `cmd:"" help:"Custom providers."`
	Routes    Routes    `cmd:"" help:"Routes: failover, answers that are kept."`
	Users     Users     `cmd:"" help:"End users and their limits."`
	Pricing   Pricing   `cmd:"" help:"Prices, and what happens without one."`
	AdminKeys AdminKeys `cmd:"" help:"Keys of the admin API."`
}

// Env is what a command has of the world.
type Env struct {
	Server         adminclient.Options
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Terminal       bool // somebody sits at Stdin and can be asked
	Variable       func(name string) (value string, set bool)
	Now            func() time.Time
}

// connect returns a client of the gateway.
func (e *Env) connect() (*client, error) { return connected(adminclient.New(e.Server)) }

// connectStreaming returns one for answers of any length.
func (e *Env) connectStreaming() (*client, error) {
	return connected(adminclient.NewStreaming(e.Server))
}

// connected says that what is wrong with a client is how it was asked for.
func connected(c *client, err error) (*client, error) {
	if err != nil {
		return nil, &Usage{err}
	}
	return c, nil
}

// output is how a command shows what the API answered.
type output struct {
	Output string `short:"o" enum:"table,json" default:"table" placeholder:"table|json" help:"table, for people (on a terminal and in a pipe alike), or json: what the API answered, as it is."`
}

func (o output) json() bool { return o.Output == "json" }

// remarks are the members of an answer that concern people, whatever it is about.
type remarks struct {
	Unacknowledged []string
	Warnings       []string
}

// remark says on standard error what an answer has beside its object.
func (e *Env) remark(body []byte) {
	var r remarks
	if json.Unmarshal(body, &r) != nil {
		return
	}
	for _, w := range r.Warnings {
		e.notef("Note: %s", Printable(w))
	}
	for _, who := range r.Unacknowledged {
		e.notef("Done, but not known yet to: %s", Printable(who))
	}
}

func (e *Env) notef(format string, args ...any) {
	_, _ = fmt.Fprintf(e.Stderr, format+"\n", args...) // where else could it be said
}

// print writes what the API answered as one line.
func (e *Env) print(body []byte) error {
	if n := len(body); n == 0 || body[n-1] != '\n' {
		body = append(body, '\n')
	}
	_, err := e.Stdout.Write(body)
	return err
}
