package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

const (
	transcriptions = "/api/providers/openai/v1/audio/transcriptions"
	imageEdits     = "/api/providers/openai/v1/images/edits"
	images         = "/api/providers/openai/v1/images/generations"
)

func TestFormsThatAreRefused(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	narrow := e.newKey(testenv.Object{"allowedModels": []string{"gpt-4o-transcribe"}})
	users := e.newKey(testenv.Object{"requireUser": true})
	good, contentType := form("file", wav(1), "model", "whisper-1")
	twice, twiceType := form("file", wav(1), "model", "gpt-4o-transcribe", "model", "whisper-1")
	none, noneType := form("file", wav(1), "language", "en")
	large, largeType := form("file", make([]byte, 33<<20), "model", "whisper-1")
	many, manyType := form("file", wav(1), append([]string{"model", "whisper-1"}, strings.Split(strings.Repeat("x[] y ", 130), " ")[:260]...)...)
	cases := map[string]struct {
		refusalCase
		contentType string
	}{
		"cut":                  {refusalCase{body: good[:len(good)-40], status: 400, code: "invalid_request_error"}, contentType},
		"no boundary in it":    {refusalCase{body: "x", status: 400, code: "invalid_request_error"}, contentType},
		"two models":           {refusalCase{body: twice, key: narrow, status: 400, code: "invalid_request_error"}, twiceType},
		"no model":             {refusalCase{body: none, status: 400, code: "invalid_request_error"}, noneType},
		"too many parts":       {refusalCase{body: many, status: 400, code: "invalid_request_error"}, manyType},
		"a model not allowed":  {refusalCase{body: good, key: narrow, status: 403, code: "model_not_allowed"}, contentType},
		"no user":              {refusalCase{body: good, key: users, status: 400, code: "invalid_request_error"}, contentType},
		"too large":            {refusalCase{body: large, status: 413, code: "request_too_large"}, largeType},
		"JSON":                 {refusalCase{body: `{"model":"whisper-1"}`, status: 415, code: "unsupported_media_type"}, "application/json"},
		"no boundary told":     {refusalCase{body: good, status: 415, code: "unsupported_media_type"}, "multipart/form-data"},
		"another kind of form": {refusalCase{body: "model=whisper-1", status: 415, code: "unsupported_media_type"}, "application/x-www-form-urlencoded"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.path = transcriptions
			c.headers = append(c.headers, "Content-Type", c.contentType)
			e.checkRefusal(t, c.refusalCase)
		})
	}
	t.Run("a form where JSON is wanted", func(t *testing.T) {
		e.checkRefusal(t, refusalCase{path: chat, body: good, headers: []string{"Content-Type", contentType}, status: 415, code: "unsupported_media_type"})
	})
}

// TestBigFormArrives: 24 MiB, more than a JSON body may have, whole and unchanged.
func TestBigFormArrives(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	body, contentType := form("file", []byte(strings.Repeat("\x00\r\n--x", 4<<20)), "model", "whisper-1", "user", "ann")
	for _, headers := range [][]string{nil, {"Transfer-Encoding", "chunked"}} {
		e.fake.Reset()
		a := e.post(t, transcriptions, body, append(headers, "Content-Type", contentType)...)
		if a.status != http.StatusOK {
			t.Fatalf("got %v", a)
		}
		if string(e.forwarded(t).Body) != body {
			t.Error("the provider got other bytes")
		}
		if ev := e.AwaitEvent(e.key, a.eventID()); ev.UserID != "ann" || ev.Model != "whisper-1" {
			t.Errorf("event = %+v", ev)
		}
	}
}

