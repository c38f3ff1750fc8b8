package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/oidc"
)

// tokens takes texts that say what they give.
func tokens(_ context.Context, token string) (oidc.Caller, error) {
	switch token {
	case "admin":
		return oidc.Caller{Issuer: "https://id.example", Subject: "ann", Name: "ann@example.com", Role: gateway.RoleAdmin}, nil
	case "viewer":
		return oidc.Caller{Subject: "bob", Role: gateway.RoleViewer}, nil
	case "scoped":
		return oidc.Caller{Subject: "cat", Role: gateway.RoleAdmin, Tags: []string{"team-a"}}, nil
	case "away":
		return oidc.Caller{}, &gateway.Error{Kind: gateway.Unavailable, Message: "away"}
	case "nothing":
		return oidc.Caller{}, &gateway.Error{Kind: gateway.Forbidden, Message: "no role"}
	}
	return oidc.Caller{}, &gateway.Error{Kind: gateway.Unauthorized, Message: "not good"}
}

func bearing(header ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(keyHeader)
		r.Header["Authorization"] = header
	}
}

func TestBearerTokens(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.VerifyToken = tokens })
	policy := `{"name":"p","tags":["team-b"]}`
	for _, tc := range []struct {
		name       string
		edit       func(*http.Request)
		read, made int
	}{
		{"of an admin", bearing("Bearer admin"), 200, 200},
		{"with a scheme in small letters", bearing("bearer admin"), 200, 200},
		{"of a viewer", bearing("Bearer viewer"), 200, 403},
		{"with a scope", bearing("Bearer scoped"), 200, 403},
		{"without a role", bearing("Bearer nothing"), 403, 403},
		{"that is not good", bearing("Bearer other"), 401, 401},
		{"that is empty", bearing("Bearer"), 401, 401},
		{"twice", bearing("Bearer admin", "Bearer admin"), 401, 401},
		{"with an admin key", func(r *http.Request) { r.Header.Set("Authorization", "Bearer admin") }, 401, 401},
		{"by another scheme", bearing("Basic admin"), 401, 401},
		{"while the issuer is away", bearing("Bearer away"), 503, 503},
		{"beside a key of another scheme", func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }, 200, 200},
		{"none", as(""), 401, 401},
	} {
		if got := f.do("GET", policiesPath, "", tc.edit); got.status != tc.read {
			t.Errorf("a token %s reads: %d %s", tc.name, got.status, got.text)
		}
		if got := f.do("POST", policiesPath, policy, tc.edit); got.status != tc.made {
			t.Errorf("a token %s writes: %d %s", tc.name, got.status, got.text)
		}
	}
	var authors []string
	for _, e := range f.audited("") {
		authors = append(authors, answer{body: e}.at("author", "id").(string)+" "+answer{body: e}.at("author", "name").(string))
	}
	if len(authors) != 3 || authors[2] != "oidc:https://id.example#ann ann@example.com" || authors[1] != authors[2] {
		t.Errorf("authors %q", authors)
	}
	refused := f.do("GET", usersPath, "", bearing("Bearer other"))
	if got := refused.header.Values("WWW-Authenticate"); !slices.Contains(got, "Bearer") || len(got) != 2 {
		t.Errorf("asks for %q", got)
	}
	if doc := f.do("GET", documentPath, ""); !strings.Contains(doc.text, `"scheme":"bearer"`) || !strings.Contains(doc.text, `"bearerToken":[]`) {
		t.Error("the document does not say that tokens are taken")
	}
}

func TestAnAPIWithTokensIsNotOpen(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.AdminKeys, o.Loopback, o.VerifyToken = nil, true, tokens })
	f.want(f.do("GET", usersPath, "", as("")), 401)
	made := f.want(f.do("POST", adminKeysPath, `{"name":"n","role":"viewer"}`, bearing("Bearer admin")), 200)
	f.want(f.do("GET", usersPath, "", as(made.str("key"))), 200)
}
