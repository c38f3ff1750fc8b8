package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestEventsAddUpToTheProvidersBill: under load, what the fake bills is what the
// events say, token for token.
func TestEventsAddUpToTheProvidersBill(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	const workers, each = 16, 20
	var load sync.WaitGroup
	for worker := range workers {
		load.Go(func() {
			for i := range each {
				path, body := chat, fmt.Sprintf(`{"model":"gpt-4o-mini","n":%d,"stream":%t,%s}`, 1+i%3, i%2 == 0, hello)
				if worker%4 == 0 {
					path, body = messages, fmt.Sprintf(`{"model":"claude-haiku-4-5","max_tokens":64,"stream":%t,%s}`, i%2 == 0, hello)
				}
				a, err := e.try(t.Context(), http.MethodPost, path, body, "X-Fake-Words", fmt.Sprint(1+(worker+i)%20), "X-Fake-Cached-Tokens", fmt.Sprint(i%4))
				if err != nil || a.status != http.StatusOK || a.err != nil {
					t.Errorf("got %v, %v", a, err)
				}
			}
		})
	}
	load.Wait()
	got := map[string]fakeprovider.Usage{}
	for _, ev := range e.AwaitEvents(e.key, workers*each) {
		u := got[ev.Model]
		u.Model = ev.Model
		u.InputTokens += ev.InputTokens
		u.CachedTokens += ev.CachedTokens
		u.OutputTokens += ev.OutputTokens
		got[ev.Model] = u
		if ev.Estimated || ev.Incomplete {
			t.Errorf("event = %+v", ev)
		}
	}
	for model, bill := range e.fake.Bill() {
		if got[model] != bill {
			t.Errorf("events: %+v, bill: %+v", got[model], bill)
		}
	}
}

// TestManyRefusals: above ten a second, one event stands for several, and none
// is lost.
func TestManyRefusals(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	key := e.newKey(testenv.Object{"allowedModels": []string{"none"}})
	const n = 100
	for range n {
		if a := e.post(t, chat, helloChat, bearer(key)...); a.status != http.StatusForbidden {
			t.Fatalf("got %v", a)
		}
	}
	count := func() (total, events int) {
		for _, ev := range e.Events(map[string][]string{"keyIds": {key.ID}}) {
			total, events = total+ev.RefusedCount, events+1
		}
		return total, events
	}
	testenv.Eventually(t, waitForEvents, "all refusals are counted", func() bool { total, _ := count(); return total >= n })
	if total, events := count(); total != n || events >= n {
		t.Errorf("%d refusals in %d events, want %d in fewer", total, events, n)
	}
}

// TestParallelRequests: a key's limit of requests at a time.
func TestParallelRequests(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	key := e.newKey(testenv.Object{"maxParallelRequests": 2})
	done := make(chan answer)
	for i := range 2 {
		go func() {
			a, _ := e.try(t.Context(), http.MethodPost, chat, helloChat, append(bearer(key), "X-Fake-Hold", "parallel")...)
			done <- a
		}()
		if _, err := e.fake.Await(t.Context(), func(fakeprovider.Request) bool { return len(e.fake.Requests()) > i }); err != nil {
			t.Fatal(err)
		}
	}
	e.checkRefusal(t, refusalCase{path: chat, body: helloChat, key: key, status: 429, code: "rate_limit_exceeded"})
	e.fake.Release("parallel")
	for range 2 {
		if a := <-done; a.status != http.StatusOK {
			t.Errorf("got %v", a)
		}
	}
	testenv.Eventually(t, waitForEvents, "a place is free again", func() bool {
		return e.post(t, chat, helloChat, bearer(key)...).status == http.StatusOK
	})
}

// TestHTTP2: the same by HTTP/2, where a body without a length can be larger
// than Envoy's buffer.
func TestHTTP2(t *testing.T) {
	checked := newEnv(t, testenv.Options{})
	transport := &http.Transport{DisableCompression: true, Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	e := *checked // the admin API and the metrics speak HTTP/1.1
	e.client = &http.Client{Transport: transport}
	for _, stream := range []string{"true", "false"} {
		if a := e.post(t, chat, `{"model":"gpt-4o-mini","stream":`+stream+`,`+hello+`}`); a.status != http.StatusOK || a.err != nil {
			t.Errorf("got %v", a)
		}
	}
	for _, megabytes := range []int{11, 24} {
		e.fake.Reset()
		body := io.MultiReader(strings.NewReader(`{"model":"gpt-4o-mini",`+hello+`,"x":"`), io.LimitReader(letters{}, int64(megabytes)<<20), strings.NewReader(`"}`))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.Proxy+chat, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+e.key.Secret)
		r.Header.Set("Content-Type", "application/json")
		resp, err := e.client.Do(r)
		if err != nil {
			t.Fatalf("%d MiB: %v", megabytes, err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(b), "request_too_large") {
			t.Errorf("%d MiB: got %d %s", megabytes, resp.StatusCode, b)
		}
		if n := len(e.fake.Requests()); n != 0 {
			t.Errorf("%d MiB: the provider saw %d requests", megabytes, n)
		}
	}
}

// letters reads as an endless run of one letter.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}
