package e2e

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// customSizes names how many custom providers TestManyCustomProviders makes, for
// instance 10,1000,10000.
const customSizes = "BRICKS_TEST_CUSTOM_PROVIDERS"

// TestManyCustomProviders: neither Envoy's memory nor a change's time grows with
// the custom providers that there are.
func TestManyCustomProviders(t *testing.T) {
	p := startOwn(t, "bearer")
	e := newEnv(t, testenv.Options{AllowUpstream: []string{p.address()}})
	id, key := e.own(t, "own", p, nil)
	sizes := "10,300"
	if s := os.Getenv(customSizes); s != "" {
		sizes = s
	}
	made, first := 1, int64(0)
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		e.addCustoms(t, made, n)
		created := time.Since(start)
		var changes, uses []time.Duration
		for i := range 20 {
			routes := ownRoutes(p.address())
			routes[0]["stream_max_empty_messages"] = 20 + i
			start := time.Now()
			if late := e.Do(http.MethodPatch, "/api/custom/providers/"+id, testenv.Object{"route_configs": routes})["unacknowledged"]; late != nil {
				t.Errorf("not acknowledged by %v", late)
			}
			changes = append(changes, time.Since(start))
			start = time.Now()
			if a := e.post(t, ownPath("own"), talk("big", false), bearer(key)...); a.status != http.StatusOK {
				t.Errorf("got %v", a)
			}
			uses = append(uses, time.Since(start))
		}
		kib := residentKiB(t, e.EnvoyPID())
		t.Logf("measured: %d custom providers (made in %v): a change takes %v, a request %v (medians of 20); Envoy has %d MiB, the gateway %d MiB",
			n, created.Round(time.Millisecond), middle(changes), middle(uses), kib>>10, residentKiB(t, e.PID())>>10)
		if first == 0 {
			first = kib
		}
		// A TLS cluster takes some 300 KiB: with all of them Envoy would be past this.
		if kib > first+32<<10 {
			t.Errorf("Envoy grew from %d to %d KiB", first, kib)
		}
		made = n
	}
	if n := strings.Count(e.clusters(t), "::observability_name::custom/"); n != 1 {
		t.Errorf("Envoy has %d clusters of custom providers, want the one in use", n)
	}
}

// addCustoms makes custom providers, each with an origin of its own.
func (e *env) addCustoms(t *testing.T, from, to int) {
	t.Helper()
	var wg sync.WaitGroup
	next := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range next {
				routes := ownRoutes("x")
				routes[0]["target_url"] = fmt.Sprintf("https://host-%d.example.com/v2/generate", i)
				if status, b := e.Call(http.MethodPost, "/api/custom/providers", testenv.Object{"provider": fmt.Sprint("many-", i), "route_configs": routes}); status != http.StatusOK {
					t.Errorf("got %d %s", status, b)
				}
			}
		})
	}
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

func middle(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2].Round(10 * time.Microsecond)
}

// residentKiB is a process's resident memory.
func residentKiB(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("no /proc to read memory from")
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
