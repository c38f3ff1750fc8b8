package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/cli"
)

// managed is a running gateway, and the command line that manages it.
type managed struct {
	t   *testing.T
	url string
}

// result is what a command printed, and how it ended.
type result struct {
	stdout, stderr string
	err            error
}

func startManaged(t *testing.T) managed {
	t.Helper()
	s := startGatewayIn(t, []string{"ADMIN_PASS=" + strong}, "serve", t.TempDir())
	return managed{t, "http://" + s.address["admin"]}
}

func (m managed) run(args ...string) result {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	err := run(m.t.Context(), args, []string{"ADMIN_URL=" + m.url, "ADMIN_PASS=" + strong, "THE_CREDENTIAL=sk-from-a-variable-0001"}, &stdout, &stderr)
	return result{stdout.String(), stderr.String(), err}
}

// must is run for a command that has to do it.
func (m managed) must(args ...string) result {
	m.t.Helper()
	r := m.run(args...)
	if r.err != nil {
		m.t.Fatalf("bricks %s: %v", strings.Join(args, " "), r.err)
	}
	return r
}

// ask is the API's own answer, without the command line.
func (m managed) ask(path string) string {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.url+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	r.Header.Set("X-API-KEY", strong)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		m.t.Fatalf("GET %s: %d %s %v", path, resp.StatusCode, body, err)
	}
	return string(body)
}

// life is one group of commands, and what they are expected to make and show.
type life struct {
	group, path string
	id          string // the member that is the id
	create      []string
	created     string   // members of the answer, as JSON
	header, row string   // of the table, words by one blank; ID is the id
	shown       []string // lines of get
	update      []string
	updated     string
}

