package oidc_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/oidc"
	"github.com/bricks-gateway/bricks/internal/oidc/oidctest"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is one that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newVerifier(t *testing.T, i *oidctest.Issuer, c *clock, change ...func(*oidc.Options)) *oidc.Verifier {
	t.Helper()
	o := oidc.Options{Issuer: i.URL, Audience: "bricks", Now: c.read}
	for _, f := range change {
		f(&o)
	}
	v, err := oidc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// good are the claims of a token that is taken.
func good(i *oidctest.Issuer, more oidctest.Object) oidctest.Object {
	claims := oidctest.Object{"iss": i.URL, "aud": "bricks", "sub": "ann-1", "exp": start.Add(time.Hour).Unix(), "iat": start.Unix(), "bricks_role": "admin"}
	maps.Copy(claims, more)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

func TestWhatATokenGives(t *testing.T) {
	i, c := oidctest.New(t), &clock{now: start}
	key := oidctest.RSAKey(t, 2048)
	i.Show("one", key, nil)
	header := oidctest.Object{"alg": "RS256", "kid": "one", "typ": "JWT"}
	admin := oidc.Caller{Issuer: i.URL, Subject: "ann-1", Role: gateway.RoleAdmin}
	with := func(change func(*oidc.Caller)) oidc.Caller {
		c := admin
		change(&c)
		return c
	}
	v := newVerifier(t, i, c)
	nested := newVerifier(t, i, c, func(o *oidc.Options) { o.RoleClaim, o.TagsClaim = "realm_access.roles", "https://example.com/teams" })
	for _, tc := range []struct {
		name   string
		v      *oidc.Verifier
		claims oidctest.Object
		want   oidc.Caller
		kind   gateway.Kind
	}{
		{"a role", v, nil, admin, ""},
		{"a viewer", v, oidctest.Object{"bricks_role": "viewer"}, with(func(c *oidc.Caller) { c.Role = gateway.RoleViewer }), ""},
		{"a role in a list", v, oidctest.Object{"bricks_role": []string{"x", "viewer"}}, with(func(c *oidc.Caller) { c.Role = gateway.RoleViewer }), ""},
		{"both roles in a list", v, oidctest.Object{"bricks_role": []string{"viewer", "admin"}}, admin, ""},
		{"no role", v, oidctest.Object{"bricks_role": nil}, oidc.Caller{}, gateway.Forbidden},
		{"an unknown role", v, oidctest.Object{"bricks_role": "owner"}, oidc.Caller{}, gateway.Forbidden},
		{"a role in capitals", v, oidctest.Object{"bricks_role": "Admin"}, oidc.Caller{}, gateway.Forbidden},
		{"a role with another around it", v, oidctest.Object{"bricks_role": "admin viewer"}, oidc.Caller{}, gateway.Forbidden},
		{"a role that is true", v, oidctest.Object{"bricks_role": true}, oidc.Caller{}, gateway.Forbidden},
		{"a claim of another case", v, oidctest.Object{"bricks_role": nil, "Bricks_Role": "admin"}, oidc.Caller{}, gateway.Forbidden},
		{"tags", v, oidctest.Object{"bricks_tags": []string{"a", "b c"}}, with(func(c *oidc.Caller) { c.Tags = []string{"a", "b c"} }), ""},
		{"tags in a text", v, oidctest.Object{"bricks_tags": " a  b "}, with(func(c *oidc.Caller) { c.Tags = []string{"a", "b"} }), ""},
		{"an empty list of tags", v, oidctest.Object{"bricks_tags": []string{}}, oidc.Caller{}, gateway.Forbidden},
		{"an empty text of tags", v, oidctest.Object{"bricks_tags": " "}, oidc.Caller{}, gateway.Forbidden},
		{"tags that are null", v, oidctest.Object{"bricks_tags": json.RawMessage("null")}, oidc.Caller{}, gateway.Forbidden},
		{"tags that are none", v, oidctest.Object{"bricks_tags": []any{"a", 1}}, oidc.Caller{}, gateway.Forbidden},
		{"tags in an object", v, oidctest.Object{"bricks_tags": oidctest.Object{"a": true}}, oidc.Caller{}, gateway.Forbidden},
		{"a name", v, oidctest.Object{"email": "ann@example.com\n", "name": "Ann"}, with(func(c *oidc.Caller) { c.Name = "ann@example.com" }), ""},
		{"claims with names of their own", nested, oidctest.Object{"bricks_role": nil, "realm_access": oidctest.Object{"roles": []string{"viewer"}}, "https://example.com/teams": "t"},
			with(func(c *oidc.Caller) { c.Role, c.Tags = gateway.RoleViewer, []string{"t"} }), ""},
		{"for several", v, oidctest.Object{"aud": []string{"x", "bricks"}}, admin, ""},

		{"for others", v, oidctest.Object{"aud": "x"}, oidc.Caller{}, gateway.Unauthorized},
		{"for nobody", v, oidctest.Object{"aud": nil}, oidc.Caller{}, gateway.Unauthorized},
		{"by another issuer", v, oidctest.Object{"iss": "https://evil.example"}, oidc.Caller{}, gateway.Unauthorized},
		{"by nobody", v, oidctest.Object{"iss": nil}, oidc.Caller{}, gateway.Unauthorized},
		{"over since half a minute", v, oidctest.Object{"exp": start.Add(-30 * time.Second).Unix()}, admin, ""},
		{"over", v, oidctest.Object{"exp": start.Add(-32 * time.Second).Unix()}, oidc.Caller{}, gateway.Unauthorized},
		{"without an end", v, oidctest.Object{"exp": nil}, oidc.Caller{}, gateway.Unauthorized},
		{"not good yet", v, oidctest.Object{"nbf": start.Add(32 * time.Second).Unix()}, oidc.Caller{}, gateway.Unauthorized},
		{"of the future", v, oidctest.Object{"iat": start.Add(32 * time.Second).Unix()}, oidc.Caller{}, gateway.Unauthorized},
		{"without a subject", v, oidctest.Object{"sub": nil}, oidc.Caller{}, gateway.Unauthorized},
		{"with a long subject", v, oidctest.Object{"sub": strings.Repeat("x", 256)}, oidc.Caller{}, gateway.Unauthorized},
		{"with a subject that is none", v, oidctest.Object{"sub": 7}, oidc.Caller{}, gateway.Unauthorized},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.v.Verify(t.Context(), oidctest.Sign(t, key, header, good(i, tc.claims)))
			if diff := cmp.Diff(tc.want, got); diff != "" || gateway.KindOf(err) != tc.kind || (err == nil) != (tc.kind == "") {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestHowATokenMustBeSigned(t *testing.T) {
	i, c := oidctest.New(t), &clock{now: start}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, ec, weak := oidctest.RSAKey(t, 2048), oidctest.ECKey(t), oidctest.RSAKey(t, 1024)
	i.Show("rs", rs, nil)
	i.Show("ec", ec, nil)
	i.Show("ed", ed, nil)
	i.Show("weak", weak, nil)
	i.Show("enc", rs, oidctest.Object{"use": "enc"})
	i.Show("ps", rs, oidctest.Object{"alg": "PS256"})
	i.Set(func(s *oidctest.State) {
		s.Keys = append(s.Keys, oidctest.Object{"kid": "oct", "kty": "oct", "k": oidctest.Base64(rs.N.Bytes())}, oidctest.Object{"kid": "new", "kty": "of-the-future"})
	})
	v := newVerifier(t, i, c)
	for _, tc := range []struct {
		name   string
		key    crypto.Signer
		header oidctest.Object
		taken  bool
	}{
		{"RSA", rs, oidctest.Object{"alg": "RS256", "kid": "rs"}, true},
		{"ECDSA", ec, oidctest.Object{"alg": "ES256", "kid": "ec"}, true},
		{"Ed25519", ed, oidctest.Object{"alg": "EdDSA", "kid": "ed"}, true},
		{"an access token", rs, oidctest.Object{"alg": "RS256", "kid": "rs", "typ": "application/AT+JWT"}, true},
		{"a logout token", rs, oidctest.Object{"alg": "RS256", "kid": "rs", "typ": "logout+jwt"}, false},
		{"a type that is no text", rs, oidctest.Object{"alg": "RS256", "kid": "rs", "typ": 1}, false},
		{"not at all", rs, oidctest.Object{"alg": "none", "kid": "rs"}, false},
		{"with what is public", rs, oidctest.Object{"alg": "HS256", "kid": "rs"}, false},
		{"with what is public, by its own name", rs, oidctest.Object{"alg": "HS256", "kid": "oct"}, false},
		{"with another key", oidctest.RSAKey(t, 2048), oidctest.Object{"alg": "RS256", "kid": "rs"}, false},
		{"with a key of another kind", ec, oidctest.Object{"alg": "ES256", "kid": "rs"}, false},
		{"with a key that the token brings", rs, oidctest.Object{"alg": "RS256", "kid": "mine", "jwk": oidctest.Object{"kty": "RSA", "n": oidctest.Base64(rs.N.Bytes()), "e": "AQAB"}}, false},
		{"with a weak key", weak, oidctest.Object{"alg": "RS256", "kid": "weak"}, false},
		{"with a key for encryption", rs, oidctest.Object{"alg": "RS256", "kid": "enc"}, false},
		{"with a key of another algorithm", rs, oidctest.Object{"alg": "RS256", "kid": "ps"}, false},
		{"with a key without a name", rs, oidctest.Object{"alg": "RS256"}, false},
		{"with an extension that must be known", rs, oidctest.Object{"alg": "RS256", "kid": "rs", "crit": []string{"x"}, "x": 1}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), oidctest.Sign(t, tc.key, tc.header, good(i, nil)))
			if (err == nil) != tc.taken || err != nil && gateway.KindOf(err) != gateway.Unauthorized {
				t.Errorf("%v", err)
			}
		})
	}
	token := oidctest.Sign(t, rs, oidctest.Object{"alg": "RS256", "kid": "rs"}, good(i, nil))
	parts := strings.Split(token, ".")
	for name, text := range map[string]string{
		"nothing": "", "words": "a.b.c", "without a signature": parts[0] + "." + parts[1] + ".", "with a part more": token + ".x", "too long": token + strings.Repeat("x", 16<<10),
		"claims of another": parts[0] + "." + oidctest.Base64([]byte(`{"sub":"bob"}`)) + "." + parts[2], "with blanks": " " + token,
		"as JSON": `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`,
	} {
		if _, err := v.Verify(t.Context(), text); gateway.KindOf(err) != gateway.Unauthorized || strings.Contains(err.Error(), parts[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreKeptAndRefreshed(t *testing.T) {
	i, c := oidctest.New(t), &clock{now: start}
	one, two := oidctest.ECKey(t), oidctest.ECKey(t)
	i.Show("one", one, nil)
	v := newVerifier(t, i, c)
	by := func(key crypto.Signer, id string, want gateway.Kind) {
		t.Helper()
		claims := good(i, oidctest.Object{"exp": start.Add(100 * time.Hour).Unix()})
		if _, err := v.Verify(t.Context(), oidctest.Sign(t, key, oidctest.Object{"alg": "ES256", "kid": id}, claims)); gateway.KindOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("key %s at %v: %v, want %q", id, c.read().Sub(start), err, want)
		}
	}
	asked := func(want int) {
		t.Helper()
		if got := i.Asked(); got != want {
			t.Errorf("the issuer was asked %d times, want %d", got, want)
		}
	}
	by(one, "one", "")
	by(one, "one", "")
	asked(1)
	for range 5 { // made-up names cost the issuer one call in 10 s
		by(two, "two", gateway.Unauthorized)
	}
	asked(1)
	i.Show("two", two, nil)
	c.advance(10 * time.Second)
	by(two, "two", "")
	asked(2)
	i.Set(func(s *oidctest.State) { s.Keys = s.Keys[1:] }) // the issuer takes one back
	c.advance(9 * time.Minute)
	by(one, "one", "")
	asked(2)
	c.advance(time.Minute)
	by(one, "one", gateway.Unauthorized)
	asked(3)

	i.Set(func(s *oidctest.State) { s.Down = true })
	c.advance(time.Hour)
	by(two, "two", "")
	by(two, "two", "")
	asked(3) // its description failed already
	by(one, "one", gateway.Unavailable)
	c.advance(23*time.Hour + time.Second) // kept for a day after the last answer
	by(two, "two", gateway.Unavailable)
	i.Set(func(s *oidctest.State) { s.Down = false })
	c.advance(10 * time.Second)
	by(two, "two", "")
}

func TestAnIssuerThatIsAwayAtTheStart(t *testing.T) {
	i, c := oidctest.New(t), &clock{now: start}
	key := oidctest.ECKey(t)
	i.Show("one", key, nil)
	i.Set(func(s *oidctest.State) { s.Down = true })
	v := newVerifier(t, i, c)
	token := oidctest.Sign(t, key, oidctest.Object{"alg": "ES256", "kid": "one"}, good(i, nil))
	if _, err := v.Verify(t.Context(), token); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("while it is away: %v", err)
	}
	i.Set(func(s *oidctest.State) { s.Down = false })
	if _, err := v.Verify(t.Context(), token); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("right after: %v", err)
	}
	c.advance(10 * time.Second)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

func TestAnIssuerThatIsNotBelieved(t *testing.T) {
	for name, change := range map[string]func(*oidctest.Issuer, *oidctest.State){
		"it has another name":       func(i *oidctest.Issuer, s *oidctest.State) { s.Issuer = "https://evil.example" },
		"its name has a slash more": func(i *oidctest.Issuer, s *oidctest.State) { s.Issuer = i.URL + "/" },
		"its keys are not behind TLS": func(i *oidctest.Issuer, s *oidctest.State) {
			s.JWKS = "http://192.0.2.1/keys"
		},
		"its keys are in a file":      func(i *oidctest.Issuer, s *oidctest.State) { s.JWKS = "file:///etc/passwd" },
		"its keys have moved":         func(i *oidctest.Issuer, s *oidctest.State) { s.JWKS = i.URL + "/moved" },
		"its keys are not there":      func(i *oidctest.Issuer, s *oidctest.State) { s.JWKS = i.URL + "/nothing" },
		"it has no key for our taste": func(i *oidctest.Issuer, s *oidctest.State) { s.Keys[0]["use"] = "enc" },
	} {
		t.Run(name, func(t *testing.T) {
			i, c := oidctest.New(t), &clock{now: start}
			key := oidctest.ECKey(t)
			i.Show("one", key, nil)
			i.Set(func(s *oidctest.State) { change(i, s) })
			_, err := newVerifier(t, i, c).Verify(t.Context(), oidctest.Sign(t, key, oidctest.Object{"alg": "ES256", "kid": "one"}, good(i, nil)))
			if gateway.KindOf(err) != gateway.Unavailable {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestOptionsThatWouldTakeAnything(t *testing.T) {
	for name, o := range map[string]oidc.Options{
		"no issuer": {Audience: "a"}, "no audience": {Issuer: "https://example.com"}, "plain http": {Issuer: "http://example.com", Audience: "a"},
		"no host": {Issuer: "https://", Audience: "a"}, "a user": {Issuer: "https://u@example.com", Audience: "a"}, "a query": {Issuer: "https://example.com?x=1", Audience: "a"},
	} {
		if _, err := oidc.New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := oidc.New(oidc.Options{Issuer: "https://example.com/realm", Audience: "a"}); err != nil {
		t.Error(err)
	}
}

func TestConcurrentTokensAskOnce(t *testing.T) {
	i, c := oidctest.New(t), &clock{now: start}
	key := oidctest.ECKey(t)
	i.Show("one", key, nil)
	v := newVerifier(t, i, c)
	token := oidctest.Sign(t, key, oidctest.Object{"alg": "ES256", "kid": "one"}, good(i, nil))
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if got := i.Asked(); got != 1 {
		t.Errorf("the issuer was asked %d times", got)
	}
}
