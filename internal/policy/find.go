package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
)

// Engine has the detectors that policies ask for. It does not change once it is
// in use, and is safe for concurrent use.
type Engine struct {
	// Embedded is the detector in process: it appends what text has of the types.
	Embedded func(dst []pii.Span, text string, types pii.Set) []pii.Span
	// Detectors are the services that are configured, by their name in a policy.
	Detectors map[string]pii.Detector
}

// ErrDetector means that a detector could not tell, and the policy lets nothing
// pass unseen.
var ErrDetector = errors.New("a detector of personal data failed")

// find looks for what p names in each of the texts, which the embedded detector
// reads as one: what stands in one may explain the next.
func (e *Engine) find(ctx context.Context, p *Policy, d *document) ([][]match, error) {
	found := make([][]match, len(d.fields))
	if p.types != 0 {
		for _, name := range p.detectors {
			spans, err := e.ask(ctx, p, name, d)
			if err != nil && !p.lenient {
				return nil, fmt.Errorf("%w: %s: %w", ErrDetector, name, err)
			}
			for i := range spans {
				found[i] = append(found[i], spans[i]...)
			}
		}
	}
	if err := p.matchAll(d, found); err != nil {
		return nil, err
	}
	for i, m := range found {
		slices.SortFunc(m, func(a, b match) int {
			return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(severity(b.action), severity(a.action)), cmp.Compare(a.kind, b.kind))
		})
		found[i] = slices.Compact(m)
	}
	return found, nil
}

// ask lets one detector look. A detector that nobody has configured fails.
func (e *Engine) ask(ctx context.Context, p *Policy, name string, d *document) ([][]match, error) {
	if name == gateway.DetectorEmbedded {
		return d.divide(p, e.Embedded(nil, d.text(), p.types)), nil
	}
	detector := e.Detectors[name]
	if detector == nil {
		return nil, errors.New("it is not configured")
	}
	texts := make([]string, len(d.fields))
	for i := range d.fields {
		texts[i] = d.fieldText(i)
	}
	spans, err := detector.Detect(ctx, texts, p.types)
	if err != nil {
		return nil, err
	}
	if len(spans) != len(texts) {
		return nil, fmt.Errorf("it answered %d of %d texts", len(spans), len(texts))
	}
	out := make([][]match, len(texts))
	for i, list := range spans {
		for _, s := range list {
			if s.Start < 0 || s.End > len(texts[i]) || s.Start >= s.End {
				return nil, errors.New("it found something outside of the text")
			}
			if s.Type < pii.Types && p.types.Has(s.Type) {
				out[i] = append(out[i], match{s.Start, s.End, s.Type, p.actions[s.Type]})
			}
		}
	}
	return out, nil
}
