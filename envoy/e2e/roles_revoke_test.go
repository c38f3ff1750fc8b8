package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

const revocations = 200

// TestRevocationReachesEveryProcessorOverTheNetwork: two control planes, each
// with a processor and its Envoy, one admin API, all processes of their own. A
// revoked key is refused by both within a second of the admin API's answer. A
// processor that hangs is named, and the answer comes all the same.
func TestRevocationReachesEveryProcessorOverTheNetwork(t *testing.T) {
	r := newRolesOnRedis(t, 2)
	first, second := r.startProcessor(r.planes[0]), r.startNamed("second", r.planes[1])
	proxies := []string{first.Proxy, second.Proxy}

	var answers, refused []time.Duration
	for range revocations {
		key := r.CreateKey([]string{r.setting}, nil)
		for _, proxy := range proxies {
			if got := r.ask(proxy, key); got != http.StatusOK {
				t.Fatalf("a new key at %s: status = %d, want 200", proxy, got)
			}
		}
		start := time.Now()
		if late := r.revoke(key); len(late) != 0 {
			t.Errorf("unacknowledged by %q", late)
		}
		answered := time.Now()
		answers = append(answers, answered.Sub(start))
		refused = append(refused, r.untilRefused(proxies, key, answered))
	}
	t.Logf("measured: %d revocations over mutual TLS to 2 processors: admin answer p50 %v, p99 %v, max %v; then refused by both p50 %v, p99 %v, max %v",
		revocations, quantile(answers, 50), quantile(answers, 99), quantile(answers, 100),
		quantile(refused, 50), quantile(refused, 99), quantile(refused, 100))
	if m := quantile(refused, 100); m > time.Second {
		t.Errorf("the slowest revocation took %v after the answer, want at most 1 s", m)
	}
	if p := quantile(refused, 99); p > 250*time.Millisecond {
		t.Errorf("p99 = %v after the answer, want at most 250 ms", p)
	}
	r.hang(t, second.PID(), "processor-second", proxies)
}

// hang stops a processor and revokes a key that it knows.
func (r *roles) hang(t *testing.T, pid int, name string, proxies []string) {
	key := r.CreateKey([]string{r.setting}, nil)
	for _, proxy := range proxies {
		if got := r.ask(proxy, key); got != http.StatusOK {
			t.Fatalf("a new key at %s: status = %d, want 200", proxy, got)
		}
	}
	testenv.Freeze(t, pid)
	start := time.Now()
	late := r.revoke(key)
	took := time.Since(start)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(late, []string{name}) {
		t.Errorf("unacknowledged = %q, want %s", late, name)
	}
	if took < 900*time.Millisecond || took > 1500*time.Millisecond {
		t.Errorf("the answer took %v, want about a second", took)
	}
	t.Logf("measured: with a stopped processor the admin answer took %v", took)
	if d := r.untilRefused(proxies, key, time.Now()); d > time.Second {
		t.Errorf("refused %v after the processor went on", d)
	}
}

// revoke returns who did not acknowledge.
func (r *roles) revoke(key testenv.Key) []string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPatch, "http://"+r.Admin+"/api/key-management/keys/"+key.ID, strings.NewReader(`{"revoked":true}`))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		r.t.Fatalf("revocation: status = %d", resp.StatusCode)
	}
	return resp.Header.Values("X-Bricks-Unacknowledged")
}

// untilRefused is how long after since all proxies refuse the key.
func (r *roles) untilRefused(proxies []string, key testenv.Key, since time.Time) time.Duration {
	var all sync.WaitGroup
	took := make([]time.Duration, len(proxies))
	for i, proxy := range proxies {
		all.Go(func() {
			for r.ask(proxy, key) != http.StatusUnauthorized && time.Since(since) < 10*time.Second {
			}
			took[i] = time.Since(since)
		})
	}
	all.Wait()
	return slices.Max(took)
}

func quantile(d []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[max(0, len(sorted)*percent/100-1)].Round(100 * time.Microsecond)
}
