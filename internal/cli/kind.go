package cli

import (
	"bytes"
	"context"
	"io"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// mediaJSON is the content type of every body.
const mediaJSON = "application/json"

// client is short for the generated one.
type client = adminclient.ClientWithResponses

// kind is what the commands know of one kind of object, whose answers are T. An
// operation that the API does not have is nil, and its command is not offered.
type kind[T any] struct {
	noun    string
	columns []column[T]    // of the table
	details []column[T]    // besides, when one object is shown
	blank   string         // members of a new object that the API wants and flags may leave out
	hint    func(T) string // what a person has to be told beside the answer; nil: nothing

	fetch  func(ctx context.Context, c *client, id string) (*T, []byte, error)
	add    func(ctx context.Context, c *client, body io.Reader) (*T, []byte, error)
	change func(ctx context.Context, c *client, id string, body io.Reader) (*T, []byte, error)
	remove func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error)
}

// objects is a kind without the type of its answers. A group binds its own for its
// commands, which are the same for all groups.
type objects interface {
	what() string
	get(ctx context.Context, e *Env, o output, id string) error
	create(ctx context.Context, e *Env, o output, body []byte) error
	update(ctx context.Context, e *Env, o output, id string, body []byte) error
	delete(ctx context.Context, e *Env, o output, id string) error
	newBody() string
}

func (k *kind[T]) what() string    { return k.noun }
func (k *kind[T]) newBody() string { return k.blank }

func (k *kind[T]) get(ctx context.Context, e *Env, o output, id string) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	return k.show(e, o)(k.fetch(ctx, c, id))
}

func (k *kind[T]) create(ctx context.Context, e *Env, o output, body []byte) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	return k.show(e, o)(k.add(ctx, c, bytes.NewReader(body)))
}

func (k *kind[T]) update(ctx context.Context, e *Env, o output, id string, body []byte) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	return k.show(e, o)(k.change(ctx, c, id, bytes.NewReader(body)))
}

func (k *kind[T]) delete(ctx context.Context, e *Env, o output, id string) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	_, body, err := k.remove(ctx, c, id)
	if err != nil {
		return err
	}
	e.remark(body)
	if o.json() {
		return e.print(body)
	}
	e.notef("Deleted %s %s.", k.noun, Printable(id))
	return nil
}

// show returns a function that takes what an operation returned, and prints it.
func (k *kind[T]) show(e *Env, o output) func(*T, []byte, error) error {
	return func(answer *T, body []byte, err error) error {
		if err != nil {
			return err
		}
		e.remark(body)
		if k.hint != nil && k.hint(*answer) != "" {
			e.notef("%s", k.hint(*answer))
		}
		if o.json() {
			return e.print(body)
		}
		return e.printOne(rowsOf(k, answer, e.Now()))
	}
}
