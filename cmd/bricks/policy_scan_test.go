package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scanWith runs bricks policy scan with a standard input.
func scanWith(t *testing.T, input string, args ...string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(path, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it was read only
	stdin := os.Stdin
	defer func() { os.Stdin = stdin }()
	os.Stdin = file
	var out, errs bytes.Buffer
	err = run(t.Context(), append([]string{"policy", "scan"}, args...), []string{"LOGGING_LEVEL=nonsense"}, &out, &errs)
	return out.String(), err
}

func TestPolicyScan(t *testing.T) {
	const emoji = `{"id":"e","text":"😀 é mail joe@example.com"}`
	for _, tt := range []struct {
		name, in string
		args     []string
		want     string
	}{
		{"offsets count code points", emoji, nil, `{"id":"e","spans":[{"start":9,"end":24,"type":"email","score":0.97}]}` + "\n"},
		{"offsets count bytes when asked", emoji, []string{"--offsets", "byte"}, `{"id":"e","spans":[{"start":13,"end":28,"type":"email","score":0.97}]}` + "\n"},
		{"nothing found is an empty list", `{"id":1,"text":"hello"}`, nil, `{"id":1,"spans":[]}` + "\n"},
		{"types that were not asked for stay out", `{"id":"a","text":"joe@example.com 10.1.2.3"}`, []string{"--types", "ip_address,ssn", "--detectors", "embedded"},
			`{"id":"a","spans":[{"start":16,"end":24,"type":"ip_address","score":0.91}]}` + "\n"},
		{"other members and empty lines are passed over", "\n{\"source\":\"x\",\"id\":\"a\",\"text\":\"\",\"spans\":[]}\r\n\n", nil, `{"id":"a","spans":[]}` + "\n"},
		{"no input, no output", "", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := scanWith(t, tt.in, tt.args...)
			if err != nil || out != tt.want {
				t.Errorf("%q gives\n%s%v, want\n%s", tt.in, out, err, tt.want)
			}
		})
	}
}

func TestPolicyScanNamesTheLineThatIsNone(t *testing.T) {
	const good = `{"id":"a","text":"b"}` + "\n"
	for name, bad := range map[string]string{
		"no JSON": "{", "no object": `"a"`, "no text": `{"id":"a"}`, "no id": `{"text":"a"}`, "text is no string": `{"id":"a","text":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			out, err := scanWith(t, good+"\n"+bad+"\n"+good)
			if err == nil || !strings.Contains(err.Error(), "line 3") {
				t.Errorf("error = %v, want one that names line 3", err)
			}
			if out != `{"id":"a","spans":[]}`+"\n" {
				t.Errorf("output = %q, want the line before", out)
			}
		})
	}
	for _, args := range [][]string{{"--types", "emails"}, {"--detectors", "oracle"}, {"--offsets", "utf16"}, {"--nonsense"}} {
		if out, err := scanWith(t, good, args...); err == nil || out != "" {
			t.Errorf("%v: %q, %v, want an error", args, out, err)
		}
	}
}

func TestPolicyScanTakesLongLines(t *testing.T) {
	text := strings.Repeat("nothing to see ", 16<<20/15) + "joe@example.com"
	out, err := scanWith(t, `{"id":"long","text":"`+text+`"}`+"\n", "--types", "email")
	if err != nil || !strings.Contains(out, `"type":"email"`) || strings.Count(out, "start") != 1 {
		t.Errorf("a line of 16 MiB: %.200s, %v", out, err)
	}
}

func TestPolicyScanAsksServices(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write([]byte(`[[{"start":2,"end":8,"score":0.85,"entity_type":"PERSON"}]]`))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(file, []byte(`{"id":"a","text":"é Zaphod: joe@example.com"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	scan := func(detectors string, environment ...string) (string, error) {
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close() //nolint:errcheck // it was read only
		stdin := os.Stdin
		defer func() { os.Stdin = stdin }()
		os.Stdin = in
		var out, errs bytes.Buffer
		err = run(t.Context(), []string{"policy", "scan", "--types", "email,name", "--detectors", detectors}, environment, &out, &errs)
		return out.String(), err
	}
	out, err := scan("embedded,presidio", "PRESIDIO_URL="+server.URL)
	if want := `{"id":"a","spans":[{"start":2,"end":8,"type":"name","score":0.85},{"start":10,"end":25,"type":"email","score":0.97}]}` + "\n"; err != nil || out != want {
		t.Errorf("got %s, %v, want %s", out, err, want)
	}
	if _, err := scan("presidio"); err == nil || !strings.Contains(err.Error(), "variables are not set") {
		t.Errorf("without its variables: %v", err)
	}
	server.Close()
	if out, err := scan("presidio", "PRESIDIO_URL="+server.URL); err == nil || !strings.Contains(err.Error(), "line 1: presidio") || out != "" {
		t.Errorf("while it is down: %q, %v", out, err)
	}
}
