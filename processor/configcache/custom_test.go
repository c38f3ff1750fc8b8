package configcache

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func told(id, name string) *configv1.CustomProvider {
	return &configv1.CustomProvider{Id: id, Provider: name, Routes: []*configv1.CustomRoute{{Path: "/x", TargetUrl: "https://a.example/x"}}}
}

// What a stream does not tell of is gone once it has told all, and not before.
func TestWhatANewStreamDoesNotTellIsGone(t *testing.T) {
	c := New(Options{Logger: slog.New(slog.DiscardHandler)})
	known := func() string {
		var names []string
		for _, name := range []string{"a", "b", "c"} {
			if p, err := c.CustomProvider(name); err == nil {
				names = append(names, name+p.ID)
			} else if gateway.KindOf(err) != gateway.NotFound && gateway.KindOf(err) != gateway.Unavailable {
				t.Error(err)
			}
		}
		return strings.Join(names, " ")
	}
	step := func(what string, u *configv1.ConfigUpdate, want string) {
		t.Helper()
		c.apply(u)
		if got := known(); got != want {
			t.Errorf("%s: known are %q, want %q", what, got, want)
		}
	}
	c.begin()
	step("a piece", &configv1.ConfigUpdate{CustomProviders: []*configv1.CustomProvider{told("1", "a")}}, "a1")
	if _, err := c.CustomProvider("b"); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("before all are told: %v, want unavailable", err)
	}
	step("the last piece", &configv1.ConfigUpdate{CustomProviders: []*configv1.CustomProvider{told("2", "b")}, CustomProvidersComplete: true}, "a1 b2")
	if _, err := c.CustomProvider("c"); gateway.KindOf(err) != gateway.NotFound {
		t.Errorf("after all are told: %v, want not found", err)
	}
	step("the same name anew", &configv1.ConfigUpdate{RemovedCustomProviders: []string{"1"}, CustomProviders: []*configv1.CustomProvider{told("3", "a")}}, "a3 b2")
	step("a late removal", &configv1.ConfigUpdate{RemovedCustomProviders: []string{"1"}}, "a3 b2")
	step("the same name, before its old one goes", &configv1.ConfigUpdate{CustomProviders: []*configv1.CustomProvider{told("6", "a")}}, "a6 b2")
	step("then it goes", &configv1.ConfigUpdate{RemovedCustomProviders: []string{"3"}}, "a6 b2")
	c.begin()
	step("a new stream", &configv1.ConfigUpdate{CustomProviders: []*configv1.CustomProvider{told("2", "b")}}, "a6 b2")
	step("has told all", &configv1.ConfigUpdate{CustomProviders: []*configv1.CustomProvider{told("4", "c")}, CustomProvidersComplete: true}, "b2 c4")
	step("tells all again, one piece", &configv1.ConfigUpdate{CustomProviders: []*configv1.CustomProvider{told("4", "c")}}, "b2 c4")
	step("and the other", &configv1.ConfigUpdate{CustomProviders: []*configv1.CustomProvider{told("2", "b")}, CustomProvidersComplete: true}, "b2 c4")
	step("tells nothing", &configv1.ConfigUpdate{CustomProvidersComplete: true}, "")
	broken := told("5", "a")
	broken.Routes[0].TargetUrl = "nonsense"
	step("one that cannot be", &configv1.ConfigUpdate{CustomProviders: []*configv1.CustomProvider{broken}}, "")
}
