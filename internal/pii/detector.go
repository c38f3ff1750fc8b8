package pii

import "context"

// Detector finds values in texts. Safe for concurrent use.
type Detector interface {
	// Detect returns one list for each text: spans in order, with offsets in bytes.
	// After an error nothing may be concluded about any of the texts.
	Detect(ctx context.Context, texts []string, types Set) ([][]Span, error)
}