// TestUnitsAreReserved: images and sound are bounded before they are bought.
// Three high images of gpt-image-1 are 0.50 dollars by the list.
func TestUnitsAreReserved(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	poor := e.newKey(testenv.Object{"costLimitInUsd": 0.05})
	rich := e.newKey(testenv.Object{"costLimitInUsd": 5})
	three := `{"model":"gpt-image-1","prompt":"a red fox","n":3,"quality":"high","size":"1024x1024"}`
	if a := e.post(t, images, three, bearer(poor)...); a.status != http.StatusTooManyRequests {
		t.Errorf("three dear images on 5 cents: got %v", a)
	}
	if a := e.post(t, images, three, bearer(rich)...); a.status != http.StatusOK {
		t.Errorf("three dear images on 5 dollars: got %v", a)
	}
	if a := e.post(t, images, `{"model":"gpt-image-1","prompt":"a red fox","quality":"low","size":"1024x1024"}`, bearer(poor)...); a.status != http.StatusOK {
		t.Errorf("one cheap image on 5 cents: got %v", a)
	}
	// 40 KB that are no WAV may be 53 s of speech: 0.0053 dollars. 4 MB may be 5333 s.
	for _, c := range []struct{ size, status int }{{40_000, http.StatusOK}, {4_000_000, http.StatusTooManyRequests}} {
		body, contentType := form("file", make([]byte, c.size), "model", "whisper-1")
		if a := e.post(t, transcriptions, body, append(bearer(poor), "Content-Type", contentType)...); a.status != c.status {
			t.Errorf("%d bytes of sound on 5 cents: got %v, want %d", c.size, a, c.status)
		}
	}
	speech := "/api/providers/openai/v1/audio/speech"
	if a := e.post(t, speech, `{"model":"tts-1","voice":"alloy","input":"`+strings.Repeat("word ", 4000)+`"}`, bearer(poor)...); a.status != http.StatusTooManyRequests {
		t.Errorf("20,000 characters on 5 cents: got %v", a)
	}
	if a := e.post(t, images, `{"model":"fake-unpriced","prompt":"x"}`, bearer(rich)...); a.status != http.StatusForbidden {
		t.Errorf("an image without a price on a limit: got %v", a)
	}
}

// TestWhatCannotBeBounded is refused on keys with a cost limit, unless they may.
func TestWhatCannotBeBounded(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	limited := e.newKey(testenv.Object{"costLimitInUsd": 5})
	unbounded := e.newKey(testenv.Object{"costLimitInUsd": 5, "allowUnbounded": true})
	narrow := e.newKey(testenv.Object{"allowedModels": []string{"gpt-4o-mini"}})
	const responses = "/api/providers/openai/v1/responses"
	for name, c := range map[string]struct{ path, body, price string }{
		"batch":            {"/api/providers/openai/v1/batches", managed.body, "pending"},
		"anthropic batch":  {messages + "/batches", managed.body, "pending"},
		"run":              {"/api/providers/openai/v1/threads/t/runs", `{"assistant_id":"a"}`, "pending"},
		"background":       {responses, `{"model":"gpt-4o-mini","input":"x","background":true}`, "pending"},
		"a hosted tool":    {responses, `{"model":"gpt-4o-mini","input":"x","tools":[{"type":"function","name":"f"},{"type":"web_search"}]}`, "priced"},
		"an unnamed model": {responses, `{"prompt":{"id":"p"},"input":"x","background":true}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e.checkRefusal(t, refusalCase{path: c.path, body: c.body, key: limited, status: 403, code: "cost_not_boundable"})
			if c.price == "" { // the fake wants the stored prompt's model
				return
			}
			a := e.post(t, c.path, c.body, bearer(unbounded)...)
			if ev := e.AwaitEvent(unbounded, a.eventID()); a.status != http.StatusOK || ev.PriceStatus != c.price {
				t.Errorf("got %v, event %+v", a, ev)
			}
		})
	}
	for _, body := range []string{
		`{"model":"gpt-4o-mini","input":"x","background":false}`, `{"model":"gpt-4o-mini","input":"x","tools":[{"type":"function","name":"f"}]}`,
		`{"model":"gpt-4o-mini","input":"x","previous_response_id":"r"}`,
	} {
		if a := e.post(t, responses, body, bearer(limited)...); a.status != http.StatusOK {
			t.Errorf("%s on a key with a limit: got %v", body, a)
		}
	}
	// Whose model the body does not name may be any.
	e.checkRefusal(t, refusalCase{path: "/api/providers/openai/v1/threads/t/runs", body: `{"assistant_id":"a"}`, key: narrow, status: 403, code: "model_not_allowed"})
	e.checkRefusal(t, refusalCase{path: "/api/providers/openai/v1/assistants", body: `{"model":"gpt-4o"}`, key: narrow, status: 403, code: "model_not_allowed"})
	if a := e.post(t, "/api/providers/openai/v1/threads", `{}`, bearer(narrow)...); a.status != http.StatusOK {
		t.Errorf("a call without a model: got %v", a)
	}
}
