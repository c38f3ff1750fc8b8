package e2e

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestEveryEndpoint sends a good call, a streamed one where the row streams, and
// one that the provider fails, for every row of every provider's table. A row
// that the fake does not answer, or whose bill examples_test.go does not know,
// fails.
func TestEveryEndpoint(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	settings := map[string]string{"openai": e.openAI, "anthropic": e.anthropic}
	for name, setting := range map[string]testenv.Object{
		"azure": {
			"apikey": fakeprovider.AzureKey, "url": e.fake.URL(), "apiVersion": "2024-10-21",
			"modelMap": testenv.Object{"my-deployment": "gpt-4o-mini"},
		},
		"vllm":      {"apikey": fakeprovider.OpenAIKey, "url": e.fake.URL() + "/v1"},
		"deepinfra": {"apikey": fakeprovider.OpenAIKey, "url": e.fake.URL() + fakeprovider.Prefix},
	} {
		settings[name], _ = e.Do(http.MethodPost, "/api/provider-settings", testenv.Object{"provider": name, "setting": setting})["id"].(string)
	}
	e.secrets = append(e.secrets, fakeprovider.AzureKey)
	for _, name := range provider.Names() {
		t.Run(name, func(t *testing.T) {
			p, _ := provider.Get(name)
			key := e.CreateKey([]string{settings[name]}, nil)
			e.secrets = append(e.secrets, key.Secret)
			e.fake.Forbid(key.Secret)
			want := map[string]testenv.Event{}
			for _, row := range p.Endpoints {
				x, ok := exampleOf(name, row)
				if !ok {
					t.Errorf("no example for %s %s", row.Method, row.Path)
					continue
				}
				for _, c := range casesOf(x, row) {
					c.want.KeyID, c.want.SettingID, c.want.Provider, c.want.Operation, c.want.Attempts = key.ID, settings[name], name, row.Operation, 1
					sendCase(t, e, key, row, c, want)
				}
			}
			checkEvents(t, e, key, want)
		})
	}
}

// endpointCase is one call of a row.
type endpointCase struct {
	body, contentType string
	status            int // that the fake is told to answer with; 0: a good answer
	injected          bool
	want              testenv.Event
}

func casesOf(x example, row provider.Endpoint) []endpointCase {
	good := endpointCase{body: x.body, contentType: x.contentType, want: x.want}
	failed := good
	failed.status = 503
	failed.want = testenv.Event{Model: x.asked, Cost: "0", PriceStatus: "free"}
	cases := []endpointCase{good, failed}
	if x.stream != "" {
		streamed := endpointCase{body: x.stream, contentType: x.streamType, injected: row.StreamUsage, want: x.wantStream}
		streamed.want.Streamed = true
		cases = append(cases, streamed)
	}
	return cases
}

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

// paths are the public path of a row, and what the provider must be called with.
func paths(name string, row provider.Endpoint) (public, upstream string) {
	fill := func(template string) string {
		template = strings.ReplaceAll(template, "{deployment}", "my-deployment")
		return parameter.ReplaceAllStringFunc(template, func(p string) string {
			if p == "{model}" {
				if name == "anthropic" {
					return "claude-haiku-4-5"
				}
				return "gpt-4o-mini"
			}
			return "some-" + strings.Trim(p, "{}")
		})
	}
	public = fill(row.Path)
	if row.Upstream != "" {
		upstream = fill(row.Upstream)
	} else {
		upstream = public
	}
	if name == "deepinfra" {
		upstream = fakeprovider.Prefix + upstream
	}
	public = "/api/providers/" + name + public
	query := "?limit=2&after=a%20b"
	if strings.HasPrefix(row.Path, "/openai/") && !strings.HasPrefix(row.Path, "/openai/v1/") {
		return public + query, upstream + query + "&api-version=2024-10-21" // the setting's
	}
	return public + query, upstream + query
}

