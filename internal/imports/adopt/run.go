// Package adopt makes the objects of an import.
//
// Two ideas are needed to read it. Objects are made by the admin API's own
// handler, so that nothing gets in that an administrator could not have made. And
// all of them are made in one transaction: a dry run is the real one, undone.
package adopt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/bricks-gateway/bricks/internal/imports"
	"github.com/bricks-gateway/bricks/internal/progress"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

// paths are where the admin API makes an object of each kind.
var paths = map[imports.Kind]string{
	imports.CustomProvider: "/api/custom/providers",
	imports.Setting:        "/api/provider-settings",
	imports.Policy:         "/api/policies",
	imports.Key:            "/api/key-management/keys",
	imports.User:           "/api/users",
	imports.Route:          "/api/routes",
}

// Options say how an import is run. Source, Store, Keyring and API are required.
type Options struct {
	Source  string // "bricksllm", …: named in the audit log
	Store   *store.Store
	Keyring *secrets.Keyring
	// API makes the admin API on a store that it alone uses. It must ask for no key
	// when it is called by the name localhost.
	API func(*Store) (http.Handler, error)

	DryRun bool
	// SkipUnsupported imports the rest when objects are refused; without it
	// everything or nothing is imported.
	SkipUnsupported bool
	// Ignore are fields whose loss is accepted.
	Ignore []string
	Now    func() time.Time // nil: time.Now
}

// Outcome is what became of an object.
type Outcome string

// The outcomes. Made is what a dry run would have made, too.
const (
	Made    Outcome = "new"
	Present Outcome = "there already"
	Refused Outcome = "refused"
)

// Result is what became of one object, and what is to be said about it.
type Result struct {
	*imports.Object
	Outcome Outcome
	Notes   []string
	Why     []string // of Refused
}

// errUndo ends a transaction that is not to be kept.
var errUndo = errors.New("undo")

// Run imports the objects, in the order that they are in, and says what became
// of each. kept is false when nothing of it is in the store: because it was a dry
// run, or because an object was refused. An error is none of the objects' fault,
// and leaves nothing behind.
func Run(ctx context.Context, o Options, objects []*imports.Object) (results []Result, kept bool, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	err = o.Store.Together(ctx, "import", func(ctx context.Context, tx *store.Store) error {
		run := &run{Options: o, adopting: &Store{Store: tx, keyring: o.Keyring, source: o.Source, now: o.Now}}
		if run.api, err = o.API(run.adopting); err != nil {
			return err
		}
		refused := false
		for i, object := range objects {
			result, err := run.one(ctx, tx, object)
			if err != nil {
				return fmt.Errorf("import %s %s: %w", object.Kind, object.ID, err)
			}
			results = append(results, result)
			refused = refused || result.Outcome == Refused
			progress.Report(ctx, int64(i+1), int64(len(objects)))
		}
		if o.DryRun || refused && !o.SkipUnsupported {
			return errUndo
		}
		return nil
	})
	if errors.Is(err, errUndo) {
		return results, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return results, true, nil
}

type run struct {
	Options
	adopting *Store
	api      http.Handler
}

// refusal is why the admin API does not make an object.
type refusal struct{ reasons []string }

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprint(r.reasons) }

// one makes an object with all that belongs to it, or leaves nothing of it.
func (r *run) one(ctx context.Context, tx *store.Store, o *imports.Object) (Result, error) {
	result := Result{Object: o, Outcome: Made, Notes: o.Notes}
	for _, l := range o.Lost {
		if !l.Final && slices.Contains(r.Ignore, l.Field) {
			result.Notes = append(result.Notes, fmt.Sprintf("%s is left out, as you said", l.Field))
		} else {
			result.Why = append(result.Why, fmt.Sprintf("%s %s", l.Field, l.Why))
		}
	}
	status, _, err := r.call(ctx, http.MethodGet, r.readPath(o), nil)
	if err != nil {
		return result, err
	}
	switch {
	case status == http.StatusOK:
		result.Outcome, result.Why, result.Notes = Present, nil, nil
		return result, nil
	case len(result.Why) > 0:
		result.Outcome = Refused
		return result, nil
	}
	err = tx.Together(ctx, "import one", func(ctx context.Context, _ *store.Store) error { return r.make(ctx, o) })
	if refused, ok := errors.AsType[*refusal](err); ok {
		result.Outcome, result.Why, err = Refused, refused.reasons, nil
	}
	return result, err
}

func (r *run) readPath(o *imports.Object) string { return paths[o.Kind] + "/" + o.ID }

func (r *run) make(ctx context.Context, o *imports.Object) error {
	r.adopting.object = o
	if err := r.write(ctx, http.MethodPost, paths[o.Kind], o.Body); err != nil {
		return err
	}
	for _, model := range slices.Sorted(maps.Keys(o.Prices)) {
		path := "/api/pricing/settings/" + o.ID + "/models/" + url.PathEscape(model)
		// From ever on: events are priced by the time that they are of.
		if err := r.write(ctx, http.MethodPut, path, map[string]any{"prices": o.Prices[model], "effectiveFrom": 0}); err != nil {
			return err
		}
	}
	return nil
}

// write calls the API. What it does not do is a refusal in its own words, unless
// it is not the object's fault.
func (r *run) write(ctx context.Context, method, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("spell the object: %w", err)
	}
	status, answer, err := r.call(ctx, method, path, text)
	if err != nil || status == http.StatusOK {
		return err
	}
	var p struct {
		Title, Detail string
		Errors        []struct{ Pointer, Detail string }
	}
	_ = json.Unmarshal(answer, &p) // what cannot be read is empty, and the status tells
	if status >= http.StatusInternalServerError {
		return fmt.Errorf("%s: %s (%d)", p.Title, p.Detail, status)
	}
	refused := &refusal{}
	for _, e := range p.Errors {
		refused.reasons = append(refused.reasons, fmt.Sprintf("%s %s", e.Pointer, e.Detail))
	}
	if len(refused.reasons) == 0 {
		refused.reasons = []string{fmt.Sprintf("%s: %s", p.Title, p.Detail)}
	}
	return refused
}

func (r *run) call(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	w := &recorder{header: http.Header{}}
	r.api.ServeHTTP(w, request)
	return w.status, w.body.Bytes(), nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }
