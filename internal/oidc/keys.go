package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const (
	// refreshAfter is how long the keys are used without asking for them again.
	refreshAfter = 10 * time.Minute
	// useFor is how long they are used while the provider cannot be asked.
	useFor = 24 * time.Hour
	// pause is kept between two calls, so that made-up key ids cost the provider
	// nothing.
	pause = 10 * time.Second
	// patience is for both documents of the provider together.
	patience    = 5 * time.Second
	maxDocument = 1 << 20
	minRSABits  = 2048
)

// keySet is what is known of the provider's public keys.
type keySet struct {
	issuer string
	client *http.Client
	logger *slog.Logger
	now    func() time.Time

	known atomic.Pointer[known]

	mu    sync.Mutex // held while the provider is asked; guards what follows
	tried time.Time
	err   error // of the last try
}

// known is one state of the provider's keys, which never changes.
type known struct {
	keys map[string]jose.JSONWebKey
	at   time.Time
}

func newKeySet(o Options) *keySet {
	return &keySet{issuer: o.Issuer, logger: o.Logger, now: o.Now, client: &http.Client{
		Transport: o.Client, Timeout: patience,
		// The provider's word is good for its own address only.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// find returns the key with this id. One that is not known is asked for, at
// most once in a pause.
func (s *keySet) find(ctx context.Context, id string) (jose.JSONWebKey, error) {
	if k, ok := s.usable(id); ok {
		if s.now().Sub(s.known.Load().at) < refreshAfter || !s.mu.TryLock() { // somebody asks already
			return k, nil
		}
		s.ask(ctx)
		s.mu.Unlock()
		if k, ok = s.usable(id); ok {
			return k, nil
		}
		return jose.JSONWebKey{}, refused("its key is no longer the issuer's")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.usable(id); ok { // somebody asked meanwhile
		return k, nil
	}
	s.ask(ctx)
	if k, ok := s.usable(id); ok {
		return k, nil
	}
	if s.err != nil {
		return jose.JSONWebKey{}, &gateway.Error{Kind: gateway.Unavailable, Err: s.err,
			Message: "the issuer of the token cannot be asked for its key; try again, or use an admin key"}
	}
	return jose.JSONWebKey{}, refused("its key is not the issuer's")
}

func (s *keySet) usable(id string) (jose.JSONWebKey, bool) {
	now := s.known.Load()
	if now == nil || s.now().Sub(now.at) > useFor {
		return jose.JSONWebKey{}, false
	}
	k, ok := now.keys[id]
	return k, ok
}

// ask brings the keys up to date, unless that was tried a moment ago. The caller
// holds mu. It goes on when the one request has left that happens to pay for it.
func (s *keySet) ask(ctx context.Context) {
	if since := s.now().Sub(s.tried); !s.tried.IsZero() && since >= 0 && since < pause {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	s.tried = s.now()
	keys, err := s.fetch(ctx)
	if s.err = err; err != nil {
		s.logger.WarnContext(ctx, "the issuer's keys cannot be read", "issuer", s.issuer, "error", err)
		return
	}
	s.known.Store(&known{keys, s.tried})
}

// fetch reads the provider's description of itself (OpenID Connect Discovery
// 1.0, section 4), and the keys that it names.
func (s *keySet) fetch(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	var provider struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration", &provider); err != nil {
		return nil, err
	}
	if provider.Issuer != s.issuer {
		return nil, fmt.Errorf("the issuer calls itself %q", provider.Issuer)
	}
	if err := checkURL(provider.Keys); err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := s.get(ctx, provider.Keys, &set); err != nil {
		return nil, err
	}
	keys := map[string]jose.JSONWebKey{}
	for _, raw := range set.Keys {
		// One of a kind that we do not know must not hide the others.
		if k, ok := signingKey(raw); ok {
			keys[k.KeyID] = k
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer shows no key that tokens can be signed with")
	}
	return keys, nil
}

// signingKey reads a public key that may sign tokens.
func signingKey(raw []byte) (k jose.JSONWebKey, ok bool) {
	if k.UnmarshalJSON(raw) != nil || k.KeyID == "" || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
		return k, false
	}
	if r, isRSA := k.Key.(*rsa.PublicKey); isRSA && r.N.BitLen() < minRSABits {
		return k, false
	}
	return k, true
}

func (s *keySet) get(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}
