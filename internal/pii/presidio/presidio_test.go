package presidio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/presidio"
)

func TestSpansAreInBytesOfTheirTexts(t *testing.T) {
	for name, tc := range map[string]struct {
		texts  []string
		values map[string]string
		wanted pii.Set
		want   [][]pii.Span
		sent   []string
	}{
		"plain text": {
			[]string{"mail <jane@example.com> now"}, map[string]string{"jane@example.com": "EMAIL_ADDRESS"}, pii.All,
			[][]pii.Span{{span(6, 22, pii.Email)}}, []string{"mail <jane@example.com> now"},
		},
		"behind an emoji of several code points": {
			[]string{"👩‍👩‍👧 555-0100"}, map[string]string{"555-0100": "PHONE_NUMBER"}, pii.All,
			[][]pii.Span{{span(19, 27, pii.Phone)}}, []string{"👩‍👩‍👧 555-0100"},
		},
		"Chinese characters and combining marks": {
			[]string{"我叫李小龙。", "I am Zoe\u0308 K."}, map[string]string{"李小龙": "PERSON", "Zoe\u0308": "PERSON"}, pii.All,
			[][]pii.Span{{span(6, 15, pii.Name)}, {span(5, 10, pii.Name)}}, []string{"我叫李小龙。", "I am Zoe\u0308 K."},
		},
		"blank texts are not sent": {
			[]string{"", "é 555-0100", " \n", "none", "555-0100"}, map[string]string{"555-0100": "PHONE_NUMBER"}, pii.All,
			[][]pii.Span{nil, {span(3, 11, pii.Phone)}, nil, nil, {span(0, 8, pii.Phone)}}, []string{"é 555-0100", "none", "555-0100"},
		},
		"overlaps of two types stay, those of one become one": {
			[]string{"12 Main Street, Ohio"}, map[string]string{"12 Main Street": "LOCATION", "Main Street, Ohio": "LOCATION", "Main": "PERSON"}, pii.All,
			[][]pii.Span{{span(0, 20, pii.Address), span(3, 7, pii.Name)}}, []string{"12 Main Street, Ohio"},
		},
		"only wanted types": {
			[]string{"jane 555-0100"}, map[string]string{"jane": "PERSON", "555-0100": "PHONE_NUMBER"}, pii.Of(pii.Phone),
			[][]pii.Span{{span(5, 13, pii.Phone)}}, []string{"jane 555-0100"},
		},
		"a type that is not ours is passed over, an added one of our name is not": {
			[]string{"jane jd7"}, map[string]string{"jane": "NRP", "jd7": "USERNAME"}, pii.All,
			[][]pii.Span{{span(5, 8, pii.Username)}}, []string{"jane jd7"},
		},
		"a byte that is no UTF-8": {
			[]string{"\xff 555-0100"}, map[string]string{"555-0100": "PHONE_NUMBER"}, pii.All,
			[][]pii.Span{{span(2, 10, pii.Phone)}}, []string{"\ufffd 555-0100"},
		},
		"nothing is sent when no type is wanted": {[]string{"jane"}, map[string]string{"jane": "PERSON"}, 0, [][]pii.Span{nil}, nil},
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
			var want [][]string
			if tc.sent != nil {
				want = [][]string{tc.sent}
			}
			if diff := cmp.Diff(want, s.calls(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLongTextsAreCut(t *testing.T) {
	text := strings.Repeat("слово ", 9089) + "4111 1111 1111 1111 and jane@example.com" + strings.Repeat(" y", 40_000) // 11 bytes each: 99,979
	s := newStandIn(t, map[string]string{"4111 1111 1111 1111": "CREDIT_CARD", "jane@example.com": "EMAIL_ADDRESS"})
	got, err := s.detector().Detect(t.Context(), []string{text, "jane@example.com"}, pii.All)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]pii.Span{{span(99_979, 99_998, pii.CardNumber), span(100_003, 100_019, pii.Email)}, {span(0, 16, pii.Email)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if calls := s.calls(); len(calls) != 1 || len(calls[0]) != 3 {
		t.Errorf("%d calls, want one of 3 texts", len(calls))
	}
}

func TestWhatIsBelowTheThresholdIsLeftOut(t *testing.T) {
	s := newStandIn(t, nil)
	s.fail = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "[[%s,%s,%s]]", entity("PERSON", 0, 1, 0.49), entity("PERSON", 2, 3, 0.5), entity("PERSON", 4, 5, 0))
	}
	got, err := s.detector().Detect(t.Context(), []string{"a b c"}, pii.All)
	want := [][]pii.Span{{{Start: 2, End: 3, Type: pii.Name, Score: 0.5}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Detect: %v; spans (-want +got):\n%s", err, diff)
	}
}

func TestFailures(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(`{"error":"cannot do jane"}`))
		}
	}
	says := func(format string, args ...any) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, format, args...) }
	}
	for name, tc := range map[string]struct {
		fail    func(http.ResponseWriter, *http.Request)
		refused bool
		want    string
	}{
		"an error of its own":                {status(500), false, "status 500"},
		"it is not there yet":                {status(503), false, "status 503"},
		"nothing is there":                   {status(404), false, "status 404"},
		"another success":                    {status(204), false, "status 204"},
		"a request it refuses":               {status(400), true, "status 400"},
		"a request that is too long":         {status(413), true, "status 413"},
		"a text it refuses":                  {status(422), true, "status 422"},
		"no JSON":                            {says("jane"), false, "cannot be read"},
		"half of the JSON":                   {says(`[[{"entity_type":"jane"`), false, "cannot be read"},
		"more than the JSON":                 {says(`[[]]jane`), false, "cannot be read"},
		"an empty answer":                    {says(""), false, "cannot be read"},
		"the answer of an older version":     {says("[%s]", entity("PERSON", 0, 4, 1)), false, "cannot be read"},
		"too few lists":                      {says("[]"), false, "0 results for 1 texts"},
		"too many lists":                     {says("[[],[]]"), false, "2 results"},
		"null":                               {says("null"), false, "0 results"},
		"a value behind the text's end":      {says("[[%s]]", entity("PERSON", 0, 5, 1)), false, "outside"},
		"a value before its start":           {says("[[%s]]", entity("PERSON", -1, 2, 1)), false, "outside"},
		"a value that ends before it starts": {says("[[%s]]", entity("PERSON", 3, 2, 1)), false, "outside"},
		"such a value of a type not wanted":  {says("[[%s]]", entity("NRP", 0, 5, 1)), false, "outside"},
		"a value without an end":             {says(`[[{"start":0,"score":1,"entity_type":"PERSON"}]]`), false, "no offsets"},
		"a value without a score":            {says(`[[{"start":0,"end":1,"entity_type":"PERSON"}]]`), false, "score"},
		"a value without a type":             {says(`[[{"start":0,"end":1,"score":1}]]`), false, "type"},
		"a score that is no number":          {says(`[[{"start":0,"end":1,"score":NaN,"entity_type":"PERSON"}]]`), false, "cannot be read"},
		"a score above one":                  {says("[[%s]]", entity("PERSON", 0, 4, 1.5)), false, "score"},
		"an offset that is no whole number":  {says(`[[{"start":0.5,"end":1,"score":1,"entity_type":"PERSON"}]]`), false, "cannot be read"},
		"an answer that breaks off":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "EOF"},
		"an answer without end": {
			func(w http.ResponseWriter, r *http.Request) {
				for block := []byte(strings.Repeat(" ", 1<<20)); r.Context().Err() == nil; {
					if _, err := w.Write(block); err != nil {
						return
					}
				}
			}, false, "too long",
		},
		"a redirection": {
			func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			}, false, "status 307",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t, nil)
			s.fail = tc.fail
			got, err := s.detector().Detect(t.Context(), []string{"jane"}, pii.All)
			if got != nil || err == nil {
				t.Fatalf("Detect = %v, %v", got, err)
			}
			if !strings.Contains(err.Error(), tc.want) || errors.Is(err, pii.ErrRefused) != tc.refused || strings.Contains(err.Error(), "jane") {
				t.Errorf("error %q, refused %v; want %q, %v, without the text", err, errors.Is(err, pii.ErrRefused), tc.want, tc.refused)
			}
			if n := len(s.calls()); n != 1 {
				t.Errorf("%d calls, want 1", n)
			}
		})
	}
}