func lives(t *testing.T, setting string) []life {
	provider := filepath.Join(t.TempDir(), "provider.json")
	if err := os.WriteFile(provider, []byte(`{"provider":"other","authentication_param":"token","route_configs":[{"path":"/v1/generate","target_url":"https://example.com/generate",
		"model_location":"model","request_prompt_location":"prompt","response_completion_location":"text","stream_location":"stream","stream_end_word":"[DONE]",
		"stream_response_completion_location":"text","stream_max_empty_messages":10}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return []life{
		{
			group: "settings", path: "/api/provider-settings", id: "id",
			create:  []string{"--provider=azure", "--name=two", "--credential-variable=THE_CREDENTIAL", "--resource-name=here", "--model-map", "a,b=gpt-4o", "--model=gpt-4o"},
			created: `{"provider":"azure","name":"two","apiKeyMask":"****0001","allowedModels":["gpt-4o"],"setting":{"resourceName":"here","modelMap":{"a,b":"gpt-4o"}}}`,
			header:  "ID PROVIDER NAME CREDENTIAL MODELS CREATED", row: "ID azure two ****0001 gpt-4o 0s ago",
			shown:  []string{"resource name: here", "model map: a,b=gpt-4o"},
			update: []string{"--name=three", "--clear=allowedModels"}, updated: `{"name":"three","allowedModels":[],"apiKeyMask":"****0001","setting":{"resourceName":"here","modelMap":{"a,b":"gpt-4o"}}}`,
		},
		{
			group: "keys", path: "/api/key-management/keys", id: "keyId",
			create: []string{"--name=My key", "--tag=a,b", "--tag=c", "--setting=" + setting, "--rate-limit=60/m", "--cost-limit=$5.5", "--cost-limit-over-time=0.3/d",
				"--ttl=30d", "--max-parallel=3", "--model=gpt-4o", "--path=post /api/providers/openai/v1/chat/completions", "--log-requests", "--no-log-responses"},
			created: `{"name":"My key","tags":["a,b","c"],"settingIds":["` + setting + `"],"rateLimitOverTime":60,"rateLimitUnit":"m","costLimitInUsd":5.5,"costLimitInUsdOverTime":0.3,
				"costLimitInUsdUnit":"d","ttl":"30d","maxParallelRequests":3,"allowedModels":["gpt-4o"],"shouldLogRequest":true,"shouldLogResponse":false,
				"allowedPaths":[{"path":"/api/providers/openai/v1/chat/completions","method":"POST"}]}`,
			header: "ID NAME TAGS STATE COST LIMIT RATE LIMIT EXPIRES CREATED", row: "ID My key a,b,c active $5.5, $0.3/d 60/m in 30d 0s ago",
			shown:  []string{"cost limit: $5.5, $0.3/d", "paths: POST /api/providers/openai/v1/chat/completions", "settings: " + setting},
			update: []string{"--name=Yours", "--clear=rateLimitOverTime", "--clear=rateLimitUnit", "--require-user", "--revoked"},
			updated: `{"name":"Yours","requireUser":true,"revoked":true,"rateLimitOverTime":null,"rateLimitUnit":null,"costLimitInUsd":5.5,
				"tags":["a,b","c"],"shouldLogRequest":true}`,
		},
		{
			group: "users", path: "/api/users", id: "id",
			create:  []string{"--name=Ann", "--user-id=u-1", "--tag=t", "--rate-limit=5/s", "--cost-limit=1"},
			created: `{"name":"Ann","userId":"u-1","tags":["t"],"rateLimitOverTime":5,"rateLimitUnit":"s","costLimitInUsd":1}`,
			header:  "ID NAME USER ID TAGS STATE COST LIMIT RATE LIMIT CREATED", row: "ID Ann u-1 t active $1 5/s 0s ago",
			shown:  []string{"user id: u-1", "rate limit: 5/s"},
			update: []string{"--cost-limit=2", "--model=m"}, updated: `{"name":"Ann","costLimitInUsd":2,"allowedModels":["m"]}`,
		},
		{
			group: "policies", path: "/api/policies", id: "id",
			create:  []string{"--name=p", "--tag=t", "--rule=email=block", "--rule=all=allow_but_redact", "--regex=block:T:[0-9]+,x=y", "--on-error=allow", "--apply-to-response"},
			created: `{"name":"p","tags":["t"],"config":{"rules":{"email":"block","all":"allow_but_redact"}},"regexConfig":{"rules":[{"definition":"T:[0-9]+,x=y","action":"block"}]},"onError":"allow","applyToResponse":true}`,
			header:  "ID NAME TAGS RULES REGEX CREATED", row: "ID p t all=allow_but_redact,email=block 1 0s ago",
			shown:  []string{"regular expressions: block:T:[0-9]+,x=y", "on error: allow", "applies to responses: yes"},
			update: []string{"--rule=email=allow", "--clear=regexConfig", "--no-apply-to-response"}, updated: `{"config":{"rules":{"email":"allow"}},"regexConfig":{"rules":[]},"applyToResponse":false,"onError":"allow"}`,
		},
		{
			group: "routes", path: "/api/routes", id: "id",
			create:  []string{"--name=r", "--path=/smart", "--step=openai:gpt-4o", "--step=openai:gpt-4o-mini", "--cache-ttl=10m"},
			created: `{"name":"r","path":"/smart","keyIds":[],"cacheConfig":{"enabled":true,"ttl":"10m"}}`,
			header:  "ID NAME PATH STEPS KEEPS ANSWERS CREATED", row: "ID r /smart openai:gpt-4o,openai:gpt-4o-mini 10m 0s ago",
			shown:  []string{"steps: openai:gpt-4o,openai:gpt-4o-mini"},
			update: []string{"--name=s"}, updated: `{"name":"s","path":"/smart","cacheConfig":{"enabled":true,"ttl":"10m"}}`,
		},
		{
			group: "providers", path: "/api/custom/providers", id: "id",
			create:  []string{"--file", provider, "--provider=mine", "--tag=t"},
			created: `{"provider":"mine","tags":["t"],"authentication_param":"token"}`,
			header:  "ID PROVIDER TAGS PATHS CREATED", row: "ID mine t /v1/generate → https://example.com/gene… 0s ago",
			shown:  []string{"paths: /v1/generate → https://example.com/generate", "credential member: token"},
			update: []string{"--tag=u"}, updated: `{"provider":"mine","tags":["u"],"authentication_param":"token"}`,
		},
	}
}

// TestCommandsManageAGateway lives through every group: create, list, get, update,
// delete, as a table and as JSON, against what the API itself answers.
func TestCommandsManageAGateway(t *testing.T) {
	m := startManaged(t)
	secret := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(secret, []byte("sk-from-a-file-0002\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	setting := member(t, m.must("settings", "create", "--provider=openai", "--credential-file", secret, "-o", "json").stdout, "id")
	for _, l := range lives(t, setting) {
		t.Run(l.group, func(t *testing.T) { managed{t, m.url}.live(l) })
	}
}

func (m managed) live(l life) {
	t := m.t
	text := m.must(append([]string{l.group, "create", "-o", "json"}, l.create...)...).stdout
	holds(t, text, l.created)
	id := member(t, text, l.id)
	one := l.path + "/" + id

	table := m.must(l.group, "list").stdout
	lines := strings.Split(table, "\n")
	if want := strings.ReplaceAll(l.row, "ID", id); words(lines[0]) != l.header || !isRow(lines[1], want) {
		t.Errorf("list:\n%s\nwant %s\n%s", table, l.header, want)
	}
	if got, want := m.must(l.group, "list", "-o", "json").stdout, m.ask(l.path); got != want {
		t.Errorf("list -o json:\n%s\nthe API:\n%s", got, want)
	}
	if got, want := m.must(l.group, "get", id, "-o", "json").stdout, m.ask(one); got != want {
		t.Errorf("get -o json:\n%s\nthe API:\n%s", got, want)
	}
	shown := words(m.must(l.group, "get", id).stdout)
	for _, line := range append(l.shown, "id: "+id) {
		if !strings.Contains("\n"+shown, "\n"+line+"\n") {
			t.Errorf("get has no line %q:\n%s", line, shown)
		}
	}

	holds(t, m.must(append([]string{l.group, "update", id, "-o", "json"}, l.update...)...).stdout, l.updated)
	holds(t, m.ask(one), l.updated)

	if r := m.run(l.group, "delete", id); cli.ExitCode(r.err) != cli.ExitUsage || !strings.Contains(r.err.Error(), "--yes") {
		t.Errorf("delete without --yes: %v", r.err)
	}
	m.ask(one) // it is still there
	if r := m.must(l.group, "delete", id, "--yes"); r.stdout != "" || !strings.Contains(r.stderr, "Deleted ") || !strings.Contains(r.stderr, id) {
		t.Errorf("delete: %q, %q", r.stdout, r.stderr)
	}
	if r := m.run(l.group, "get", id); cli.ExitCode(r.err) != cli.ExitNotFound {
		t.Errorf("get what was deleted: exit code %d, %v", cli.ExitCode(r.err), r.err)
	}
	second := words(m.must(append([]string{l.group, "create"}, l.create...)...).stdout)
	found := regexp.MustCompile(`(?m)^id: (\S+)$`).FindStringSubmatch(second)
	if found == nil {
		t.Fatalf("create as a table: %s", second)
	}
	if got := member(t, m.must(l.group, "delete", found[1], "-y", "-o", "json").stdout, "id"); got != found[1] {
		t.Errorf("delete -o json: %s", got)
	}
}

// words takes the blanks of alignment away.
func words(text string) string {
	return regexp.MustCompile(` +`).ReplaceAllString(text, " ")
}

// isRow takes a second for the time that the test itself needs.
func isRow(line, want string) bool {
	return regexp.MustCompile("^" + strings.Replace(regexp.QuoteMeta(want), "0s ago", `\d+s ago`, 1) + "$").MatchString(words(line))
}

// member returns one member of an object, a string.
func member(t *testing.T, object, name string) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	text, _ := members[name].(string)
	if text == "" {
		t.Fatalf("%s is no string in %s", name, object)
	}
	return text
}

// holds fails unless the object has the members of want; null: it has not.
func holds(t *testing.T, object, want string) {
	t.Helper()
	var members, wanted map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	for name, value := range wanted {
		got, there := members[name]
		if string(value) == "null" {
			if there {
				t.Errorf("%s is %s, want none", name, got)
			}
			continue
		}
		if !sameJSON(t, got, value) {
			t.Errorf("%s is %s, want %s", name, got, value)
		}
	}
}

func sameJSON(t *testing.T, a, b json.RawMessage) bool {
	t.Helper()
	canonical := func(text json.RawMessage) string {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return "not JSON: " + string(text)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	return canonical(a) == canonical(b)
}
