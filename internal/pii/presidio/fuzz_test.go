package presidio

import (
	"testing"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// FuzzAnswer feeds answers that no analyzer gives: what comes out can be cut out
// of the text.
func FuzzAnswer(f *testing.F) {
	f.Add("jane 👩‍👩‍👧 李小龙", `[[{"start":0,"end":4,"score":0.85,"entity_type":"PERSON","analysis_explanation":null}]]`)
	f.Add("e\u0301", `[[{"start":1,"end":2,"score":1,"entity_type":"URL"},{"start":0,"end":9,"score":1,"entity_type":"URL"}]]`)
	f.Add("\xff", `[[{"start":-1,"end":1e3,"score":1,"entity_type":"age"}]]`)
	f.Add("", `[[],null,[null]]`)
	d := &Detector{threshold: 0.5}
	f.Fuzz(func(t *testing.T, text, answer string) {
		lists, err := read([]byte(answer))
		if err != nil {
			return
		}
		for _, list := range lists {
			spans, err := d.spans(text, list, pii.All)
			if err != nil {
				continue
			}
			for _, s := range spans {
				whole := s.Start >= 0 && s.Start < s.End && s.End <= len(text) && s.Score >= 0.5 && s.Score <= 1 && s.Type < pii.Types
				if !whole || utf8.ValidString(text) && !utf8.ValidString(text[s.Start:s.End]) {
					t.Errorf("%+v of %q", s, text)
				}
			}
		}
	})
}
