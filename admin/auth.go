package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// Role is what a caller may do.
type Role = gateway.AdminRole

// The roles.
const (
	RoleAdmin  = gateway.RoleAdmin
	RoleViewer = gateway.RoleViewer
)

// AdminKey is a credential of this API that the configuration gives. It needs no
// store, so that nobody can be locked out by what is in there.
type AdminKey struct {
	Key  gateway.Secret
	Name string // for people, such as the variable that it comes from
	Role Role   // empty: RoleAdmin
	// Tags, when there are any, limit the holder to objects that carry all of
	// them. Provider settings carry none and are out of its sight.
	Tags []string
}

const (
	keyHeader            = "X-API-KEY"
	unacknowledgedHeader = "X-Bricks-Unacknowledged"
	// minAdminKeyBytes is what a key that others than this machine can try
	// must have.
	minAdminKeyBytes = 32
)

// principal is who asks.
type principal struct {
	digest [sha256.Size]byte
	id     string // as the audit log names it
	name   string
	role   Role
	scope  []string
}

func newPrincipals(o Options) ([]principal, error) {
	if len(o.AdminKeys) == 0 && !o.Loopback {
		return nil, errors.New("an admin key is required unless the API listens on loopback only")
	}
	var list []principal
	for i, k := range o.AdminKeys {
		text := k.Key.Reveal()
		switch {
		case text == "":
			return nil, fmt.Errorf("admin key %d is empty", i+1)
		case len(text) < minAdminKeyBytes && !o.Loopback:
			return nil, fmt.Errorf("admin key %d has fewer than %d bytes, which is too weak for an address that others can reach", i+1, minAdminKeyBytes)
		case len(text) < minAdminKeyBytes:
			o.Logger.Warn("admin key is short", "position", i+1, "recommended_bytes", minAdminKeyBytes)
		}
		if k.Role == "" {
			k.Role = RoleAdmin
		}
		if !k.Role.Valid() {
			return nil, fmt.Errorf("admin key %d has the unknown role %q", i+1, k.Role)
		}
		p := principal{digest: sha256.Sum256([]byte(text)), name: k.Name, role: k.Role, scope: k.Tags}
		p.id = configuredID(o.Keyring, p.digest)
		if slices.ContainsFunc(list, func(q principal) bool { return q.digest == p.digest }) {
			return nil, fmt.Errorf("admin key %d is given twice", i+1)
		}
		list = append(list, p)
	}
	return list, nil
}

// configuredID names a key of the configuration. It is the same as long as the
// key is, and without the pepper it says nothing about it.
func configuredID(k *secrets.Keyring, hash secrets.Digest) string {
	d := k.KeyDigest(hash)
	return "configured:" + hex.EncodeToString(d[:6])
}

// open says that the API asks for no key, because only this machine reaches it.
func (a *api) open() bool { return len(a.principals) == 0 && a.VerifyToken == nil }

// authenticate finds who asks: a key of the configuration, else one of the
// store, or the holder of a bearer token where these are taken. Its time does not depend on which key of the configuration matches, if
// any, and every failure looks the same.
func (a *api) authenticate(r *http.Request) (principal, error) {
	if a.open() {
		return principal{id: "local", name: "this machine, without a key", role: RoleAdmin}, a.checkLocal(r)
	}
	presented := r.Header.Values(keyHeader)
	if token, given := bearerToken(r); given && a.VerifyToken != nil {
		if len(presented) > 0 {
			return principal{}, unauthorized.with("send an admin key or a bearer token, not both")
		}
		return a.tokenPrincipal(r.Context(), token)
	}
	text := strings.Join(presented, "\n")
	digest := sha256.Sum256([]byte(text))
	found := -1
	for i := range a.principals {
		match := subtle.ConstantTimeCompare(digest[:], a.principals[i].digest[:])
		found = subtle.ConstantTimeSelect(match, i, found)
	}
	if len(presented) != 1 {
		return principal{}, a.wrongKey()
	}
	if found >= 0 {
		return a.principals[found], nil
	}
	if !strings.HasPrefix(text, adminKeyPrefix) {
		return principal{}, a.wrongKey() // and the store is not asked about what cannot be in it
	}
	return a.storedPrincipal(r.Context(), text)
}

func (a *api) wrongKey() error {
	if a.VerifyToken != nil {
		return unauthorized.with("send a valid admin key in the header " + keyHeader + ", or a bearer token")
	}
	return unauthorized.with("send a valid admin key in the header " + keyHeader)
}

// bearerToken is the credential of RFC 6750, section 2.1. Several make none that
// could be good.
func bearerToken(r *http.Request) (token string, given bool) {
	all := r.Header.Values("Authorization")
	if len(all) == 0 {
		return "", false
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	if len(all) > 1 {
		token = ""
	}
	return token, strings.EqualFold(scheme, "Bearer")
}

func (a *api) tokenPrincipal(ctx context.Context, token string) (principal, error) {
	c, err := a.VerifyToken(ctx, token)
	if err != nil {
		return principal{}, err
	}
	name := c.Name
	if name == "" {
		name = c.Subject
	}
	// With the issuer: another one that is configured later may have the same subject.
	return principal{id: "oidc:" + c.Issuer + "#" + c.Subject, name: name, role: c.Role, scope: c.Tags}, nil
}

// storedPrincipal asks the store every time, so that a revoked key is refused at
// once.
func (a *api) storedPrincipal(ctx context.Context, presented string) (principal, error) {
	k, err := a.Store.AdminKeyByDigest(ctx, a.adminKeyDigest(presented))
	if gateway.KindOf(err) == gateway.NotFound {
		return principal{}, a.wrongKey()
	}
	if err != nil {
		return principal{}, err
	}
	return principal{id: "key:" + k.ID, name: k.Name, role: k.Role, scope: k.Tags}, nil
}

// checkLocal is the guard of an API without admin keys. Only this machine
// reaches it, but a browser on this machine runs code of strangers: a name that
// they point at 127.0.0.1 (DNS rebinding) and requests across sites are refused.
func (a *api) checkLocal(r *http.Request) error {
	host := r.Host
	if h, _, err := net.SplitHostPort(r.Host); err == nil {
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, strings.ToLower(host)) {
		return forbidden.with("without an admin key the API answers only to the host names localhost, 127.0.0.1 and [::1]")
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != scheme(r) || !strings.EqualFold(u.Host, r.Host) {
			return forbidden.with("without an admin key the API does not answer to other origins")
		}
	}
	return nil
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// sees judges an object by its tags: it must carry the whole scope.
func (p principal) sees(tags []string) bool {
	for _, t := range p.scope {
		if !slices.Contains(tags, t) {
			return false
		}
	}
	return true
}

// scoped adds the scope to the tags that a search asks for.
func (p principal) scoped(tags []string) []string {
	return distinct(append(slices.Clone(tags), p.scope...))
}

// distinct drops empty and repeated texts; nil becomes an empty list.
func distinct(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
