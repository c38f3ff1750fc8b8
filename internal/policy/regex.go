package policy

import (
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/fold"
)

type regexRule struct {
	re     *regexp.Regexp
	action gateway.PolicyAction
}

// ErrTooSlow means that a policy's regular expressions took longer than a text
// of its size is given.
var ErrTooSlow = errors.New("the policy's regular expressions take too long on this text")

// What a request's regular expressions may take in all.
const (
	leastBudget    = 250 * time.Millisecond
	budgetPerBlock = 20 * time.Millisecond // for each budgetBlock of text
	budgetBlock    = 100 << 10
)

// A text is searched in windows, a few matches at a time, and in between the
// time is looked at. A match belongs to the window that it begins in, and may
// reach into the next one.
const (
	window  = 4 << 10
	overlap = 4 << 10
	atOnce  = 64 // matches
)

// matchAll adds what the policy's expressions match, on the text as a reader
// sees it: folded.
func (p *Policy) matchAll(d *document, found [][]match) error {
	if len(p.regex) == 0 {
		return nil
	}
	deadline := time.Now().Add(max(leastBudget, time.Duration(len(d.buf)/budgetBlock+1)*budgetPerBlock))
	var folded fold.Text
	for i := range d.fields {
		folded.Reset(d.fieldText(i))
		for _, r := range p.regex {
			ok := search(r.re, folded.String(), deadline, func(start, end int) {
				start, end = folded.Original(start, end)
				found[i] = append(found[i], match{start, end, pii.Types, r.action})
			})
			if !ok {
				return ErrTooSlow
			}
		}
	}
	return nil
}

// search calls yield for the matches of re in text. ok is false when it gave up
// at the deadline.
func search(re *regexp.Regexp, text string, deadline time.Time, yield func(start, end int)) (ok bool) {
	for at := 0; ; {
		if at >= len(text) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		end, last := at+window+overlap, false
		if end >= len(text) {
			end, last = len(text), true
		}
		next := at + window
		if !last {
			next = boundary(text, next)
		}
		found := re.FindAllStringIndex(text[at:end], atOnce)
		full, behind := len(found) == atOnce, at+1
		for _, m := range found {
			start, stop := at+m[0], at+m[1]
			if !last && start >= next {
				break // it is of the next window
			}
			if behind = max(behind, stop); start < stop {
				yield(start, stop)
			}
		}
		if full { // there may be more
			next = behind
		} else if next = max(next, behind); last {
			return true
		}
		at = next
	}
}

// boundary is a place near at where no word is cut, if there is one.
func boundary(text string, at int) int {
	if i := strings.IndexAny(text[at:min(len(text), at+256)], " \n\t"); i >= 0 {
		return at + i
	}
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	return at
}
