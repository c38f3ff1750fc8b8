package presidio

import (
	"encoding/json"
	"errors"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/passage"
)

// result is one found value. Start and End count code points, as Python does.
type result struct {
	Start      *int     `json:"start"`
	End        *int     `json:"end"`
	Score      *float64 `json:"score"`
	EntityType string   `json:"entity_type"`
}

// read reads an answer: a list for each text.
func read(answer []byte) ([][]result, error) {
	var lists [][]result
	if err := json.Unmarshal(answer, &lists); err != nil {
		return nil, errors.New("the answer cannot be read") // err may repeat a part of it
	}
	return lists, nil
}

// spans turns what was found in text into spans. Types that Presidio knows and
// we do not are passed over.
func (d *Detector) spans(text string, list []result, wanted pii.Set) ([]pii.Span, error) {
	var spans []pii.Span
	offsets := passage.NewOffsets(text)
	for _, r := range list {
		if r.Start == nil || r.End == nil || r.Score == nil || *r.Score < 0 || *r.Score > 1 || r.EntityType == "" {
			return nil, errors.New("a found value has no offsets, score or type")
		}
		start, end, ok := offsets.Bytes(*r.Start, *r.End)
		if !ok {
			return nil, errors.New("a found value is outside of its text")
		}
		t, ok := typeOf(r.EntityType)
		// The server was told of the threshold, but it is ours to keep.
		if !ok || !wanted.Has(t) || *r.Score == 0 || *r.Score < d.threshold || start == end {
			continue
		}
		spans = append(spans, pii.Span{Start: start, End: end, Type: t, Score: float32(*r.Score)})
	}
	return spans, nil
}
