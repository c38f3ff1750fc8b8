package e2e

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

func (r *roles) ready(p *testenv.Gateway) int {
	r.t.Helper()
	resp, err := r.client.Get("http://" + p.Metrics + "/readyz")
	if err != nil {
		r.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (r *roles) countEvents(key testenv.Key) int {
	r.t.Helper()
	return len(r.Events(url.Values{"keyIds": {key.ID}}))
}

// TestControlPlaneAway: known keys are served and their events wait in the
// spool, unknown ones get 503, the processor stays ready, and the admin API says
// who is missing. When the control plane is back, all of it is made good.
func TestControlPlaneAway(t *testing.T) {
	r := newRoles(t, 1)
	plane := r.planes[0]
	p := r.startProcessor(plane)
	known, revoked := r.CreateKey([]string{r.setting}, nil), r.CreateKey([]string{r.setting}, nil)
	for _, key := range []testenv.Key{known, revoked} {
		if got := r.ask(p.Proxy, key); got != http.StatusOK {
			t.Fatalf("status = %d, want 200", got)
		}
	}
	r.AwaitEvents(known, 1)
	plane.Kill()

	const requests = 50
	for i := range requests {
		if got := r.ask(p.Proxy, known); got != http.StatusOK {
			t.Fatalf("request %d of a known key without a control plane: status = %d, want 200", i, got)
		}
	}
	late := r.revoke(revoked)
	if want := []string{"control plane " + plane.Control}; !slices.Equal(late, want) {
		t.Errorf("unacknowledged = %q, want %q", late, want)
	}
	unknown := r.CreateKey([]string{r.setting}, nil)
	for _, key := range []testenv.Key{unknown, {Secret: "never-made-by-anybody"}} {
		if got := r.ask(p.Proxy, key); got != http.StatusServiceUnavailable {
			t.Errorf("an unknown key without a control plane: status = %d, want 503", got)
		}
	}
	if got := r.ready(p); got != http.StatusOK {
		t.Errorf("/readyz = %d while known keys are served, want 200", got)
	}
	if n := r.countEvents(known); n != 1 {
		t.Errorf("%d events reached the store without a control plane", n)
	}

	plane.Restart()
	testenv.Eventually(t, 5*time.Second, "what was missed is in force", func() bool {
		return r.ask(p.Proxy, revoked) == http.StatusUnauthorized && r.ask(p.Proxy, unknown) == http.StatusOK
	})
	if events := r.AwaitEvents(known, requests+1); len(events) != requests+1 {
		t.Errorf("%d events, want %d", len(events), requests+1)
	}
}

// TestALostProcessorIsNamed: one that was killed may be serving for all that its
// control plane knows. It is named, without a wait, until it is back; one that
// stopped in order is not.
func TestALostProcessorIsNamed(t *testing.T) {
	r := newRoles(t, 1)
	p := r.startProcessor(r.planes[0])
	used := func() testenv.Key {
		key := r.CreateKey([]string{r.setting}, nil)
		if got := r.ask(p.Proxy, key); got != http.StatusOK {
			t.Fatalf("status = %d, want 200", got)
		}
		return key
	}
	killed, stopped := used(), used()
	p.Kill()
	if late := r.revoke(killed); !slices.Equal(late, []string{"processor-first"}) {
		t.Errorf("unacknowledged = %q, want the killed processor", late)
	}
	p.Restart()
	if got := r.ask(p.Proxy, killed); got != http.StatusUnauthorized {
		t.Errorf("after the restart: status = %d, want 401", got)
	}
	if got := r.ask(p.Proxy, stopped); got != http.StatusOK {
		t.Fatalf("status = %d, want 200", got)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if late := r.revoke(stopped); len(late) != 0 {
		t.Errorf("unacknowledged = %q after an orderly stop", late)
	}
}

// TestProcessorKilledUnderLoad: as TestKilledUnderLoad, with the store in another
// process, at the other end of a network.
func TestProcessorKilledUnderLoad(t *testing.T) {
	r := newRoles(t, 1)
	p := r.startProcessor(r.planes[0])
	p.Admin = r.Admin
	e := &env{Gateway: p, fake: r.fake, client: r.client, key: r.CreateKey([]string{r.setting}, nil)}
	e.killUnderLoad(t, func() { p.Restart(); p.Admin = r.Admin })
}

// TestASecondCountingProcessorIsRefused, at the same control plane and at
// another one on the same database. When the first one is gone it may start.
func TestASecondCountingProcessorIsRefused(t *testing.T) {
	r := newRoles(t, 2)
	p := r.startProcessor(r.planes[0])
	dir, err := os.MkdirTemp("", "bricks-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	second := func(ctx context.Context, plane *testenv.Gateway) (string, error) {
		args := append(r.tls("second", processorID), "processor", "--data-dir", dir, "--control-address", plane.Control, "--metrics-address=127.0.0.1:0")
		cmd := exec.CommandContext(ctx, testenv.Build(t, "./cmd/bricks"), args...)
		cmd.Env = []string{}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for i, plane := range r.planes {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		out, err := second(ctx, plane)
		if err == nil || ctx.Err() != nil || !strings.Contains(out, "REDIS_URL") {
			t.Errorf("at control plane %d: %v, want an end that names REDIS_URL:\n%s", i, err, out)
		}
		cancel()
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ran := make(chan struct{})
	go func() { defer close(ran); _, _ = second(ctx, r.planes[1]) }()
	testenv.Eventually(t, 10*time.Second, "the second one starts", func() bool {
		_, err := os.Stat(filepath.Join(dir, "run", "bootstrap.json"))
		return err == nil
	})
	cancel()
	<-ran
}

// TestCertificatesRotateUnderLoad replaces every certificate while requests run,
// and makes each connection anew: none fails, and Envoy shows the new one.
func TestCertificatesRotateUnderLoad(t *testing.T) {
	r := newRoles(t, 1)
	p := r.startProcessor(r.planes[0], "--processor-address", "127.0.0.1:0", "--control-allow", "envoy="+processorID)
	key := r.CreateKey([]string{r.setting}, nil)
	ctx, stop := context.WithCancel(t.Context())
	failed := make(chan int, 1)
	go func() {
		defer close(failed)
		for ctx.Err() == nil {
			if got := r.ask(p.Proxy, key); got != http.StatusOK {
				failed <- got
				return
			}
		}
	}()
	before := r.certificates(p)
	for name, identity := range map[string]string{"controlplane": controlID, "processor": processorID, "admin": adminID} {
		r.ca.Issue(name, identity)
	}
	testenv.Eventually(t, waitForEvents, "Envoy has the new certificate", func() bool { return r.certificates(p) != before })
	r.planes[0].Kill() // every connection to it breaks
	r.planes[0].Restart()
	fresh := r.CreateKey([]string{r.setting}, nil)
	testenv.Eventually(t, 5*time.Second, "the processor is connected again", func() bool { return r.ask(p.Proxy, fresh) == http.StatusOK })
	if late := r.revoke(fresh); len(late) != 0 {
		t.Errorf("unacknowledged = %q after the rotation", late)
	}
	stop()
	if got, bad := <-failed; bad {
		t.Errorf("a request failed with %d during the rotation", got)
	}
}

// certificates is what Envoy says of those it uses.
func (r *roles) certificates(p *testenv.Gateway) string {
	r.t.Helper()
	resp, err := r.client.Get("http://" + p.EnvoyAdmin() + "/certs")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var serials []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "serial_number") {
			serials = append(serials, strings.TrimSpace(line))
		}
	}
	return strings.Join(serials, " ")
}
