package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/combine"
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
		if err := e.ask(ctx, p, d, found); err != nil {
			return nil, err
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

// ask lets p's detectors look, the services at the same time. One that nobody has
// configured fails.
func (e *Engine) ask(ctx context.Context, p *Policy, d *document, found [][]match) error {
	var services []string
	for _, name := range p.detectors {
		if name != gateway.DetectorEmbedded {
			services = append(services, name)
			continue
		}
		for i, list := range d.divide(p, e.Embedded(nil, d.text(), p.types)) {
			found[i] = append(found[i], list...)
		}
	}
	if len(services) == 0 {
		return nil
	}
	texts := make([]string, len(d.fields))
	for i := range d.fields {
		texts[i] = d.fieldText(i)
	}
	spans, _, err := combine.Of(services, e.Detectors, p.lenient).Detect(ctx, texts, p.types)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDetector, err)
	}
	for i, list := range spans {
		for _, s := range list {
			found[i] = append(found[i], match{s.Start, s.End, s.Type, p.actions[s.Type]})
		}
	}
	return nil
}
