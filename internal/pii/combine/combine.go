// Package combine asks the detectors of a policy at the same time and joins what
// they find.
package combine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// Group is the detectors of one policy. It is immutable, and safe for concurrent
// use.
type Group struct {
	parts         []part
	allowFailures bool
}

type part struct {
	name     string
	detector pii.Detector
}

// Of is the group of the named detectors, each once. A name that detectors lacks
// stands for one that fails every time: a policy that asks for what is not
// configured here must not pass for one that does not.
//
// allowFailures is the policy's choice to go on without what a failed detector
// would have found.
func Of(names []string, detectors map[string]pii.Detector, allowFailures bool) Group {
	g := Group{allowFailures: allowFailures}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		d := detectors[name]
		if d == nil {
			d = missing{}
		}
		g.parts = append(g.parts, part{name, d})
	}
	return g
}

// Failure is a detector that failed. The error is safe to log.
type Failure struct {
	Detector string
	Err      error
}

// Detect gives one list of spans for each text, as pii.Join makes it of what all
// detectors found.
//
// With failures allowed, it also gives those that failed, in the order of their
// names in the policy, and the error is only for a ctx that was canceled. Else
// the first failure is the error too, there are no spans, and the other
// detectors are given up. Detect returns when all of them have returned.
func (g Group) Detect(ctx context.Context, texts []string, types pii.Set) ([][]pii.Span, []Failure, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([][][]pii.Span, len(g.parts))
	errs := make([]error, len(g.parts))
	var first Failure // that blocks; those behind it may be of our own making
	var once sync.Once
	ask := func(i int) {
		results[i], errs[i] = g.parts[i].detect(inner, texts, types)
		if errs[i] != nil && !g.allowFailures {
			once.Do(func() { first = Failure{g.parts[i].name, errs[i]} })
			cancel()
		}
	}
	var others sync.WaitGroup
	for i := 1; i < len(g.parts); i++ {
		others.Go(func() { ask(i) })
	}
	if len(g.parts) > 0 {
		ask(0)
	}
	others.Wait()

	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, nil, err
	}
	if first.Err != nil {
		return nil, []Failure{first}, fmt.Errorf("detector %s: %w", first.Detector, first.Err)
	}
	var failures []Failure
	for i, err := range errs {
		if err != nil {
			failures = append(failures, Failure{g.parts[i].name, err})
		}
	}
	found := make([][]pii.Span, len(texts))
	lists := make([][]pii.Span, len(g.parts))
	for text := range texts {
		for i := range g.parts {
			lists[i] = nil
			if errs[i] == nil {
				lists[i] = results[i][text]
			}
		}
		found[text] = pii.Join(lists...)
	}
	return found, failures, nil
}

// detect asks one detector, and believes nothing that would break the caller.
func (p part) detect(ctx context.Context, texts []string, types pii.Set) (found [][]pii.Span, err error) {
	defer func() {
		if r := recover(); r != nil {
			found, err = nil, errors.New("it panicked")
			if e, ok := r.(runtime.Error); ok { // these hold no text
				err = fmt.Errorf("it panicked: %w", e)
			}
		}
	}()
	found, err = p.detector.Detect(ctx, texts, types)
	if err != nil {
		return nil, err
	}
	if len(found) != len(texts) {
		return nil, fmt.Errorf("it has %d results for %d texts", len(found), len(texts))
	}
	for i, spans := range found {
		for _, s := range spans {
			if !within(s, texts[i]) {
				return nil, errors.New("it found a value outside of its text, or half of a character")
			}
		}
		// Not in place: the detector may keep its lists.
		if slices.ContainsFunc(spans, func(s pii.Span) bool { return !types.Has(s.Type) }) {
			found = slices.Clone(found)
			found[i] = slices.DeleteFunc(slices.Clone(spans), func(s pii.Span) bool { return !types.Has(s.Type) })
		}
	}
	return found, nil
}

// within reports whether s is a part of text that can be cut out.
func within(s pii.Span, text string) bool {
	border := func(at int) bool { return at == len(text) || utf8.RuneStart(text[at]) }
	return 0 <= s.Start && s.Start < s.End && s.End <= len(text) && border(s.Start) && border(s.End)
}

// missing is a detector that is not configured.
type missing struct{}

func (missing) Detect(context.Context, []string, pii.Set) ([][]pii.Span, error) {
	return nil, ErrNotConfigured
}

// ErrNotConfigured says that a policy names a detector that this gateway lacks.
var ErrNotConfigured = errors.New("it is not configured in this gateway")
