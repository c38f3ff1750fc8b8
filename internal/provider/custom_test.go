package provider_test

import (
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/provider"
)

func TestParseTarget(t *testing.T) {
	good := map[string]struct{ cluster, authority, path, query string }{
		"https://api.example.com/v1/chat/completions":          {"custom/https/api.example.com:443", "api.example.com", "/v1/chat/completions", ""},
		"https://API.example.com:8443/run/@cf/meta/llama-3?a=": {"custom/https/api.example.com:8443", "api.example.com:8443", "/run/@cf/meta/llama-3", "a="},
		"https://api.example.com":                              {"custom/https/api.example.com:443", "api.example.com", "/", ""},
		"https://api.example.com/v1":                           {"custom/https/api.example.com:443", "api.example.com", "/v1", ""},
		"http://127.0.0.1:9000/models/x:generate?v=1&w=%20":    {"custom/http/127.0.0.1:9000", "127.0.0.1:9000", "/models/x:generate", "v=1&w=%20"},
		"https://[2606:4700::1]/x":                             {"custom/https/[2606:4700::1]:443", "[2606:4700::1]", "/x", ""},
	}
	for raw, want := range good {
		got, err := provider.ParseTarget(raw)
		if err != nil || got.Origin.CustomCluster() != want.cluster || got.Origin.Authority() != want.authority || got.Path != want.path || got.Query != want.query {
			t.Errorf("ParseTarget(%s) = %s %s %s %s, %v; want %+v", raw, got.Origin.CustomCluster(), got.Origin.Authority(), got.Path, got.Query, err, want)
		}
	}
	for _, raw := range []string{
		"", "/x", "//x/y", "x", "ftp://x/y", "https://", "https:///y", "https://u@x/y", "https://u:p@x/y", "https://x/y#f", "https://x/y#", "https://x:0/",
		"https://x:99999/", "https://x/a/../b", "https://x/a//b", "https://x/.a", "https://x/%61", "https://x/a b", "https://x/ä", `https://x\y`, "https://x/a;b",
		"https://x\n/", "https://x%2fy/z", "javascript:x", "https:x",
	} {
		if got, err := provider.ParseTarget(raw); err == nil {
			t.Errorf("ParseTarget(%q) = %+v, want an error", raw, got)
		}
	}
}

// FuzzParseTarget: what is taken is what was written, and no other parser could
// read a piece of the path as something else.
func FuzzParseTarget(f *testing.F) {
	f.Add("https://api.example.com:8443/a/b?c=d")
	f.Add("https://[::1]/x")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := provider.ParseTarget(raw)
		if err != nil {
			return
		}
		again := got.Origin.Scheme + "://" + got.Origin.Authority() + got.Path
		if got.Query != "" {
			again += "?" + got.Query
		}
		if second, err := provider.ParseTarget(again); err != nil || second != got {
			t.Errorf("%q is %+v, and spelled again %+v, %v", raw, got, second, err)
		}
		if got.Path[0] != '/' || strings.ContainsAny(got.Path, "%;\\?# ") || strings.Contains(got.Path, "..") && strings.Contains(got.Path, "/..") {
			t.Errorf("%q has the path %q", raw, got.Path)
		}
	})
}

func TestBuiltInNamesAreReserved(t *testing.T) {
	for _, name := range append(provider.Names(), "OpenAI", "azure", "vertex") {
		if !provider.Reserved(name) || provider.IsCustom(name) || provider.CheckCustomName(name) == nil {
			t.Errorf("a custom provider may be called %s", name)
		}
	}
	if provider.Reserved("own") || provider.CheckCustomName("Own-2.x_y") != nil {
		t.Error("an honest name is refused")
	}
}
