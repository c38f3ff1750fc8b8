package controlplane

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// share is the part of a job that one event charges: a model's requests, in a
// batch those at the prices of one size.
type share struct {
	model string
	size  int64
}

type sum struct {
	usage   gateway.Usage
	tier    string
	largest int64
	found   pricing.Found
	priced  bool
}

// bill sums up what a job used.
type bill struct {
	event  *gateway.Event // the pending one
	job    *provider.Job
	origin provider.Origin
	params map[string]string
	book   *pricing.Book
	at     time.Time
	sums   map[share]*sum
	silent int // requests that are billed, and tell no usage
}

// wantsResults reports whether a batch's sum does not say what it costs: not
// without its model, nor where the price depends on each request's size.
func (b *bill) wantsResults(s *provider.JobState) bool {
	found, ok := b.find(s.Reading.Model)
	return s.Reading.Model == "" || ok && found.Sized(pricing.Terms{Batch: true})
}

func (b *bill) find(model string) (pricing.Found, bool) {
	e := *b.event
	e.CreatedAt, e.ResponseModel = b.at, model
	return b.book.PriceLater(&e, b.params)
}

// addAll adds the usage of the whole job. The requests of a batch count as
// equally large.
func (b *bill) addAll(s *provider.JobState) {
	r := &s.Reading
	large := r.Usage.InputTokens
	if b.job.Batch {
		n := max(s.Requests, 1)
		large = max((large+n-1)/n, 1)
	}
	if r.Invalid {
		b.silent++
	}
	b.addSized(r, large)
}

// add adds a request of a batch.
func (b *bill) add(r *provider.Reading) {
	if !r.HasCost || r.Invalid {
		b.silent++
	}
	if r.HasCost {
		b.addSized(r, max(r.Usage.InputTokens, 1))
	}
}

// maxModelName bounds what is kept of a name that the answer chose.
const maxModelName = 256

func (b *bill) addSized(r *provider.Reading, large int64) {
	model := r.Model[:min(len(r.Model), maxModelName)]
	found, ok := b.find(model)
	part := share{model: model}
	if ok && b.job.Batch {
		// Of a batch only one event tells. Prices may have changed when another
		// event of the same run is billed: its charge must be the same one.
		part.size = found.Size(large, pricing.Terms{Batch: true})
	}
	s := b.sums[part]
	if s == nil {
		s = &sum{found: found, priced: ok, tier: r.ServiceTier}
		b.sums[part] = s
	}
	s.usage.Add(r.Usage)
	s.largest = max(s.largest, large)
}

// charges are the events that charge the job. Their ids follow from it, so that
// however often it is billed, each is written once.
func (b *bill) charges() (events []*gateway.Event) {
	for part, s := range b.sums {
		e := *b.event
		e.ID = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "bricks charge of %s%s %s %q %d",
			b.origin.Cluster(), b.origin.Prefix, b.job.Target, part.model, part.size)).String()
		e.CreatedAt, e.CorrelationID, e.Action = b.at, b.event.ID, gateway.ActionCharged
		e.ResponseModel, e.Usage = part.model, s.usage
		e.Estimated, e.Incomplete = b.silent > 0, false
		e.Latency, e.TimeToFirstToken, e.Attempts, e.RefusedCount = 0, 0, 0, 0
		e.Request, e.Response, e.Findings = nil, nil, nil // what was found is counted once
		terms := pricing.Terms{Tier: s.tier}
		if b.job.Batch {
			terms = pricing.Terms{Batch: true, Largest: s.largest}
		}
		s.found.Charge(&e, terms, s.priced)
		events = append(events, &e)
	}
	return events
}
