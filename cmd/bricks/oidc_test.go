package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
