package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
)

// get shows one object.
type get struct {
	ID string `arg:"" help:"Its id."`
	output
}

// Run is what kong calls.
func (c *get) Run(ctx context.Context, e *Env, o objects) error {
	return o.get(ctx, e, c.output, c.ID)
}

// remove deletes objects.
type remove struct {
	IDs []string `arg:"" name:"id" help:"Its id; several are deleted one after the other."`
	Yes bool     `short:"y" help:"Do not ask. Needed where nobody can answer."`
	output
}

// Run is what kong calls.
func (c *remove) Run(ctx context.Context, e *Env, o objects) error {
	if !c.Yes {
		if err := e.confirm("Delete " + o.what() + " " + Printable(strings.Join(c.IDs, ", ")) + "?"); err != nil {
			return err
		}
	}
	for _, id := range c.IDs {
		if err := o.delete(ctx, e, c.output, id); err != nil {
			return err
		}
	}
	return nil
}

// errNotConfirmed ends a command that was not wanted after all.
var errNotConfirmed = errors.New("nothing was changed")

// confirm asks the person at the terminal.
func (e *Env) confirm(question string) error {
	if !e.Terminal {
		return Usagef("nobody can be asked here: add --yes")
	}
	if _, err := io.WriteString(e.Stderr, question+" [y/N] "); err != nil {
		return err
	}
	answer, err := bufio.NewReader(e.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

// create makes an object of what flags and a file say.
func create(ctx context.Context, e *Env, objects objects, o output, f file, flags any) error {
	body, err := f.body(e, objects.newBody(), flags, nil)
	if err != nil {
		return err
	}
	return objects.create(ctx, e, o, body)
}

// updating are the flags of every update.
type updating struct {
	ID    string   `arg:"" help:"Its id."`
	Clear []string `sep:"none" placeholder:"MEMBER" help:"Set a member of the API's object to null, which takes a limit or a list away; may be repeated."`
	file
	output
}

// run changes an object to what flags and a file say; the rest stays as it is.
func (u *updating) run(ctx context.Context, e *Env, objects objects, flags any) error {
	body, err := u.body(e, "", flags, u.Clear)
	if err != nil {
		return err
	}
	return objects.update(ctx, e, u.output, u.ID, body)
}
