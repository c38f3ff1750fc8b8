package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/oidc/oidctest"
)

func TestOIDCConfiguration(t *testing.T) {
	for name, tc := range map[string]struct {
		environment []string
		want        oidcConfig
		fault       string
	}{
		"none":        {nil, oidcConfig{RoleClaim: "bricks_role", TagsClaim: "bricks_tags"}, ""},
		"a provider":  {[]string{"ADMIN_OIDC_ISSUER=https://id.example", "ADMIN_OIDC_AUDIENCE=bricks"}, oidcConfig{"https://id.example", "bricks", "bricks_role", "bricks_tags"}, ""},
		"with claims": {[]string{"ADMIN_OIDC_ISSUER=https://id.example", "ADMIN_OIDC_AUDIENCE=a", "ADMIN_OIDC_ROLE_CLAIM=r.s", "ADMIN_OIDC_TAGS_CLAIM=t"}, oidcConfig{"https://id.example", "a", "r.s", "t"}, ""},
		"no audience": {[]string{"ADMIN_OIDC_ISSUER=https://id.example"}, oidcConfig{}, "ADMIN_OIDC_AUDIENCE"},
		"no issuer":   {[]string{"ADMIN_OIDC_AUDIENCE=bricks"}, oidcConfig{}, "ADMIN_OIDC_ISSUER"},
		"plain http":  {[]string{"ADMIN_OIDC_ISSUER=http://id.example", "ADMIN_OIDC_AUDIENCE=bricks"}, oidcConfig{}, "https"},
	} {
		_, c, err := parseQuietly([]string{"up"}, tc.environment)
		if tc.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("%s: %v, want a fault about %s", name, err, tc.fault)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, c.OIDC); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	// An admin API that others reach keeps a key that needs no provider.
	if _, _, err := parseQuietly([]string{"up", "--admin-address", "0.0.0.0:8001"}, []string{"ADMIN_OIDC_ISSUER=https://id.example", "ADMIN_OIDC_AUDIENCE=bricks"}); err == nil {
		t.Error("without any admin key, beyond loopback: taken")
	}
}

func TestVariablesOfOIDCAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	group := reflect.TypeFor[oidcConfig]()
	for i := range group.NumField() {
		if v := "`ADMIN_OIDC_" + group.Field(i).Tag.Get("env") + "`"; !strings.Contains(string(text), v) {
			t.Errorf("docs/configuration.md lacks %s", v)
		}
	}
}

// TestAdminAccess runs the gateway with a key, a provider for tokens and an
// admin key that was made, and asks its audit log who has been there.
func TestAdminAccess(t *testing.T) {
	issuer, key := oidctest.New(t), oidctest.ECKey(t)
	issuer.Show("one", key, nil)
	token := func(role string, tags ...string) string {
		claims := oidctest.Object{"iss": issuer.URL, "aud": "bricks", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "bricks_role": role}
		if len(tags) > 0 {
			claims["bricks_tags"] = tags
		}
		return oidctest.Sign(t, key, oidctest.Object{"alg": "ES256", "kid": "one"}, claims)
	}
	g := startGatewayIn(t, []string{"ADMIN_PASS=" + strong, "OPENAI_API_KEY=sk-canary-0123456789", "ADMIN_OIDC_ISSUER=" + issuer.URL, "ADMIN_OIDC_AUDIENCE=bricks"}, "serve", t.TempDir())
	call := func(method, path, body string, header ...string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.address["admin"]+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(header[0], header[1])
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // read only
		var o map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, o
	}
	_, made := call("POST", "/api/admin-keys", `{"name":"ci","role":"admin"}`, "X-API-KEY", strong)
	secret, _ := made["key"].(string)
	for _, tc := range []struct {
		name, header, value string
		want                int
	}{
		{"the configured key", "X-API-KEY", strong, 200},
		{"the key that was made", "X-API-KEY", secret, 200},
		{"an admin's token", "Authorization", "Bearer " + token("admin"), 200},
		{"a token with the tag", "Authorization", "Bearer " + token("admin", "t"), 200},
		{"a token with another tag", "Authorization", "Bearer " + token("admin", "u"), 403},
		{"a viewer's token", "Authorization", "Bearer " + token("viewer"), 403},
		{"a token that was changed", "Authorization", "Bearer " + token("admin") + "A", 401},
	} {
		if status, o := call("POST", "/api/policies", `{"tags":["t"]}`, tc.header, tc.value); status != tc.want {
			t.Errorf("%s: %d %v", tc.name, status, o)
		}
	}
	_, log := call("GET", "/api/audit?operation=createPolicy", "", "X-API-KEY", secret)
	var authors []string
	entries, _ := log["entries"].([]any)
	for _, e := range entries {
		id, _ := e.(map[string]any)["author"].(map[string]any)["id"].(string)
		kind, _, _ := strings.Cut(id, ":")
		authors = append(authors, kind)
	}
	if got := strings.Join(authors, " "); got != "oidc oidc key configured" {
		t.Errorf("authors, newest first: %s", got)
	}
	_, log = call("GET", "/api/audit?author=gateway", "", "X-API-KEY", strong)
	if text, _ := json.Marshal(log); !strings.Contains(string(text), "makeDefaultSetting") || strings.Contains(string(text), "canary") {
		t.Errorf("what the gateway did at its start: %s", text)
	}
	var out, errs bytes.Buffer
	if err := run(t.Context(), []string{"audit", "verify", "--admin-url", "http://" + g.address["admin"]}, []string{"ADMIN_PASS=" + strong}, &out, &errs); err != nil ||
		!strings.HasPrefix(out.String(), "6 entries are") {
		t.Errorf("audit verify: %q, %v", out.String(), err)
	}
}
