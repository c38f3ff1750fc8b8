package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// AdminKeys are the commands for keys of the admin API.
type AdminKeys struct {
	List   adminKeyList   `cmd:"" help:"List the admin keys that were made here, newest first."`
	Get    get            `cmd:"" help:"Show an admin key."`
	Create adminKeyCreate `cmd:"" help:"Create an admin key. It is shown this once."`
	Delete remove         `cmd:"" help:"Revoke admin keys at once."`
}

// AfterApply hands the group's kind to its commands.
func (AdminKeys) AfterApply(k *kong.Context) error {
	k.BindTo(adminKeys, (*objects)(nil))
	return nil
}

type adminKeyAnswer = adminclient.AdminKeyAnswer

var adminKeys = &kind[adminKeyAnswer]{
	noun: "admin key",
	hint: func(k adminKeyAnswer) string { return keepSecret(k.Key != nil) },
	columns: []column[adminKeyAnswer]{
		{"ID", func(k adminKeyAnswer) any { return k.Id }},
		{"NAME", func(k adminKeyAnswer) any { return k.Name }},
		{"ROLE", func(k adminKeyAnswer) any { return k.Role }},
		{"TAGS", func(k adminKeyAnswer) any { return k.Tags }},
		{"CREATED", func(k adminKeyAnswer) any { return moment(k.CreatedAt) }},
	},
	details: []column[adminKeyAnswer]{
		{"SECRET", func(k adminKeyAnswer) any { return either(k.Key) }},
	},
	fetch: func(ctx context.Context, c *client, id string) (*adminKeyAnswer, []byte, error) {
		return adminclient.Answer(c.GetAdminKeyWithResponse(ctx, id))
	},
	add: func(ctx context.Context, c *client, body io.Reader) (*adminKeyAnswer, []byte, error) {
		return adminclient.Answer(c.CreateAdminKeyWithBodyWithResponse(ctx, mediaJSON, body))
	},
	remove: func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error) {
		return adminclient.Answer(c.DeleteAdminKeyWithResponse(ctx, id))
	},
}

// keepSecret is the hint for a secret that is shown for the only time.
func keepSecret(shown bool) string {
	if !shown {
		return ""
	}
	return "Keep the secret: it is not shown again."
}

type adminKeyList struct{ output }

// Run is what kong calls.
func (l *adminKeyList) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	items, body, err := adminclient.Answer(c.ListAdminKeysWithResponse(ctx))
	return list(e, l.output, adminKeys.columns, items, body, err)
}

type adminKeyCreate struct {
	Name *string  `placeholder:"NAME" help:"Whose it is: the audit log names it."`
	Role *string  `placeholder:"admin|viewer" help:"What it may do."`
	Tags []string `name:"tag" sep:"none" placeholder:"TAG" help:"It sees only what carries this tag; may be repeated. None: everything."`
	file
	output
}

// Run is what kong calls.
func (k *adminKeyCreate) Run(ctx context.Context, e *Env, o objects) error {
	b := struct { // the generated type cannot leave out what the file may bring
		Name *string  `json:"name,omitempty"`
		Role *string  `json:"role,omitempty"`
		Tags []string `json:"tags,omitempty"`
	}{k.Name, k.Role, k.Tags}
	return create(ctx, e, o, k.output, k.file, b)
}
