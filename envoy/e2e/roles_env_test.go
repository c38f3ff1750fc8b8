package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// The identities of the roles, as their certificates spell them.
const (
	controlID   = "spiffe://bricks.test/controlplane"
	processorID = "spiffe://bricks.test/processor"
	adminID     = "spiffe://bricks.test/admin"
)

// roles is a gateway of separate processes on PostgreSQL that speak mutual TLS.
type roles struct {
	*testenv.Gateway // the admin API

	t         *testing.T
	ca        *testenv.Authority
	unix      bool     // Unix sockets instead of TCP
	variables []string // of those that have the store
	counters  []string // of those that count in Redis, or look at what is counted there
	fake      *fakeprovider.Provider
	client    *http.Client
	planes    []*testenv.Gateway
	setting   string // leads to fake
}

// newRoles starts as many control planes, each for Envoys at an address of its
// own, and one admin API.
func newRoles(t *testing.T, planes int) *roles {
	t.Helper()
	return (&roles{t: t}).start(planes)
}

// newRolesOnRedis is newRoles with counters in Redis, so that any number of
// processors may run.
func newRolesOnRedis(t *testing.T, planes int) *roles {
	t.Helper()
	return (&roles{t: t, counters: countingIn(testenv.StartRedis(t)).Env}).start(planes)
}

func (r *roles) start(planes int) *roles {
	t := r.t
	t.Helper()
	testenv.Envoy(t)
	r.variables, r.ca, r.client = database(t), testenv.NewAuthority(t), newClient(t)
	fake, err := fakeprovider.Start(fakeprovider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	r.fake = fake
	var addresses []string
	for range planes {
		plane := r.startPlane()
		r.planes = append(r.planes, plane)
		addresses = append(addresses, "--control-address", plane.Control)
	}
	r.Gateway = testenv.Start(t, testenv.Options{
		Role: "admin", Env: slices.Concat(r.variables, r.counters), AllowUpstream: []string{fake.Address()},
		Args: append(r.tls("admin", adminID), addresses...),
	})
	r.setting = r.CreateSetting("openai", fakeprovider.OpenAIKey, fake.URL(), nil)
	return r
}

// tls are the flags of a role's certificate.
func (r *roles) tls(name, identity string) []string {
	r.t.Helper()
	if r.unix {
		return nil
	}
	cert, key := r.ca.Issue(name, identity)
	return []string{"--control-tls-cert", cert, "--control-tls-key", key, "--control-tls-ca", r.ca.File}
}

func (r *roles) startPlane() *testenv.Gateway {
	r.t.Helper()
	address := testenv.FreeAddress(r.t)
	if r.unix {
		dir, err := os.MkdirTemp("", "bricks-")
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { _ = os.RemoveAll(dir) })
		address = "unix:" + filepath.Join(dir, "control.sock")
	}
	return testenv.Start(r.t, testenv.Options{
		Role: "controlplane", Env: slices.Concat(r.variables, r.counters, collecting.Env), AllowUpstream: []string{r.fake.Address()},
		Args: append(r.tls("controlplane", controlID),
			"--control-address", address, "--proxy-address", testenv.FreeAddress(r.t),
			"--control-allow", "processor="+processorID, "--control-allow", "envoy="+processorID, "--control-allow", "admin="+adminID),
	})
}

// startProcessor runs a processor and its Envoy on one of the control planes.
func (r *roles) startProcessor(plane *testenv.Gateway, more ...string) *testenv.Gateway {
	r.t.Helper()
	return r.startNamed("first", plane, more...)
}

func (r *roles) startNamed(name string, plane *testenv.Gateway, more ...string) *testenv.Gateway {
	r.t.Helper()
	return testenv.Start(r.t, testenv.Options{
		Role: "processor", Env: r.counters,
		Args: append(append(r.tls("processor", processorID), "--control-address", plane.Control,
			"--proxy-address", flag(plane, "--proxy-address"), "--envoy", "--node-id", name), more...),
	})
}

// flag is the value that a process was started with.
func flag(g *testenv.Gateway, name string) string {
	args := g.Args()
	for i, a := range args {
		if a == name {
			return args[i+1]
		}
	}
	return ""
}

// ask sends a chat request with the key to an Envoy.
func (r *roles) ask(proxy string, key testenv.Key) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+proxy+chat, strings.NewReader(helloChat))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key.Secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