func TestASlowAnswerEndsWithTheDeadline(t *testing.T) {
	s := newStandIn(t, nil)
	s.fail = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.detector().Detect(ctx, []string{"jane"}, pii.All); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Detect = %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = newDetector(t, "http://user:hunter2@"+address).Detect(t.Context(), []string{"jane"}, pii.All)
	if err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "jane") {
		t.Errorf("Detect = %v", err)
	}
}

func TestThePasswordOfTheURLIsShownToTheServer(t *testing.T) {
	s := newStandIn(t, nil)
	s.fail = func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "user" || password != "hunter2" {
			t.Errorf("user %q, password %q", user, password)
		}
		_, _ = w.Write([]byte("[[]]"))
	}
	d := newDetector(t, strings.Replace(s.url, "http://", "http://user:hunter2@", 1)+"/base")
	if _, err := d.Detect(t.Context(), []string{"jane"}, pii.All); err != nil {
		t.Error(err)
	}
}

func TestURLsThatCannotBePresidios(t *testing.T) {
	for _, text := range []string{"", "presidio:3000", "ftp://presidio", "http://", "/analyze", "http://hunter2@presidio?x=1", "http://presidio#x", "http://a b"} {
		if _, err := presidio.New(presidio.Options{URL: gateway.NewSecret(text)}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
