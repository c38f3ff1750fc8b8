package pii

import (
	"context"
	"errors"
)

// Detector finds values in texts. All of them are safe for concurrent use.
type Detector interface {
	// Detect gives one list of spans for each text, by position, of the given
	// types alone. Spans are in bytes, on the borders of code points, sorted by
	// Start, and may overlap. With an error nothing may be concluded of any of
	// the texts. It returns soon after ctx ends, and keeps no part of a text once
	// it has. Neither error nor log may hold a part of a text or a credential.
	Detect(ctx context.Context, texts []string, types Set) ([][]Span, error)
}

// ErrRefused is for errors that the texts bring about, such as their size: the
// detector itself is well, and must not count as failing. Otherwise a client
// could have it switched off for everybody.
var ErrRefused = errors.New("the detector does not take these texts")
