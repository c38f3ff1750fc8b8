package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// importing runs bricks import and returns what it printed.
type importing struct {
	t    *testing.T
	args []string
	env  []string
}

func (i importing) run(args ...string) (string, error) {
	i.t.Helper()
	var out, errs bytes.Buffer
	err := run(i.t.Context(), append(append([]string{"import"}, i.args...), args...), i.env, &out, &errs)
	for _, secret := range []string{fakeprovider.OpenAIKey, "bedrock-secret", "secret-of-our-own", "the-clear-secret-of-bob", "not-for-print"} {
		if strings.Contains(out.String()+errs.String()+fmt.Sprint(err), secret) {
			i.t.Errorf("a secret is printed: %s%s%v", out.String(), errs.String(), err)
		}
	}
	return out.String(), err
}

// bricksLLM is a database of a BricksLLM whose provider is the fake.
func bricksLLM(t *testing.T, fake *fakeprovider.Provider) (address string) {
	t.Helper()
	c := storetest.PostgresDatabase(t)
	u := neturl.URL{Scheme: "postgres", User: neturl.UserPassword(c.User, c.Password.Reveal()), Host: fmt.Sprintf("%s:%d", c.Hosts[0], c.Port), Path: c.Database, RawQuery: "sslmode=disable"}
	text, err := os.ReadFile("testdata/bricksllm.sql")
	if err != nil {
		t.Fatal(err)
	}
	change(t, u.String(), strings.ReplaceAll(string(text), "FAKE", fake.URL()))
	return u.String()
}

