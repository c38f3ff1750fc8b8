// Package oidc judges bearer tokens of an OpenID Connect provider: whether they
// are its own, meant for us and not over, and what their holder may do. It only
// takes tokens; it logs nobody in.
//
// The idea needed to read it: nothing is asked of the provider for a token, but
// its public keys, and those are kept. So a provider that is away stops only
// tokens whose key is not known yet.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // minds case and refuses names that come twice
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const (
	// leeway is how far the provider's clock may be off.
	leeway = 30 * time.Second
	// maxSubject is the longest subject that OpenID Connect Core 1.0, section 2,
	// allows.
	maxSubject = 255
	// maxToken bounds what is parsed, in bytes.
	maxToken = 16 << 10

	DefaultRoleClaim = "bricks_role"
	DefaultTagsClaim = "bricks_tags"
)

// algorithms are those with public keys. With the others (none, HMAC) whoever
// knows what is public could sign.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Options say whose tokens are taken. Issuer and Audience are required.
type Options struct {
	Issuer   string // as the tokens name it; https, or http on this machine
	Audience string // that a token must be meant for
	// RoleClaim holds admin or viewer, or a list with one of them; TagsClaim the
	// tags that limit the holder, as a list or separated by blanks. A name with
	// dots also leads into objects. Empty: the defaults.
	RoleClaim, TagsClaim string

	Logger *slog.Logger      // nil discards
	Now    func() time.Time  // nil: time.Now
	Client http.RoundTripper // nil: http.DefaultTransport
}

// Caller is who holds a token.
type Caller struct {
	Issuer  string
	Subject string // of this issuer
	Name    string // for people; may be empty
	Role    gateway.AdminRole
	Tags    []string // when there are any, the holder sees only what carries all of them
}

// Verifier takes or refuses tokens. It is safe for concurrent use.
type Verifier struct {
	o    Options
	keys *keySet
}

// New checks the options. It does not call the provider, which may be away.
func New(o Options) (*Verifier, error) {
	if err := checkURL(o.Issuer); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if o.Audience == "" {
		return nil, errors.New("no audience: tokens for others would be taken")
	}
	if o.RoleClaim == "" {
		o.RoleClaim = DefaultRoleClaim
	}
	if o.TagsClaim == "" {
		o.TagsClaim = DefaultTagsClaim
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = http.DefaultTransport
	}
	return &Verifier{o: o, keys: newKeySet(o)}, nil
}

// checkURL refuses what anyone on the way could answer.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is no URL of a host, without user, query and fragment", text)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%q must be https", text)
	}
	return nil
}

// Verify says who holds the token. Its errors are *gateway.Error: Unauthorized
// for a token that is not good, Forbidden for one that gives no role or a scope
// that cannot be read, and Unavailable when the token's key is not known and
// the provider cannot be asked.
func (v *Verifier) Verify(ctx context.Context, token string) (Caller, error) {
	if len(token) > maxToken {
		return Caller{}, refused("it is too long")
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return Caller{}, refused("it is no JWT, or signed in a way that is not taken")
	}
	header := signed.Signatures[0].Protected
	if header.KeyID == "" || !typeAllowed(header.ExtraHeaders[jose.HeaderType]) {
		return Caller{}, refused("its header names no key, or another type than JWT")
	}
	key, err := v.keys.find(ctx, header.KeyID)
	if err != nil {
		return Caller{}, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return Caller{}, refused("its algorithm is not its key's")
	}
	payload, err := signed.Verify(key.Key)
	if err != nil {
		return Caller{}, refused("its signature is wrong")
	}
	return v.judge(payload)
}

// typeAllowed takes ID tokens and access tokens (RFC 9068, section 2.1), and
// leaves the provider's other signed messages, such as logout tokens.
func typeAllowed(header any) bool {
	text, isText := header.(string)
	switch strings.TrimPrefix(strings.ToLower(text), "application/") {
	case "jwt", "at+jwt":
		return true
	}
	return text == "" && (isText || header == nil)
}

// judge reads the claims of a token whose signature is right.
func (v *Verifier) judge(payload []byte) (Caller, error) {
	var registered jwt.Claims
	var claims map[string]any
	if json.Unmarshal(payload, &registered) != nil || json.Unmarshal(payload, &claims) != nil {
		return Caller{}, refused("its claims cannot be read")
	}
	if registered.Expiry == nil || registered.Subject == "" || len(registered.Subject) > maxSubject {
		return Caller{}, refused("it has no end or no subject")
	}
	err := registered.ValidateWithLeeway(jwt.Expected{Issuer: v.o.Issuer, AnyAudience: jwt.Audience{v.o.Audience}, Time: v.o.Now()}, leeway)
	if err != nil {
		return Caller{}, refused(strings.TrimPrefix(err.Error(), "go-jose/go-jose/jwt: "))
	}
	c := Caller{Issuer: v.o.Issuer, Subject: registered.Subject, Name: displayName(claims)}
	if c.Role, err = roleOf(claim(claims, v.o.RoleClaim)); err != nil {
		return Caller{}, &gateway.Error{Kind: gateway.Forbidden, Message: fmt.Sprintf("the token's claim %s gives no role: it must be admin or viewer", v.o.RoleClaim)}
	}
	if c.Tags, err = tagsOf(claim(claims, v.o.TagsClaim)); err != nil {
		return Caller{}, &gateway.Error{Kind: gateway.Forbidden, Message: fmt.Sprintf("the token's claim %s must be a list of tags, or tags separated by blanks, and not empty", v.o.TagsClaim)}
	}
	return c, nil
}

func refused(why string) error {
	return &gateway.Error{Kind: gateway.Unauthorized, Message: "the bearer token is not good: " + why}
}
