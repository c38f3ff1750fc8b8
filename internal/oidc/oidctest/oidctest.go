// Package oidctest is an OpenID provider for tests: it shows keys and signs
// tokens, and can be away or tell lies. It is written with the standard library
// alone, so that it shares no mistake with what it tests.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Object is JSON.
type Object = map[string]any

// Issuer is an OpenID provider, as far as anyone needs one who takes its tokens.
// It is safe for concurrent use.
type Issuer struct {
	URL string

	t     testing.TB
	mu    sync.Mutex
	state State
	calls int // for its keys
}

// State is what an issuer shows.
type State struct {
	Keys   []Object
	Down   bool
	Issuer string // what it calls itself; empty: its address
	JWKS   string // where it says its keys are; empty: where they are
}

// New starts an issuer, and stops it after the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, body any) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.state.Down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(body)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		named, jwks := i.state.Issuer, i.state.JWKS
		i.mu.Unlock()
		if named == "" {
			named = i.URL
		}
		if jwks == "" {
			jwks = i.URL + "/keys"
		}
		answer(w, Object{"issuer": named, "jwks_uri": jwks})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		i.calls++
		keys := i.state.Keys
		i.mu.Unlock()
		answer(w, Object{"keys": keys})
	})
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Set changes what it shows.
func (i *Issuer) Set(change func(*State)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.state)
}

// Asked is how often its keys were read.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.calls
}

// Base64 is the spelling of JWTs.
func Base64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Show adds the public part of a key to what the issuer shows.
func (i *Issuer) Show(id string, key crypto.Signer, more Object) {
	jwk := Object{"kid": id, "use": "sig"}
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", Base64(k.N.Bytes()), Base64(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			i.t.Fatal(err)
		}
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", Base64(point[1:33]), Base64(point[33:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", Base64(k)
	}
	for name, value := range more {
		jwk[name] = value
	}
	i.Set(func(s *State) { s.Keys = append(s.Keys, jwk) })
}

// Sign makes a token. The algorithm is the header's; for HS256 the key is the
// public one's bytes, which is how an attacker would sign.
func Sign(t testing.TB, key crypto.Signer, header, claims Object) string {
	t.Helper()
	encode := func(o Object) string {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return Base64(b)
	}
	input := encode(header) + "." + encode(claims)
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch header["alg"] {
	case "RS256":
		signature, err = key.Sign(rand.Reader, digest[:], crypto.SHA256)
	case "ES256":
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), digest[:])
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		signature, err = key.Sign(nil, []byte(input), crypto.Hash(0))
	case "HS256":
		m := hmac.New(sha256.New, key.Public().(*rsa.PublicKey).N.Bytes())
		m.Write([]byte(input))
		signature = m.Sum(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + Base64(signature)
}

// RSAKey makes a key.
func RSAKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ECKey makes a key on P-256.
func ECKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
