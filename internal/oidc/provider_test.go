package oidc_test

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
	"time"

	"github.com/bricks-gateway/bricks/internal/oidc"
)

type object = map[string]any

// issuer is an OpenID provider, as far as anyone needs one who takes its tokens.
type issuer struct {
	t      *testing.T
	server *httptest.Server

	mu    sync.Mutex
	keys  []object // as it shows them
	calls int      // for its keys
	down  bool
	named string // what it calls itself; empty: its address
	jwks  string // where it says its keys are; empty: where they are
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, body any) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(body)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		named, jwks := i.named, i.jwks
		i.mu.Unlock()
		if named == "" {
			named = i.server.URL
		}
		if jwks == "" {
			jwks = i.server.URL + "/keys"
		}
		answer(w, object{"issuer": named, "jwks_uri": jwks})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		i.calls++
		keys := i.keys
		i.mu.Unlock()
		answer(w, object{"keys": keys})
	})
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) })
	i.server = httptest.NewServer(mux)
	t.Cleanup(i.server.Close)
	return i
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.calls
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// show adds the public part of a key to what the issuer shows.
func (i *issuer) show(id string, key crypto.Signer, more object) {
	jwk := object{"kid": id, "use": "sig"}
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			i.t.Fatal(err)
		}
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", b64(k)
	}
	for name, value := range more {
		jwk[name] = value
	}
	i.set(func() { i.keys = append(i.keys, jwk) })
}

// sign makes a token. The algorithm is the header's; for HS256 the key is the
// public one's bytes, which is how an attacker would sign.
func sign(t *testing.T, key crypto.Signer, header, claims object) string {
	t.Helper()
	encode := func(o object) string {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return b64(b)
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
	return input + "." + b64(signature)
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

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

func newVerifier(t *testing.T, i *issuer, c *clock, change ...func(*oidc.Options)) *oidc.Verifier {
	t.Helper()
	o := oidc.Options{Issuer: i.server.URL, Audience: "bricks", Now: c.read}
	for _, f := range change {
		f(&o)
	}
	v, err := oidc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
