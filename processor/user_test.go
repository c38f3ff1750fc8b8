package processor_test

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/processor"
)

const spikesChat = `{"model":"gpt-4o","user":"spike","messages":[]}`

func TestUsersAreHeldToWhatTheyMay(t *testing.T) {
	paths := []gateway.PathRule{{Path: "/api/providers/openai/v1/embeddings", Method: "POST"}}
	for name, c := range map[string]struct {
		users  []*gateway.User
		err    error
		body   string
		status int // 0: forwarded
		code   string
	}{
		"no user":             {body: spikesChat},
		"a user without more": {users: []*gateway.User{{ID: "u", UserID: "spike"}}, body: spikesChat},
		"revoked":             {users: []*gateway.User{{ID: "u", Revoked: true}}, body: spikesChat, status: 403, code: "user_not_allowed"},
		"expired":             {users: []*gateway.User{{ID: "u", ExpiresAt: time.Now().Add(-time.Second)}}, body: spikesChat, status: 403, code: "user_not_allowed"},
		"expires later":       {users: []*gateway.User{{ID: "u", ExpiresAt: time.Now().Add(time.Hour)}}, body: spikesChat},
		"one of two revoked":  {users: []*gateway.User{{ID: "u"}, {ID: "v", Revoked: true}}, body: spikesChat, status: 403, code: "user_not_allowed"},
		"path":                {users: []*gateway.User{{ID: "u"}, {ID: "v", AllowedPaths: paths}}, body: spikesChat, status: 403, code: "path_not_allowed"},
		"model":               {users: []*gateway.User{{ID: "u", AllowedModels: []string{"gpt-4o"}}, {ID: "v", AllowedModels: []string{"gpt-4"}}}, body: spikesChat, status: 403, code: "model_not_allowed"},
		"both models":         {users: []*gateway.User{{ID: "u", AllowedModels: []string{"gpt-4o"}}, {ID: "v", AllowedModels: []string{"x", "gpt-4o"}}}, body: spikesChat},
		"too many match":      {err: &gateway.Error{Kind: gateway.Forbidden, Message: "too many"}, body: spikesChat, status: 403, code: "user_not_allowed"},
		"cannot be known":     {err: &gateway.Error{Kind: gateway.Unavailable, Message: "away"}, body: spikesChat, status: 503, code: "service_unavailable"},
		"another fault":       {err: errors.New("broken"), body: spikesChat, status: 503, code: "service_unavailable"},
		"someone else":        {users: []*gateway.User{{ID: "u", Revoked: true}}, body: `{"model":"gpt-4o","user":"faye","messages":[]}`},
		"nobody":              {users: []*gateway.User{{ID: "u", Revoked: true}}, err: nil, body: chat},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.users, w.userErr = map[string][]*gateway.User{"spike": c.users}, c.err
			answers, err := process(w, io.EOF, chatHeaders(), requestBody(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.status == 0 {
				if !holds(answers) {
					t.Errorf("refused: %v", answers)
				}
				return
			}
			status, body := refusal(t, answers)
			if status != c.status || !strings.Contains(body, c.code) || holds(answers) {
				t.Errorf("got %d %s, want %d %s", status, body, c.status, c.code)
			}
			if c.status == 403 && !strings.Contains(body, `spike`) && c.users != nil && c.users[0].UserID != "" {
				t.Errorf("%s does not name the user", body)
			}
			if len(w.finals) != 1 || w.finals[0].UserID != "spike" || w.finals[0].RefusalCode != c.code {
				t.Errorf("events = %+v", w.finals)
			}
		})
	}
}

