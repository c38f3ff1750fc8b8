package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

const files = "/api/providers/openai/v1/files"

// bigForm reads as a form with a file of so many bytes.
func bigForm(size int64) (body io.Reader, contentType string) {
	small, contentType := form("file", []byte("MARK"), "purpose", "batch")
	before, after, _ := strings.Cut(small, "MARK")
	return io.MultiReader(strings.NewReader(before), io.LimitReader(letters{}, size), strings.NewReader(after)), contentType
}

// TestBigUploadNeedsLittleMemory: 100 MB go through Envoy and the gateway, with
// their length told and without, while both together grow by at most 50 MB.
func TestBigUploadNeedsLittleMemory(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	if a := e.post(t, chat, helloChat); a.status != http.StatusOK { // everything is warm
		t.Fatalf("got %v", a)
	}
	const size = 100 << 20
	for _, told := range []bool{true, false} {
		e.fake.Reset()
		body, contentType := bigForm(size)
		sent := sha256.New()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.Proxy+files, io.TeeReader(body, sent))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+e.key.Secret)
		r.Header.Set("Content-Type", contentType)
		if told {
			whole, _ := form("file", nil, "purpose", "batch")
			r.ContentLength = int64(len(whole)) + size
		}
		pids := []int{e.PID(), e.EnvoyPID()}
		before := memoryOf(t, pids, "VmRSS")
		for _, pid := range pids { // 5 sets the peak back
			if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600); err != nil {
				t.Skipf("the peak cannot be set back: %v", err)
			}
		}
		resp, err := e.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || err != nil || !strings.Contains(string(b), strconv.Itoa(size)) {
			t.Fatalf("got %d %s, %v", resp.StatusCode, b, err)
		}
		grown := memoryOf(t, pids, "VmHWM") - before
		t.Logf("measured: an upload of 100 MiB (length told: %v) made Envoy and the gateway grow by %d KiB at most", told, grown)
		if grown > 50_000 {
			t.Errorf("grew by %d KiB, want at most 50000", grown)
		}
		got := sha256.Sum256(e.forwarded(t).Body)
		if want := sent.Sum(nil); !bytes.Equal(got[:], want) {
			t.Error("the provider got other bytes")
		}
		ev := e.AwaitEvent(e.key, resp.Header.Get("X-Bricks-Event-Id"))
		if ev.Operation != "create_file" || ev.Status != 200 || ev.PriceStatus != "free" || ev.Incomplete {
			t.Errorf("event = %+v", ev)
		}
	}
}

// memoryOf sums a line of the processes' status up, in KiB.
func memoryOf(t *testing.T, pids []int, name string) (sum int) {
	t.Helper()
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Skipf("no memory figures: %v", err)
		}
		_, rest, _ := strings.Cut(string(b), name+":")
		n, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func TestUploadsThatAreRefused(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	gone := e.newKey(nil)
	e.Do(http.MethodPatch, "/api/key-management/keys/"+gone.ID, testenv.Object{"revoked": true})
	for name, c := range map[string]struct {
		key    testenv.Key
		length int64
		status int
	}{
		"revoked key": {gone, 200 << 20, http.StatusUnauthorized},
		"too large":   {e.key, 600 << 20, http.StatusRequestEntityTooLarge},
	} {
		body, contentType := bigForm(c.length)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.Proxy+files, body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = c.length
		r.Header.Set("Authorization", "Bearer "+c.key.Secret)
		r.Header.Set("Content-Type", contentType)
		start := time.Now()
		resp, err := e.client.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status || time.Since(start) > 5*time.Second {
			t.Errorf("%s: got %d after %v, want %d before the upload", name, resp.StatusCode, time.Since(start), c.status)
		}
	}
	if n := len(e.fake.Requests()); n != 0 {
		t.Errorf("the provider saw %d requests", n)
	}
}

// TestDownloadsPassUntouched: a file's bytes go by, unless the key wants them kept.
func TestDownloadsPassUntouched(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	keeping := e.newKey(testenv.Object{"shouldLogResponse": true})
	for _, key := range []testenv.Key{e.key, keeping} {
		a := e.send(t, http.MethodGet, files+"/f-1/content", "", bearer(key)...)
		if a.status != http.StatusOK || a.err != nil || !bytes.Equal(a.body, fakeprovider.Content) {
			t.Fatalf("got %d with %d bytes, %v", a.status, len(a.body), a.err)
		}
		ev := e.AwaitEvent(key, a.eventID())
		if ev.Incomplete || ev.Status != 200 || (len(ev.Response) > 0) != (key == keeping) {
			t.Errorf("event = %+v", ev)
		}
	}
	a := e.send(t, http.MethodGet, files+"/f-1/content", "", "X-Fake-Status", "401")
	if a.status != http.StatusUnauthorized || strings.Contains(string(a.body), "fake") {
		t.Errorf("a refused credential: got %v", a)
	}
}

// TestSpeechPassesUntouched: bytes that are no text, some like an event.
func TestSpeechPassesUntouched(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	a := e.post(t, "/api/providers/openai/v1/audio/speech", `{"model":"tts-1","input":"hello","voice":"alloy"}`, "X-Fake-Split", "1,3")
	if a.status != http.StatusOK || !bytes.Equal(a.body, fakeprovider.Sound) || a.header.Get("Content-Type") != "audio/mpeg" {
		t.Errorf("got %q with %v", a.body, a.header)
	}
}
