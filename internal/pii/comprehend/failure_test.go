package comprehend_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/comprehend"
)

func TestThrottledAndBrokenCallsAreMadeAgain(t *testing.T) {
	for name, fail := range map[string]func(http.ResponseWriter){
		"throttled":           func(w http.ResponseWriter) { refuse(w, 400, "ThrottlingException") },
		"too many requests":   func(w http.ResponseWriter) { refuse(w, 429, "TooManyRequestsException") },
		"an error of theirs":  func(w http.ResponseWriter) { refuse(w, 500, "InternalServerException") },
		"a broken connection": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t, map[string]string{"555-0100": "PHONE"})
			s.fail = func(w http.ResponseWriter, _ *http.Request, attempt int) bool {
				if attempt == 1 {
					fail(w)
				}
				return attempt == 1
			}
			got, err := s.detector().Detect(t.Context(), []string{"555-0100"}, pii.All)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]pii.Span{{span(0, 8, pii.Phone)}}, got); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
			if n := len(s.calls()); n != 2 {
				t.Errorf("%d calls, want 2", n)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		fail    func(w http.ResponseWriter, r *http.Request)
		refused bool
		calls   int // 0: it does not matter
		want    string
	}{
		"throttled for good":           {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "ThrottlingException") }, false, 3, "ThrottlingException"},
		"down for good":                {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "InternalServerException") }, false, 3, "status 500"},
		"no permission":                {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "AccessDeniedException") }, false, 1, "AccessDeniedException"},
		"a language it lacks":          {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "UnsupportedLanguageException") }, false, 1, "UnsupportedLanguage"},
		"too long for it":              {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "TextSizeLimitExceededException") }, true, 1, "TextSizeLimitExceeded"},
		"a text it refuses":            {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "InvalidRequestException") }, true, 1, "InvalidRequest"},
		"a code that repeats the text": {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "jane@example.com") }, false, 1, "status 400"},
		"no JSON":                      {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("jane@example.com")) }, false, 1, "cannot be read"},
		"half of the JSON": {
			func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"Entities":[{"Type":"jane@example.com"`))
			}, false, 1, "cannot be read",
		},
		"an error page": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(403)
				_, _ = w.Write([]byte("<html>jane@example.com"))
			}, false, 1, "status 403",
		},
		"a value behind the text's end":      {func(w http.ResponseWriter, _ *http.Request) { answer(w, entity("NAME", 0, 17)) }, false, 1, "outside"},
		"a value before its start":           {func(w http.ResponseWriter, _ *http.Request) { answer(w, entity("NAME", -1, 4)) }, false, 1, "outside"},
		"a value that ends before it starts": {func(w http.ResponseWriter, _ *http.Request) { answer(w, entity("NAME", 4, 2)) }, false, 1, "outside"},
		"a value without an end":             {func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"BeginOffset":1,"Score":1,"Type":"NAME"}`) }, false, 1, "no offsets"},
		"a value without a score": {func(w http.ResponseWriter, _ *http.Request) {
			answer(w, `{"BeginOffset":1,"EndOffset":2,"Type":"NAME"}`)
		}, false, 1, "no offsets"},
		"a score above one": {
			func(w http.ResponseWriter, _ *http.Request) {
				answer(w, `{"BeginOffset":1,"EndOffset":2,"Score":7,"Type":"NAME"}`)
			}, false, 1, "score",
		},
		"an answer without end": {
			func(w http.ResponseWriter, r *http.Request) {
				block := []byte(strings.Repeat(" ", 1<<20))
				for r.Context().Err() == nil {
					if _, err := w.Write(block); err != nil {
						return
					}
				}
			}, false, 0, "too long",
		},
		"a redirection": {
			func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			}, false, 1, "status 307",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t, nil)
			s.fail = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				tc.fail(w, r)
				return true
			}
			got, err := s.detector().Detect(t.Context(), []string{"jane@example.com"}, pii.All)
			if got != nil || err == nil {
				t.Fatalf("Detect = %v, %v", got, err)
			}
			if !strings.Contains(err.Error(), tc.want) || errors.Is(err, pii.ErrRefused) != tc.refused {
				t.Errorf("error %q, refused %v; want %q, %v", err, errors.Is(err, pii.ErrRefused), tc.want, tc.refused)
			}
			safe(t, err)
			if n := len(s.calls()); n != tc.calls && tc.calls != 0 {
				t.Errorf("%d calls, want %d", n, tc.calls)
			}
		})
	}
}

// safe checks that an error can be logged.
func safe(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{"jane", "hunter2", "AKID"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error says %q: %v", secret, err)
		}
	}
}

func TestOneFailedCallFailsAll(t *testing.T) {
	s := newStandIn(t, nil)
	s.fail = func(w http.ResponseWriter, _ *http.Request, attempt int) bool {
		if attempt == 2 {
			refuse(w, 400, "AccessDeniedException")
		}
		return attempt == 2
	}
	got, err := s.detector().Detect(t.Context(), []string{strings.Repeat("word ", 60_000)}, pii.All)
	if got != nil || err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("Detect = %v, %v", got, err)
	}
}

func TestASlowAnswerEndsWithTheDeadline(t *testing.T) {
	s := newStandIn(t, nil)
	s.fail = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		<-r.Context().Done()
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.detector().Detect(ctx, []string{"jane@example.com"}, pii.All)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Detect = %v", err)
	}
	safe(t, err)
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
	_, err = newStandIn(t, nil).detector(func(o *comprehend.Options) { o.Endpoint = "http://" + address }).Detect(t.Context(), []string{"jane"}, pii.All)
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Fatalf("Detect = %v", err)
	}
	safe(t, err)
}

func TestAConnectionThatIsNotMadeIsGivenUp(t *testing.T) {
	// It accepts, and never speaks TLS.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing is written
	d := newStandIn(t, nil).detector(func(o *comprehend.Options) {
		o.Endpoint, o.ConnectTimeout = "https://"+l.Addr().String(), 50*time.Millisecond
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := d.Detect(ctx, []string{"jane"}, pii.All); err == nil || !strings.Contains(err.Error(), "TLS handshake timeout") {
		t.Errorf("Detect = %v", err)
	}
}

func TestTheChainIsAskedWithoutAKey(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDSTANDIN")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2-secret")
	t.Setenv("AWS_SESSION_TOKEN", "hunter2-session")
	t.Setenv("AWS_CONFIG_FILE", "/nowhere/config")
	s := newStandIn(t, map[string]string{"jane": "NAME"})
	got, err := s.detector(func(o *comprehend.Options) { o.AccessKeyID = "" }).Detect(t.Context(), []string{"jane"}, pii.All)
	if diff := cmp.Diff([][]pii.Span{{span(0, 4, pii.Name)}}, got); diff != "" || err != nil {
		t.Errorf("Detect: %v; spans (-want +got):\n%s", err, diff)
	}
}
