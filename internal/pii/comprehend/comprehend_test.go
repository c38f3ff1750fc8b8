package comprehend_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/comprehend/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// span is what the stand-in finds: all with one score.
func span(start, end int, t pii.Type) pii.Span {
	return pii.Span{Start: start, End: end, Type: t, Score: 0.75}
}

func TestSpansAreInBytesOfTheirTexts(t *testing.T) {
	for name, tc := range map[string]struct {
		texts  []string
		values map[string]string
		wanted pii.Set
		want   [][]pii.Span
		calls  []string
	}{
		"plain text": {
			[]string{"mail jane@example.com now"}, map[string]string{"jane@example.com": "EMAIL"}, pii.All,
			[][]pii.Span{{span(5, 21, pii.Email)}}, []string{"mail jane@example.com now"},
		},
		"behind an emoji of four bytes": {
			[]string{"😀 jane@example.com"}, map[string]string{"jane@example.com": "EMAIL"}, pii.All,
			[][]pii.Span{{span(5, 21, pii.Email)}}, []string{"😀 jane@example.com"},
		},
		"behind an emoji of several code points": {
			[]string{"👩‍👩‍👧 555-0100"}, map[string]string{"555-0100": "PHONE"}, pii.All,
			[][]pii.Span{{span(19, 27, pii.Phone)}}, []string{"👩‍👩‍👧 555-0100"},
		},
		"a value of Chinese characters among others": {
			[]string{"我叫李小龙。"}, map[string]string{"李小龙": "NAME"}, pii.All,
			[][]pii.Span{{span(6, 15, pii.Name)}}, []string{"我叫李小龙。"},
		},
		"a combining mark stays with its letter": {
			[]string{"I am Zoe\u0308 K."}, map[string]string{"Zoe\u0308": "NAME"}, pii.All,
			[][]pii.Span{{span(5, 10, pii.Name)}}, []string{"I am Zoe\u0308 K."},
		},
		"several texts share a call, and each gets its own spans": {
			[]string{"é 555-0100", "", "nothing", " \n", "555-0100"}, map[string]string{"555-0100": "PHONE"}, pii.All,
			[][]pii.Span{{span(3, 11, pii.Phone)}, nil, nil, nil, {span(0, 8, pii.Phone)}},
			[]string{"é 555-0100\n\nnothing\n\n555-0100"},
		},
		"what reaches over a border is cut at it": {
			[]string{"Main", "Street"}, map[string]string{"in\n\nStr": "ADDRESS"}, pii.All,
			[][]pii.Span{{span(2, 4, pii.Address)}, {span(0, 3, pii.Address)}}, []string{"Main\n\nStreet"},
		},
		"only wanted types": {
			[]string{"jane 555-0100"}, map[string]string{"jane": "NAME", "555-0100": "PHONE"}, pii.Of(pii.Phone),
			[][]pii.Span{{span(5, 13, pii.Phone)}}, []string{"jane 555-0100"},
		},
		"a type that is not known is passed over": {
			[]string{"jane 555-0100"}, map[string]string{"jane": "STAR_SIGN", "555-0100": "PHONE"}, pii.All,
			[][]pii.Span{{span(5, 13, pii.Phone)}}, []string{"jane 555-0100"},
		},
		"two types of one value": {
			[]string{"078-05-1120"}, map[string]string{"078-05-1120": "SSN", "078-05": "PIN"}, pii.All,
			[][]pii.Span{{span(0, 6, pii.PIN), span(0, 11, pii.SSN)}}, []string{"078-05-1120"},
		},
		"a byte that is no UTF-8": {
			[]string{"\xff 555-0100"}, map[string]string{"555-0100": "PHONE"}, pii.All,
			[][]pii.Span{{span(2, 10, pii.Phone)}}, []string{"\ufffd 555-0100"},
		},
		"nothing is sent when no type is wanted": {[]string{"jane"}, map[string]string{"jane": "NAME"}, 0, [][]pii.Span{nil}, nil},
		"nothing is sent when there is no text":  {[]string{"", " "}, nil, pii.All, [][]pii.Span{nil, nil}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t, tc.values)
			got, err := s.detector().Detect(t.Context(), tc.texts, tc.wanted)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.calls, s.calls()); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryTypeIsKnown(t *testing.T) {
	kinds := types.PiiEntityType("").Values()
	if len(kinds) != int(pii.Types)+1 {
		t.Errorf("Comprehend has %d types, we %d", len(kinds)-1, pii.Types)
	}
	for _, kind := range kinds {
		tc := string(kind)
		if kind == types.PiiEntityTypeAll { // asks for all in other operations
			continue
		}
		s := newStandIn(t, map[string]string{"value": tc})
		got, err := s.detector().Detect(t.Context(), []string{"a value"}, pii.All)
		if err != nil || len(got[0]) != 1 || strings.ToUpper(got[0][0].Type.String()) != tc {
			t.Errorf("%s is found as %v, %v", tc, got, err)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	// The first call ends at or shortly before byte 100,000: the number is across it.
	before := strings.Repeat("слово ", 9089) // 11 bytes each: 99,979
	text := before + "4111 1111 1111 1111 and jane@example.com" + strings.Repeat(" y", 40_000)
	s := newStandIn(t, map[string]string{"4111 1111 1111 1111": "CREDIT_DEBIT_NUMBER", "jane@example.com": "EMAIL"})
	got, err := s.detector().Detect(t.Context(), []string{"short", text}, pii.All)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]pii.Span{nil, {span(99_979, 99_998, pii.CardNumber), span(100_003, 100_019, pii.Email)}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if n := len(s.calls()); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
}

func TestACallHoldsNoMoreThanItsLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		texts []string
		calls int
	}{
		"just full":                       {[]string{strings.Repeat("a", 49_999), strings.Repeat("b", 49_999)}, 1},
		"one byte too many":               {[]string{strings.Repeat("a", 49_999), strings.Repeat("b", 50_000)}, 2},
		"bytes that grow on the way":      {[]string{strings.Repeat("\xff", 33_334)}, 2},
		"several that grow on the way":    {[]string{strings.Repeat("\xff", 20_000), strings.Repeat("\xff", 20_000)}, 2},
		"a thousand short ones":           {strings.Split(strings.Repeat("word,", 999)+"word", ","), 1},
		"ones of 30,000, three in a call": {[]string{strings.Repeat("a", 30_000), strings.Repeat("b", 30_000), strings.Repeat("c", 30_000), strings.Repeat("d", 30_000)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t, nil)
			if _, err := s.detector().Detect(t.Context(), tc.texts, pii.All); err != nil {
				t.Fatal(err)
			}
			if n := len(s.calls()); n != tc.calls {
				t.Errorf("%d calls, want %d", n, tc.calls)
			}
		})
	}
}

func TestCallsOfOneTextAreBounded(t *testing.T) {
	s := newStandIn(t, nil)
	var mu sync.Mutex
	running, most, waiting, four := 0, 0, 0, make(chan struct{})
	s.fail = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		mu.Lock()
		running++
		most = max(most, running)
		all := four
		if waiting++; waiting == 4 { // they go on together
			close(four)
			waiting, four = 0, make(chan struct{})
		}
		mu.Unlock()
		select {
		case <-all:
		case <-r.Context().Done():
		}
		mu.Lock()
		running-- // before the answer, which lets the next call begin
		mu.Unlock()
		return false
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	// 12 calls: 11 passages of 98,000 bytes and more, and the rest.
	if _, err := s.detector().Detect(ctx, []string{strings.Repeat("word ", 230_000)}, pii.All); err != nil {
		t.Fatal(err)
	}
	if len(s.calls()) != 12 || most != 4 {
		t.Errorf("%d at once of %d calls, want 4 of 12", most, len(s.calls()))
	}
}