func sendCase(t *testing.T, e *env, key testenv.Key, row provider.Endpoint, c endpointCase, want map[string]testenv.Event) {
	t.Helper()
	e.fake.Reset()
	public, upstream := paths(c.want.Provider, row)
	headers := []string{"Authorization", "Bearer " + key.Secret, "OpenAI-Beta", "assistants=v2", "OpenAI-Organization", "org-of-the-client"}
	if c.body != "" {
		headers = append(headers, "Content-Type", c.contentType)
	}
	if c.status != 0 {
		headers = append(headers, "X-Fake-Status", strconv.Itoa(c.status))
	}
	label := fmt.Sprintf("%s %s (stream %v, told to fail %d)", row.Method, public, c.want.Streamed, c.status)
	a := e.send(t, row.Method, public, c.body, headers...)
	status := http.StatusOK
	switch {
	case row.Operation == "modify_message": // a misprint: OpenAI has no such call
		status = http.StatusMethodNotAllowed
	case c.status != 0:
		status = c.status
	}
	if a.status != status || a.err != nil {
		t.Errorf("%s: got %v, want %d", label, a, status)
		return
	}
	seen := e.fake.Requests()
	if len(seen) != 1 {
		t.Errorf("%s: the provider saw %d requests", label, len(seen))
		return
	}
	method := row.Method
	if row.UpstreamMethod != "" {
		method = row.UpstreamMethod
	}
	r := seen[0]
	if r.Method != method || r.Target != upstream {
		t.Errorf("%s: the provider was asked %s %s, want %s %s", label, r.Method, r.Target, method, upstream)
	}
	if r.Header.Get("OpenAI-Beta") != "assistants=v2" || r.Header.Get("OpenAI-Organization") != "" || c.body != "" && r.Header.Get("Content-Type") != c.contentType {
		t.Errorf("%s: the provider got the headers %v", label, r.Header)
	}
	if got, asked := string(r.Body), c.injected && c.want.Streamed; asked != (got != c.body) {
		t.Errorf("%s: the provider got the body %.300q, want %.300q", label, got, c.body)
	}
	if !c.injected && !bytes.Equal(a.body, r.Answer) {
		t.Errorf("%s: got the answer %.300q, the provider sent %.300q", label, a.body, r.Answer)
	}
	ev := c.want
	ev.ID, ev.Status, ev.Action, ev.Method = a.eventID(), status, "allowed", row.Method
	ev.Path, _, _ = strings.Cut(public, "?")
	if ev.Cost == "" {
		ev.Cost = "0"
	}
	if ev.Estimated && row.Meter == provider.MeterComplete { // a token for every four bytes
		ev.InputTokens, ev.OutputTokens = aBound, int64(len(a.body)+3)/4
		if c.want.Streamed {
			ev.OutputTokens = 6 // five words and a ping; the end marker is none
		}
	}
	want[ev.ID] = ev
}

// aBound stands for an input that is bounded, not counted: the fake's 5 words at
// least, and what stands around so short a text at most. It costs 1000 a token,
// the output 5000.
const aBound = -1

func checkEvents(t *testing.T, e *env, key testenv.Key, want map[string]testenv.Event) {
	t.Helper()
	testenv.Eventually(t, 30*time.Second, "all events", func() bool {
		return len(e.Events(url.Values{"keyIds": {key.ID}})) >= len(want)
	})
	for _, got := range e.Events(url.Values{"keyIds": {key.ID}}) {
		got.LatencyInMs = 0
		expected := want[got.ID]
		if expected.InputTokens == aBound && got.InputTokens >= 5 && got.InputTokens < 200 {
			expected.InputTokens = got.InputTokens
			expected.Cost = testenv.USD(got.InputTokens*1000 + got.OutputTokens*5000)
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("event of %s %s (-want +got):\n%s", got.Method, got.Path, diff)
		}
		delete(want, got.ID)
	}
	for _, missing := range want {
		t.Errorf("no event of %s %s", missing.Method, missing.Path)
	}
}

// form spells a multipart body: pairs of names and texts, then the file.
func form(file string, content []byte, pairs ...string) (body, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		if err := w.WriteField(pairs[i], pairs[i+1]); err != nil {
			panic(err) // a buffer takes everything
		}
	}
	part, err := w.CreateFormFile(file, "file.bin")
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	return b.String(), w.FormDataContentType()
}

// wav is uncompressed sound of 16,000 samples of two bytes a second.
func wav(seconds int) []byte {
	data := bytes.Repeat([]byte{0, 1}, 16_000*seconds)
	header := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data")
	size := uint32(len(data)) //nolint:gosec // small
	return append(append(header, byte(size), byte(size>>8), byte(size>>16), byte(size>>24)), data...)
}
