package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// checkClosed sends one call of each API and wants a 5xx in its shape, with
// nothing forwarded.
func checkClosed(t *testing.T, e *env, statuses ...int) {
	t.Helper()
	seen := len(e.fake.Requests())
	for path, body := range map[string]string{chat: helloChat, messages: helloCall, models: ""} {
		method := http.MethodPost
		if body == "" {
			method = http.MethodGet
		}
		a := e.send(t, method, path, body)
		got := decodeError(t, a)
		found := false
		for _, s := range statuses {
			found = found || s == a.status
		}
		if !found || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: got %v with %v, want one of %v and Retry-After", path, a, a.header, statuses)
		}
		if path == messages {
			if got.Type != "error" || got.Error.Type != "overloaded_error" && got.Error.Type != "api_error" {
				t.Errorf("%s: got %s, want Anthropic's shape", path, a.body)
			}
		} else if got.Error.Code == nil || *got.Error.Code != "service_unavailable" {
			t.Errorf("%s: got %s, want code service_unavailable", path, a.body)
		}
	}
	if n := len(e.fake.Requests()); n != seen {
		t.Errorf("the provider saw %d requests", n-seen)
	}
}

// TestProcessorDown runs Envoy apart, so that it outlives the processor.
func TestProcessorDown(t *testing.T) {
	e := newEnv(t, testenv.Options{Serve: true})
	if a := e.post(t, chat, helloChat); a.status != http.StatusOK {
		t.Fatalf("before: got %v", a)
	}
	t.Run("killed", func(t *testing.T) {
		e.Kill()
		checkClosed(t, e, http.StatusServiceUnavailable)
	})
	t.Run("started again", func(t *testing.T) {
		e.Restart()
		start := time.Now()
		testenv.Eventually(t, 5*time.Second, "requests are served", func() bool {
			return e.post(t, chat, helloChat).status == http.StatusOK
		})
		t.Logf("measured: serving %v after the processor was ready", time.Since(start).Round(time.Millisecond))
	})
	t.Run("stopped, not dead", func(t *testing.T) {
		testenv.Freeze(t, e.PID())
		checkClosed(t, e, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
		if err := syscall.Kill(e.PID(), syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		testenv.Eventually(t, 5*time.Second, "requests are served", func() bool {
			return e.post(t, chat, helloChat).status == http.StatusOK
		})
	})
}

// TestStoppedInMidStream: the provider talks on, but nobody meters what it says.
// The stream is cut, and its money is booked when the gateway goes on.
func TestStoppedInMidStream(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	start := time.Now()
	done := make(chan answer)
	go func() {
		a, _ := e.try(context.WithoutCancel(t.Context()), http.MethodPost, chat, `{"model":"gpt-4o-mini","stream":true,`+hello+`}`,
			"X-Fake-Words", "100000", "X-Fake-Pace", "5ms")
		done <- a
	}()
	testenv.Eventually(t, waitForEvents, "the stream runs", func() bool {
		r := e.fake.Requests()
		return len(r) == 1 && len(r[0].Answer) > 10_000
	})
	testenv.Freeze(t, e.PID())
	var a answer
	select {
	case a = <-done:
	case <-time.After(15 * time.Second):
		t.Error("the stream of a stopped gateway was not cut within 15 s")
	}
	t.Logf("measured: cut after %v", time.Since(start).Round(time.Second/10))
	if err := syscall.Kill(e.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if a.err == nil {
		t.Errorf("the stream ended without an error")
	}
	if ev := e.AwaitEvents(e.key, 1)[0]; !ev.Incomplete || !ev.Estimated || nanoOf(t, ev.Cost) < 20*outputPrice {
		t.Errorf("event = %+v, want what passed, estimated", ev)
	}
}

// TestGatewayKilled: Envoy dies with it, and the port is free.
func TestGatewayKilled(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	envoy, seen := e.EnvoyPID(), len(e.fake.Requests())
	if envoy == 0 {
		t.Fatal("no Envoy runs")
	}
	e.Kill()
	testenv.Eventually(t, 2*time.Second, "connections are refused", func() bool {
		_, err := e.try(t.Context(), http.MethodPost, chat, helloChat)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	if n := len(e.fake.Requests()); n != seen {
		t.Errorf("the provider saw %d requests", n-seen)
	}
	e.Restart()
	if a := e.post(t, chat, helloChat); a.status != http.StatusOK {
		t.Errorf("after the restart: got %v", a)
	}
}

// TestEnvoyKilled is served again within 5 s, on the same port.
func TestEnvoyKilled(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for range 2 {
		pid := e.EnvoyPID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		testenv.Eventually(t, 5*time.Second, "Envoy serves again", func() bool {
			a, err := e.try(t.Context(), http.MethodPost, chat, helloChat)
			return err == nil && a.status == http.StatusOK && e.EnvoyPID() != pid
		})
		t.Logf("measured: serving %v after the kill", time.Since(start).Round(time.Millisecond))
	}
}

// TestStopDrains: a stream in flight at SIGTERM comes to its end.
func TestStopDrains(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	done := make(chan answer)
	go func() {
		a, err := e.try(t.Context(), http.MethodPost, chat, `{"model":"gpt-4o-mini","stream":true,`+hello+`}`, "X-Fake-Hold", "drain")
		a.err = errors.Join(a.err, err)
		done <- a
	}()
	if _, err := e.fake.Await(t.Context(), func(r fakeprovider.Request) bool { return r.Header.Get("X-Fake-Hold") == "drain" }); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error)
	go func() { stopped <- e.Stop() }()
	testenv.Eventually(t, 5*time.Second, "the gateway is stopping", func() bool { return strings.Contains(e.Logs(), `"stopping"`) })
	e.fake.Release("drain")
	if a := <-done; a.err != nil || !strings.Contains(string(a.body), "[DONE]") {
		t.Errorf("got %v", a)
	}
	if err := <-stopped; err != nil {
		t.Errorf("bricks ended with %v", err)
	}
	e.Restart()
	if events := e.AwaitEvents(e.key, 1); len(events) != 1 || events[0].Incomplete || events[0].Cost != "0.0000045" {
		t.Errorf("events = %+v", events)
	}
}

// TestDataSurvivesARestart: keys, settings and events.
func TestDataSurvivesARestart(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	a := e.post(t, chat, helloChat)
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	e.Restart()
	if b := e.post(t, messages, helloCall); b.status != http.StatusOK {
		t.Errorf("got %v", b)
	}
	if ev := e.AwaitEvent(e.key, a.eventID()); ev.Cost != "0.0000045" {
		t.Errorf("event = %+v", ev)
	}
}
