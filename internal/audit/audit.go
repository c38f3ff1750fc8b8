// Package audit is the vocabulary of the audit log, and the chain that shows
// whether one of its rows was altered, removed or moved. It stores nothing:
// the store writes an entry in the transaction of the change that it is about.
//
// The idea needed to read it: whoever changes something is in the context (By).
// A store refuses a change whose context names nobody, so that no code path can
// change something without a trace by forgetting to ask for one.
package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/secrets"
)

// Author is who makes an administrative change, and by which operation.
type Author struct {
	ID        string // stable: "key:<id>", "oidc:<subject>", …; required
	Name      string // for people
	Role      string
	Address   string // the client's, without its port; empty: the gateway itself
	Operation string // the API's name of what is done, such as updateKey; required
	// View spells an object of the gateway as the log may show it: JSON without
	// secrets. An object that it does not know is an error. Required.
	View func(object any) ([]byte, error)
}

// Check says what an author lacks.
func (a Author) Check() error {
	if a.ID == "" || a.Operation == "" || a.View == nil {
		return errors.New("an administrative change needs an author, an operation and a way to show what is changed")
	}
	return nil
}

type authorKey struct{}

// By names the author of the changes that are made with the context.
func By(ctx context.Context, a Author) context.Context { return context.WithValue(ctx, authorKey{}, a) }

// AuthorOf returns whom By named; ok is false when that was nobody.
func AuthorOf(ctx context.Context) (a Author, ok bool) {
	a, ok = ctx.Value(authorKey{}).(Author)
	return a, ok
}

// View is an object at one moment, as the log shows it. The zero value: there
// was none.
type View struct {
	JSON string
	Err  error // why it could not be shown
}

// Show spells object as the context's author shows it, at once, so that it may
// be changed afterwards.
func Show(ctx context.Context, object any) View {
	a, _ := AuthorOf(ctx)
	if err := a.Check(); err != nil {
		return View{Err: err}
	}
	text, err := a.View(object)
	if err != nil {
		return View{Err: fmt.Errorf("show %T to the audit log: %w", object, err)}
	}
	return View{JSON: string(text)}
}

// Entry is one row of the log. Before and After are JSON; empty: there was, or
// is, no such object.
type Entry struct {
	Number     int64     // 1, 2, 3, …
	At         time.Time // to the microsecond
	AuthorID   string
	AuthorName string
	Role       string
	Address    string
	Operation  string
	Kind       string // of the object, as the store's changes call it
	ObjectID   string
	Revision   int64 // that the change made; 0: it made none
	Before     string
	After      string
	Hash       secrets.Digest
}

// NewEntry is what a says of a change, yet without number, time and hash.
func (a Author) NewEntry() Entry {
	return Entry{AuthorID: a.ID, AuthorName: a.Name, Role: a.Role, Address: a.Address, Operation: a.Operation}
}