func change(t *testing.T, address, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // a test's
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestOtherReleasesOfBricksLLM: columns come and go. One that is not known may be a
// restriction.
func TestOtherReleasesOfBricksLLM(t *testing.T) {
	fake := startFake(t)
	address := bricksLLM(t, fake)
	do := importing{t, []string{"bricksllm", "--dry-run", "--skip-unsupported", "--data-dir", filepath.Join(t.TempDir(), "data"), "--allow-upstream", fake.Address()},
		[]string{"IMPORT_FROM=" + address}}
	change(t, address, "DROP TABLE users; DROP TABLE custom_providers; ALTER TABLE events DROP user_id; ALTER TABLE provider_settings DROP cost_map")
	if out, err := do.run(); err != nil || !strings.Contains(out, "8 new, 0 there already, 5 refused.") || !strings.Contains(out, `"spentInUsd":0.9`) {
		t.Errorf("an older release: %v\n%s", err, out)
	}
	change(t, address, "ALTER TABLE keys ADD only_at_night boolean NOT NULL DEFAULT false; UPDATE keys SET only_at_night = true WHERE name = 'hashed'")
	out, err := do.run()
	if err != nil || !strings.Contains(out, "6 new, 0 there already, 7 refused.") || !strings.Contains(out, "only_at_night is not known") {
		t.Errorf("a newer release: %v\n%s", err, out) // the key, and its route
	}
	if out, err := do.run("--ignore", "only_at_night"); err != nil || !strings.Contains(out, "8 new") || !strings.Contains(out, "only_at_night is left out, as you said") {
		t.Errorf("a field that one can do without: %v\n%s", err, out)
	}
}

func TestAnImportThatCannotRead(t *testing.T) {
	for _, c := range []struct {
		args []string
		from string
		want string
	}{
		{[]string{"bricksllm"}, "", "--from or IMPORT_FROM"},
		{[]string{"bricksllm"}, "postgres://u:not-for-print@127.0.0.1:1/b", "connect to BricksLLM's database"},
		{[]string{"bricksllm", "--from", "postgres://u:not-for-print@127.0.0.1:1:2/b"}, "", "is no PostgreSQL URL"},
		{[]string{"litellm", "--config", "testdata/nothing.yaml"}, "", "--config"},
		{[]string{"litellm", "--config", "testdata/litellm-keys.json", "--keys", "testdata/litellm.yaml"}, "", "no answer of /key/list"},
		{[]string{"litellm", "--config", "testdata/bricksllm.sql"}, "", "no YAML of LiteLLM's form"},
	} {
		do := importing{t, append(c.args, "--data-dir", filepath.Join(t.TempDir(), "data")), []string{"IMPORT_FROM=" + c.from}}
		if _, err := do.run(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v from %s: %v, want %s", c.args, c.from, err, c.want)
		}
	}
}

func startFake(t *testing.T) *fakeprovider.Provider {
	t.Helper()
	fake, err := fakeprovider.Start(fakeprovider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	return fake
}

// TestABricksLLMIsTakenOver imports an installation, and uses what came of it
// through Envoy.
func TestABricksLLMIsTakenOver(t *testing.T) {
	binary, fake, dir := testEnvoy(t), startFake(t), filepath.Join(t.TempDir(), "data")
	do := importing{t, []string{"bricksllm", "--data-dir", dir, "--allow-upstream", fake.Address()}, []string{"IMPORT_FROM=" + bricksLLM(t, fake)}}

	out, err := do.run("--dry-run")
	if err == nil || !strings.Contains(err.Error(), "4 objects are refused") {
		t.Errorf("a dry run with refused objects: %v\n%s", err, out)
	}
	for _, want := range []string{
		`{"allowedModels":["gpt-4o-mini","own-model"],"prices":{"own-model":{"input_cost_per_token":0.0015,"output_cost_per_token":0.0045}},"provider":"openai","setting":{"apikey":"…","url":"` + fake.URL() + `"}}`,
		`"costLimitInUsd":1.500000000,"costLimitInUsdOverTime":1.000000000,"costLimitInUsdUnit":"mo"`, `"spentInUsd":0.9,"spentInWindowInUsd":0.3`,
		`"expiresAt":"1970-01-01T01:30:04Z"`, `"isKeyNotHashed":true,"key":"…"`, `{"config":{"rules":{"email":"allow_but_redact"}}`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("a dry run does not say %s:\n%s", want, out)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run made the data directory")
	}
	if out, err := do.run(); err == nil || !strings.Contains(out, "11 new, 0 there already, 4 refused.") {
		t.Errorf("an import with refused objects: %v\n%s", err, out)
	}
	before := dump(t, dir)
	if strings.Contains(before, "0000-0000000000a1") {
		t.Error("an import with refused objects made some")
	}
	if out, err := do.run("--dry-run", "--skip-unsupported"); err != nil || !strings.Contains(out, "Nothing is changed") || dump(t, dir) != before {
		t.Errorf("a dry run changed the store, or: %v\n%s", err, out)
	}
	out, err = do.run("--skip-unsupported")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"bedrock", "/provider is not supported", "custom_config asks a model", "key looks like a hash", "/policyId no policy has this id",
		"key gone does not exist there any more", "retry strategy exponential", "expired", "11 new, 0 there already, 4 refused.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
	after := dump(t, dir)
	if out, err := do.run("--skip-unsupported"); err != nil || !strings.Contains(out, "0 new, 11 there already, 4 refused.") || dump(t, dir) != after {
		t.Errorf("a second run changed the store, or: %v\n%s", err, out)
	}

	g := startGateway(t, "up", dir, "--envoy-path", binary, "--allow-upstream", fake.Address())
	if _, err := do.run("--skip-unsupported"); err == nil || !strings.Contains(err.Error(), "stop the gateway") {
		t.Errorf("an import beside a gateway with the embedded store: %v", err)
	}
	checkTakenOver(t, g, fake)
}

const (
	chatPath = "/api/providers/openai/v1/chat/completions"
	annaID   = "00000000-0000-4000-8000-000000000001"
)

func checkTakenOver(t *testing.T, g *started, fake *fakeprovider.Provider) {
	const anna = "the secret of anna"
	api := "http://" + g.address["admin"]
	for path, want := range map[string]string{
		"/api/reporting/keys/" + annaID:                                                `"costInUsd":0.9,"reservedInUsd":0,"runningRequests":0,"costLimit":{"limitInUsd":1.5,"spentInUsd":0.9`,
		"/api/reporting/keys/" + annaID + "?":                                          `"costLimitOverTime":{"limitInUsd":1,"spentInUsd":0.3`,
		"/api/pricing/models/own-model?settingId=00000000-0000-4000-8000-0000000000a1": `"prices":{"input_cost_per_token":0.0015,"output_cost_per_token":0.0045}`,
		"/api/reporting/users/00000000-0000-4000-8000-0000000000b1":                    `"spentInUsd":0.8`,
	} {
		if _, body := get(t, api+path); !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
	for _, c := range []struct {
		what, key, path, model, text string
		want                         int
		code                         string
	}{
		{"a hashed key", anna, chatPath, "gpt-4o-mini", "hello", 200, ""},
		{"its policy", anna, chatPath, "gpt-4o-mini", "number ACME-12", 403, "content_policy_violation"},
		{"its route", anna, "/api/routes/mini", "any", "hello", 200, ""},
		{"another path than its own", anna, "/api/providers/openai/v1/embeddings", "gpt-4o-mini", "hello", 403, "path_not_allowed"},
		{"a model that its setting does not allow", anna, chatPath, "gpt-4o", "hello", 403, "model_not_allowed"},
		{"the hash in place of the secret", fmt.Sprintf("%x", sha256.Sum256([]byte(anna))), chatPath, "gpt-4o-mini", "hello", 401, "invalid_api_key"},
		{"a key that was kept in clear", "the-clear-secret-of-bob", chatPath, "gpt-4o-mini", "hello", 200, ""},
		{"a revoked key", "the revoked secret", chatPath, "gpt-4o-mini", "hello", 401, ""},
		{"an expired key", "the expired secret", chatPath, "gpt-4o-mini", "hello", 401, ""},
		{"a key that has spent its money", "the spent secret", chatPath, "gpt-4o-mini", "hello", 429, "insufficient_quota"},
		{"a key that could be a hash", "the ambiguous secret", chatPath, "gpt-4o-mini", "hello", 401, "invalid_api_key"},
		{"a key whose policy was refused", "the unguarded secret", chatPath, "gpt-4o-mini", "hello", 401, "invalid_api_key"},
	} {
		status, body := chat(t, "http://"+g.address["proxy"]+c.path, c.key, c.model, c.text)
		if status != c.want || !strings.Contains(body, c.code) {
			t.Errorf("%s: %d, want %d %s: %s", c.what, status, c.want, c.code, body)
		}
	}
	chat(t, "http://"+g.address["proxy"]+chatPath, anna, "gpt-4o-mini", "write to anna@example.com")
	requests := fake.Requests()
	if last := requests[len(requests)-1].Body; bytes.Contains(last, []byte("anna@example.com")) || !bytes.Contains(last, []byte("[EMAIL]")) {
		t.Errorf("the provider saw %s", last)
	}
	checkRotation(t, api+"/api/key-management/keys/"+annaID, "http://"+g.address["proxy"]+chatPath, anna)
	_, audit := get(t, api+"/api/audit?objectId="+annaID)
	if !strings.Contains(audit, `"import"`) || !strings.Contains(audit, "postKey") {
		t.Errorf("the audit log says %s", audit)
	}
	_, ledger := get(t, api+"/api/reporting/ledger")
	if !strings.Contains(ledger, `"differences":[]`) {
		t.Errorf("the ledger: %s", ledger)
	}
}

// checkRotation: an imported secret ends like any other.
func checkRotation(t *testing.T, key, proxy, old string) {
	t.Helper()
	resp, err := http.Post(key+"/rotate", "application/json", strings.NewReader(`{"key":"a-secret-of-here","gracePeriod":"0s"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for secret, want := range map[string]int{old: 401, "a-secret-of-here": 200} {
		if status, body := chat(t, proxy, secret, "gpt-4o-mini", "hello"); status != want {
			t.Errorf("after a rotation: %d, want %d: %s", status, want, body)
		}
	}
}

// chat sends one message and returns what came of it.
func chat(t *testing.T, url, key, model, text string) (int, string) {
	t.Helper()
	body := fmt.Sprintf(`{"model":%q,"max_tokens":400,"messages":[{"role":"user","content":%q}]}`, model, text)
	if strings.HasSuffix(url, "/embeddings") {
		body = fmt.Sprintf(`{"model":%q,"input":%q}`, model, text)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Api-Key", key) // takes blanks
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer.String()
}
