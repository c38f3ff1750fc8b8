package pricing

import (
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Terms are what decides a price beside the model and the amount. The zero
// value is the standard service, answered at once.
type Terms struct {
	// Tier is the service tier as requests and answers spell it: "priority",
	// "flex", … In a bound "auto" stands for every tier that the model has.
	Tier string
	// Batch: asked for in a batch job.
	Batch bool
	// Largest is for the usage of many requests of a batch together: the input
	// tokens of the largest one, by which the size is chosen whose prices hold.
	// 0: the usage is one request's.
	Largest int64
	// TextOnly says, in a bound, that neither input nor output can be sound or
	// images.
	TextOnly bool
}

// String spells what of the terms an event keeps; ParseTerms reads it.
func (t Terms) String() string {
	if t.Batch && t.Largest > 0 {
		return tierBatch + "/" + strconv.FormatInt(t.Largest, 10)
	}
	if t.Batch {
		return tierBatch
	}
	if t.schedule() == "" {
		return ""
	}
	return t.Tier
}

// ParseTerms reads the terms of an event.
func ParseTerms(text string) Terms {
	if text == tierBatch {
		return Terms{Batch: true}
	}
	if largest, ok := strings.CutPrefix(text, tierBatch+"/"); ok {
		if n, err := strconv.ParseInt(largest, 10, 64); err == nil && n > 0 {
			return Terms{Batch: true, Largest: n}
		}
	}
	return Terms{Tier: text}
}

const tierBatch = "batch"

// size is the input that chooses among prices by size.
func (t Terms) size(u *gateway.Usage) int64 {
	if t.Largest > 0 {
		return t.Largest
	}
	return u.InputTokens
}

// schedule is the suffix by which the price list names the terms' prices; empty
// for the standard ones.
func (t Terms) schedule() string {
	if t.Batch {
		return "batches"
	}
	switch tier := strings.ToLower(t.Tier); tier {
	case "", "auto", "default", "standard", "standard_only":
		return ""
	case tierBatch:
		return "batches"
	default:
		return tier
	}
}

// cheaper are the schedules that providers sell below their standard price: a
// model that lists none is charged the standard price.
func cheaper(schedule string) bool { return schedule == "batches" || schedule == "flex" }
