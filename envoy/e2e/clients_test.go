package e2e

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// suite is one official SDK with the suite for it. What runs it is named by a
// variable, which scripts/test sets: an interpreter with the SDK installed, or,
// for Node, the node_modules directory that holds it.
type suite struct{ name, variable, script string }

const nodeModules = "BRICKS_TEST_NODE_MODULES"

var suites = []suite{
	{"openai for Python", "BRICKS_TEST_PYTHON", "python/openai_suite.py"},
	{"openai for Python, all endpoints", "BRICKS_TEST_PYTHON", "python/endpoints_suite.py"},
	{"anthropic 2 for Python", "BRICKS_TEST_PYTHON", "python/anthropic_suite.py"},
	{"anthropic 1 for Python", "BRICKS_TEST_PYTHON_ANTHROPIC1", "python/anthropic_suite.py"},
	{"openai for Node", nodeModules, "node/openai_suite.mjs"},
}

// modelMap is what the fake's Azure has deployed.
var modelMap = testenv.Object{"modelMap": testenv.Object{"my-deployment": "gpt-4o-mini"}}

// TestClients runs the official SDKs through the gateway.
func TestClients(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	others := e.CreateKey([]string{
		e.openAI, e.azureSetting(modelMap, nil),
		e.CreateSetting("vllm", fakeprovider.OpenAIKey, e.fake.URL(), nil), e.CreateSetting("deepinfra", fakeprovider.OpenAIKey, e.fake.URL(), nil),
	}, nil)
	e.fake.Forbid(others.Secret)
	e.secrets = append(e.secrets, fakeprovider.AzureKey, others.Secret)
	forbidden := e.newKey(testenv.Object{"allowedModels": []string{"none"}})
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			// A key of its own, or one suite would use up the other's limit.
			limited := e.newKey(testenv.Object{"rateLimitOverTime": 1, "rateLimitUnit": "d"})
			if a := e.send(t, "GET", models, "", bearer(limited)...); a.status != 200 {
				t.Fatalf("got %v", a)
			}
			settings := e.addresses()
			maps.Copy(settings, map[string]string{
				"AZURE_KEY": others.Secret, "AZURE_TOKEN": others.Secret,
				"OPENAI_KEY": e.key.Secret, "ANTHROPIC_KEY": e.key.Secret,
				"FORBIDDEN_KEY": forbidden.Secret, "FORBIDDEN_MODEL": "gpt-4o-mini", "FORBIDDEN_CLAUDE": "claude-haiku-4-5",
				"LIMITED_KEY": limited.Secret, "LIMITED_MODEL": "gpt-4o-mini", "LIMITED_CLAUDE": "claude-haiku-4-5",
			})
			if strings.HasSuffix(s.script, "endpoints_suite.py") {
				settings["OPENAI_KEY"] = others.Secret
			}
			s.run(t, settings)
		})
	}
}

// TestClientsWithoutTheGateway runs them against the fake itself: what it
// answers must be the real APIs' shapes to those who know them best.
func TestClientsWithoutTheGateway(t *testing.T) {
	fake, err := fakeprovider.Start(fakeprovider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			settings := addressesOf(fake)
			maps.Copy(settings, map[string]string{
				"FORBIDDEN_MODEL": "fake-403", "FORBIDDEN_CLAUDE": "fake-403", "LIMITED_MODEL": "fake-429", "LIMITED_CLAUDE": "fake-429",
			})
			s.run(t, settings)
		})
	}
	if v := fake.Violations(); len(v) > 0 {
		t.Errorf("the SDKs themselves send what the fake forbids: %q", v)
	}
}

// addresses are the gateway's, as the suites want to be told.
func (e *env) addresses() map[string]string {
	providers := "http://" + e.Proxy + "/api/providers/"
	return map[string]string{
		"OPENAI_URL": providers + "openai/v1", "ANTHROPIC_URL": providers + "anthropic", "AZURE_URL": providers + "azure",
		"VLLM_URL": providers + "vllm/v1", "DEEPINFRA_URL": providers + "deepinfra/v1",
	}
}

// addressesOf are the fake's own, and its credentials.
func addressesOf(fake *fakeprovider.Provider) map[string]string {
	return map[string]string{
		"AZURE_URL": fake.URL(), "AZURE_KEY": fakeprovider.AzureKey, "AZURE_TOKEN": fakeprovider.AzureKey,
		"VLLM_URL": fake.URL() + "/v1", "DEEPINFRA_URL": fake.URL() + "/v1/openai",
		"OPENAI_URL": fake.URL() + "/v1", "ANTHROPIC_URL": fake.URL(),
		"OPENAI_KEY": fakeprovider.OpenAIKey, "ANTHROPIC_KEY": fakeprovider.AnthropicKey,
	}
}

func (s suite) run(t *testing.T, settings map[string]string) {
	t.Helper()
	out, err := s.command(t, settings).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || !strings.HasSuffix(lines[len(lines)-1], " passed, 0 failed") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("measured: %s: %s", s.name, lines[len(lines)-1])
}

// command is the suite, with nothing but settings in its environment. Without
// the SDK the test is skipped.
func (s suite) command(t *testing.T, settings map[string]string) *exec.Cmd {
	t.Helper()
	tool := os.Getenv(s.variable)
	if tool == "" {
		t.Skipf("the SDK is not installed: scripts/test installs it, or set %s", s.variable)
	}
	script, err := filepath.Abs(filepath.Join("clients", s.script))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, tool, script)
	if s.variable == nodeModules {
		cmd = exec.CommandContext(ctx, "node", besideModules(t, script, tool))
	}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1"}
	for name, value := range settings {
		cmd.Env = append(cmd.Env, "SUITE_"+name+"="+value)
	}
	return cmd
}

// besideModules copies script, with the scripts beside it, to where Node finds
// modules: Node looks beside the script only.
func besideModules(t *testing.T, script, modules string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join(filepath.Dir(script), "*.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range scripts {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(from)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, filepath.Base(script))
}
