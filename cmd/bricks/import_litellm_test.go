package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// liteLLM is a configuration file whose provider is the fake.
func liteLLM(t *testing.T, fake *fakeprovider.Provider) (path string) {
	t.Helper()
	text, err := os.ReadFile("testdata/litellm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "FAKE", fake.URL())), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestALiteLLMIsTakenOver imports a configuration file and a list of keys, and
// uses what came of them through Envoy.
func TestALiteLLMIsTakenOver(t *testing.T) {
	binary, fake, dir := testEnvoy(t), startFake(t), t.TempDir()
	do := importing{t, []string{"litellm", "--data-dir", dir, "--allow-upstream", fake.Address(), "--config", liteLLM(t, fake), "--keys", "testdata/litellm-keys.json"},
		[]string{"PROVIDER_KEY=" + fakeprovider.OpenAIKey}}
	if out, err := do.run(); err == nil || !strings.Contains(out, "7 new, 0 there already, 9 refused.") {
		t.Errorf("an import with refused objects: %v\n%s", err, out)
	}
	out, err := do.run("--skip-unsupported", "--ignore", "tpm_limit")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"litellm_params.rpm of fast is not taken over", "litellm_params.api_key is the variable NOT_SET, which is not set", `is of "vertex_ai"`,
		"asks for fast as gpt-4o-mini", "the user u-1 is not in the list", "the first of a month", "tpm_limit is left out, as you said",
		"team_id stands for", `budget_duration is "7d"`, "metadata.guardrails restricts", "max_prayers is not known", `models has "gemini"`, "token is no SHA-256",
		"note: router_settings.fallbacks is not taken over", "note: general_settings.master_key is not taken over",
		"8 new, 0 there already, 8 refused.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
	after := dump(t, dir)
	if out, err := do.run("--skip-unsupported", "--ignore", "tpm_limit"); err != nil || !strings.Contains(out, "0 new, 8 there already, 8 refused.") || dump(t, dir) != after {
		t.Errorf("a second run changed the store, or: %v\n%s", err, out)
	}

	if out, err := do.run("--ignore", "models", "--ignore", "token", "--skip-unsupported", "--dry-run"); err != nil || !strings.Contains(out, "without them the key would have all") {
		t.Errorf("a key without its models: %v\n%s", err, out)
	}

	g := startGateway(t, "up", dir, "--envoy-path", binary, "--allow-upstream", fake.Address())
	for _, c := range []struct {
		what, key, model string
		want             int
	}{
		{"a key", "sk-anna", "gpt-4o-mini", 200},
		{"a model that it may not use", "sk-anna", "gpt-4o", 403},
		{"a key for every model", "sk-everything", "gpt-4o", 200},
		{"a model that the file does not have", "sk-everything", "gpt-4.1", 403},
		{"a blocked key", "sk-blocked", "gpt-4o-mini", 401},
		{"an expired key", "sk-expired", "gpt-4o-mini", 401},
		{"a key that has spent its money", "sk-spent", "gpt-4o-mini", 429},
		{"a key without its bound of tokens", "sk-tokens", "gpt-4o-mini", 200},
		{"a key of a team", "sk-team", "gpt-4o-mini", 401},
		{"a key that was listed in clear", "sk-in-clear", "gpt-4o-mini", 401},
	} {
		if status, body := chat(t, "http://"+g.address["proxy"]+chatPath, c.key, c.model, "hello"); status != c.want {
			t.Errorf("%s: %d, want %d: %s", c.what, status, c.want, body)
		}
	}
	if _, standing := get(t, "http://"+g.address["admin"]+"/api/reporting/keys/510ce915-f093-51ab-b15b-30444859a023"); !strings.Contains(standing, `"spentInUsd":0.25`) {
		t.Errorf("the key's budget stands at %s", standing)
	}
	_, keys := get(t, "http://"+g.address["admin"]+"/api/key-management/keys?tag=team")
	for _, want := range []string{
		`"costLimitInUsdOverTime":1,"costLimitInUsdUnit":"mo","rateLimitOverTime":100,"rateLimitUnit":"m","maxParallelRequests":3`, `"allowedModels":["gpt-4o-mini"]`,
	} {
		if !strings.Contains(keys, want) {
			t.Errorf("the key is %s, want %s", keys, want)
		}
	}
}

// TestAnImportIsNoticedByTheGatewayThatRuns imports into the PostgreSQL of a
// gateway that has just refused the key.
func TestAnImportIsNoticedByTheGatewayThatRuns(t *testing.T) {
	binary, fake, db := testEnvoy(t), startFake(t), storetest.PostgresDatabase(t)
	environment := []string{
		"POSTGRESQL_HOSTS=" + db.Hosts[0], fmt.Sprintf("POSTGRESQL_PORT=%d", db.Port), "POSTGRESQL_USERNAME=" + db.User,
		"POSTGRESQL_PASSWORD=" + db.Password.Reveal(), "POSTGRESQL_DB_NAME=" + db.Database, "PROVIDER_KEY=" + fakeprovider.OpenAIKey,
		"BRICKS_PEPPER=" + strings.Repeat("01", 32), "BRICKS_ENCRYPTION_KEY=" + strings.Repeat("02", 32),
	}
	g := startGatewayIn(t, environment, "up", t.TempDir(), "--envoy-path", binary, "--allow-upstream", fake.Address())
	ask := func() int {
		status, _ := chat(t, "http://"+g.address["proxy"]+chatPath, "sk-anna", "gpt-4o-mini", "hello")
		return status
	}
	if got := ask(); got != 401 {
		t.Fatalf("before the import: %d", got)
	}
	do := importing{t, []string{"litellm", "--data-dir", t.TempDir(), "--allow-upstream", fake.Address(), "--config", liteLLM(t, fake), "--keys", "testdata/litellm-keys.json"}, environment}
	if out, err := do.run("--skip-unsupported"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for ask() != 200 {
		select {
		case <-ctx.Done():
			t.Fatal("the gateway does not know the key after 5 s")
		case <-ticker.C:
		}
	}
}