// The header is enough to know the user: nobody waits for an upload that will
// be refused, and a body that names someone else is no way around.
func TestAUserOfTheHeaderIsRefusedBeforeTheBody(t *testing.T) {
	w := newWorld()
	w.users = map[string][]*gateway.User{"spike": {{ID: "u", Revoked: true}}}
	answers, _ := process(w, io.EOF, chatHeaders("x-user-id", "spike"))
	if status, body := refusal(t, answers); status != 403 || !strings.Contains(body, `user \"spike\" is revoked`) {
		t.Errorf("got %d %s", status, body)
	}
	answers, _ = process(w, io.EOF, chatHeaders("x-user-id", "faye"), requestBody(spikesChat))
	if status, body := refusal(t, answers); status != 400 || holds(answers) {
		t.Errorf("header and body differ: got %d %s", status, body)
	}
	models := []string{":method", "GET", ":path", "/api/providers/openai/v1/models", "x-api-key", bricksKey}
	answers, _ = process(w, io.EOF, requestHeaders(true, append(models, "x-user-id", "spike")...))
	if status, _ := refusal(t, answers); status != 403 {
		t.Errorf("a request without a body: got %d, want 403", status)
	}
}

func TestAKeyThatRequiresAUser(t *testing.T) {
	w := newWorld()
	w.keys[secrets.HashKey(bricksKey)].RequireUser = true
	models := []string{":method", "GET", ":path", "/api/providers/openai/v1/models", "x-api-key", bricksKey}
	for name, c := range map[string]struct {
		messages []*extprocv3.ProcessingRequest
		passes   bool
	}{
		"none":                       {[]*extprocv3.ProcessingRequest{chatHeaders(), requestBody(chat)}, false},
		"an empty one":               {[]*extprocv3.ProcessingRequest{chatHeaders("x-user-id", ""), requestBody(`{"model":"gpt-4o","user":"","messages":[]}`)}, false},
		"in the body":                {[]*extprocv3.ProcessingRequest{chatHeaders(), requestBody(spikesChat)}, true},
		"in the header":              {[]*extprocv3.ProcessingRequest{chatHeaders("x-user-id", "spike"), requestBody(chat)}, true},
		"in both":                    {[]*extprocv3.ProcessingRequest{chatHeaders("x-user-id", "spike"), requestBody(spikesChat)}, true},
		"none, and no body":          {[]*extprocv3.ProcessingRequest{requestHeaders(true, models...)}, false},
		"in the header, and no body": {[]*extprocv3.ProcessingRequest{requestHeaders(true, append(models, "x-user-id", "spike")...)}, true},
	} {
		answers, err := process(w, io.EOF, c.messages...)
		if err != nil || holds(answers) != c.passes {
			t.Errorf("%s: passes %v, want %v: %v %v", name, holds(answers), c.passes, answers, err)
			continue
		}
		if !c.passes {
			if status, body := refusal(t, answers); status != 400 || !strings.Contains(body, "requires a user") {
				t.Errorf("%s: got %d %s", name, status, body)
			}
		}
	}
}

// Whom an event is charged to is in the intent already: it must survive a crash.
func TestEventsAreChargedToTheUsers(t *testing.T) {
	limits := gateway.Limits{CostLimit: gateway.USD}
	for name, c := range map[string]struct {
		users    []*gateway.User
		defaults gateway.Limits
		body     string
		want     []gateway.AccountID
	}{
		"two users, sorted":                {[]*gateway.User{{ID: "v"}, {ID: "u"}}, limits, spikesChat, []gateway.AccountID{"user:u", "user:v"}},
		"nobody known":                     {nil, gateway.Limits{}, spikesChat, nil},
		"nobody known, with default":       {nil, limits, spikesChat, []gateway.AccountID{"default:key:spike"}},
		"no name":                          {nil, limits, chat, nil},
		"a user without limits of its own": {[]*gateway.User{{ID: "u"}}, limits, spikesChat, []gateway.AccountID{"user:u"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.users = map[string][]*gateway.User{"spike": c.users}
			s := processor.New(processor.Options{
				Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Logger: slog.New(slog.DiscardHandler), DefaultUser: c.defaults,
			})
			if err := s.Process(&envoy{messages: []*extprocv3.ProcessingRequest{chatHeaders(), requestBody(c.body)}, end: io.EOF}); err != nil {
				t.Fatal(err)
			}
			for _, events := range [][]gateway.Event{w.intents, w.finals} {
				if len(events) != 1 {
					t.Fatalf("%d events", len(events))
				}
				if diff := cmp.Diff(c.want, events[0].Accounts, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("accounts (-want +got):\n%s", diff)
				}
			}
		})
	}
}
