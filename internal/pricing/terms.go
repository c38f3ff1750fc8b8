package pricing

import "strings"

// Terms are what decides a price beside the model and the amount. The zero
// value is the standard service, answered at once.
type Terms struct {
	// Tier is the service tier as requests and answers spell it: "priority",
	// "flex", … In a bound "auto" stands for every tier that the model has.
	Tier string
	// Batch: asked for in a batch job.
	Batch bool
	// TextOnly says, in a bound, that neither input nor output can be sound or
	// images.
	TextOnly bool
}

// String spells what of the terms an event keeps; ParseTerms reads it.
func (t Terms) String() string {
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
	return Terms{Tier: text}
}

const tierBatch = "batch"

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
