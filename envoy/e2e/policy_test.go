package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// Values that policies of these tests find. None of them may be left anywhere:
// the env looks for them in what the provider gets, and in all that is kept.
const (
	mailValue = "grace.hopper@example.com"
	cardValue = "4111 1111 1111 1111"
	ssnValue  = "536-22-8791"
)

// And values that the provider's answers have.
const (
	saidMail = "alan.turing@example.org"
	saidSSN  = "457-55-5462"
)

// policyEnv is a gateway whose keys have policies.
type policyEnv struct{ *env }

func newPolicyEnv(t *testing.T, o testenv.Options) *policyEnv {
	e := &policyEnv{newEnv(t, o)}
	for _, value := range []string{mailValue, cardValue, ssnValue} {
		e.fake.Forbid(value)
	}
	e.secrets = append(e.secrets, mailValue, cardValue, ssnValue, saidMail, saidSSN)
	return e
}

// policy makes a policy and returns its id.
func (e *policyEnv) policy(more testenv.Object) string {
	body := testenv.Object{"name": "test", "tags": []string{"test"}}
	maps.Copy(body, more)
	id, _ := e.Do(http.MethodPost, "/api/policies", body)["id"].(string)
	return id
}

// under makes a key under a policy.
func (e *policyEnv) under(policy testenv.Object, more testenv.Object) testenv.Key {
	body := testenv.Object{"policyId": e.policy(policy), "shouldLogRequest": true, "shouldLogResponse": true}
	maps.Copy(body, more)
	return e.newKey(body)
}

func rules(action string) testenv.Object {
	return testenv.Object{"config": testenv.Object{"rules": testenv.Object{"all": action}}}
}

func with(o testenv.Object, more testenv.Object) testenv.Object {
	o = maps.Clone(o)
	maps.Copy(o, more)
	return o
}

// say is a chat whose user says text.
func say(text string) string {
	return `{"model":"gpt-4o-mini","messages":[{"role":"user","content":` + quoteJSON(text) + `}]}`
}

func quoteJSON(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// content is what an answer or a stream says.
func content(a answer) string {
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") {
		for _, path := range []string{"choices.0.message.content", "content.0.text", "output.0.content.0.text", "choices.0.text"} {
			if r := gjson.GetBytes(a.body, path); r.Exists() {
				return r.String()
			}
		}
		return ""
	}
	var out strings.Builder
	for line := range strings.Lines(string(a.body)) {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		for _, path := range []string{"choices.0.delta.content", "delta.text", "choices.0.text", "delta"} {
			if r := gjson.Get(data, path); r.Type == gjson.String {
				out.WriteString(r.String())
				break
			}
		}
	}
	return out.String()
}

func TestPolicies(t *testing.T) {
	e := newPolicyEnv(t, testenv.Options{})
	for name, test := range map[string]func(*testing.T, *policyEnv){
		"what is redacted reaches nobody":              policyRedacts,
		"what is blocked goes nowhere":                 policyBlocks,
		"what is warned of is counted":                 policyWarns,
		"every way to send a text":                     policyEndpoints,
		"every way to spell a value":                   policySpellings,
		"what cannot be looked at is refused":          policyUnseen,
		"an answer is looked at, too":                  policyAnswers,
		"what was redacted comes back":                 policyRestores,
		"a blocked answer does not arrive":             policyBlocksAnswers,
		"a detector that is not there lets none pass":  policyWithoutDetector,
		"a changed policy applies at once":             policyChanges,
		"a policy in use cannot be deleted":            policyInUse,
		"a route keeps what its policy has left":       policyCache,
		"a custom provider's texts are looked at, too": policyCustom,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
	}
}

func policyRedacts(t *testing.T, e *policyEnv) {
	key := e.under(rules("allow_but_redact"), nil)
	a := e.post(t, chat, say("My card is "+cardValue+", write to "+mailValue+" please"), bearer(key)...)
	if got, want := content(a), "You said: My card is [CREDIT_DEBIT_NUMBER], write to [EMAIL] please"; a.status != 200 || got != want {
		t.Fatalf("%v: %q, want %q", a, got, want)
	}
	event := e.AwaitEvent(key, a.eventID())
	if want := map[string]int64{"credit_debit_number": 1, "email": 1}; event.Action != "redacted" || !maps.Equal(event.Findings, want) || event.PolicyID == "" {
		t.Errorf("event: %s %v of %q", event.Action, event.Findings, event.PolicyID)
	}
	if !strings.Contains(string(event.Request), "[EMAIL]") {
		t.Errorf("kept with the event: %s", event.Request)
	}
}

func policyBlocks(t *testing.T, e *policyEnv) {
	key := e.under(testenv.Object{"config": testenv.Object{"rules": testenv.Object{"ssn": "block", "email": "allow_but_redact"}}}, nil)
	before := len(e.fake.Requests())
	a := e.post(t, chat, say("SSN "+ssnValue+", mail "+mailValue), bearer(key)...)
	message := gjson.GetBytes(a.body, "error.message").String()
	if a.status != 403 || gjson.GetBytes(a.body, "error.code").String() != "content_policy_violation" || !strings.Contains(message, "ssn") || strings.Contains(message, "email") {
		t.Fatalf("%v", a)
	}
	if n := len(e.fake.Requests()) - before; n != 0 {
		t.Errorf("the provider was called %d times", n)
	}
	event := e.AwaitEvent(key, a.eventID())
	if want := map[string]int64{"ssn": 1, "email": 1}; event.Action != "blocked" || !maps.Equal(event.Findings, want) || event.Status != 403 || event.Cost != "0" {
		t.Errorf("event: %+v", event)
	}
	a = e.post(t, messages, `{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"SSN `+ssnValue+`"}]}`, bearer(key)...)
	if a.status != 403 || gjson.GetBytes(a.body, "type").String() != "error" {
		t.Errorf("in Anthropic's words: %v", a)
	}
}

func policyWarns(t *testing.T, e *policyEnv) {
	key := e.under(rules("allow_but_warn"), testenv.Object{"shouldLogRequest": false, "shouldLogResponse": false})
	a := e.post(t, chat, say("ask ada.lovelace@example.org"), bearer(key)...)
	if got := content(a); got != "You said: ask ada.lovelace@example.org" {
		t.Fatalf("%v", a)
	}
	if event := e.AwaitEvent(key, a.eventID()); event.Action != "warned" || event.Findings["email"] != 1 {
		t.Errorf("event: %s %v", event.Action, event.Findings)
	}
}

// policyEndpoints sends a value by each endpoint that takes text; the env sees
// whether it reaches the provider.
func policyEndpoints(t *testing.T, e *policyEnv) {
	key := e.under(rules("allow_but_redact"), nil)
	const text = `"write to ` + mailValue + `"`
	for name, c := range map[string]struct{ path, body string }{
		"parts":           {chat, `{"model":"gpt-4o-mini","messages":[{"role":"system","content":` + text + `},{"role":"user","content":[{"type":"text","text":` + text + `}]}]}`},
		"a tool's result": {chat, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"to\":\"` + mailValue + `\"}"}}]},{"role":"tool","tool_call_id":"c","content":` + text + `}]}`},
		"responses":       {"/api/providers/openai/v1/responses", `{"model":"gpt-4o-mini","instructions":` + text + `,"input":` + text + `}`},
		"embeddings":      {embeddings, `{"model":"text-embedding-3-small","input":[` + text + `,"x"]}`},
		"completions":     {"/api/providers/openai/v1/completions", `{"model":"gpt-3.5-turbo-instruct","prompt":` + text + `}`},
		"Anthropic":       {messages, `{"model":"claude-haiku-4-5","max_tokens":64,"system":` + text + `,"messages":[{"role":"user","content":` + text + `}]}`},
		"moderations":     {"/api/providers/openai/v1/moderations", `{"input":` + text + `}`},
	} {
		a := e.post(t, c.path, c.body, bearer(key)...)
		if a.status != 200 {
			t.Errorf("%s: %v", name, a)
		} else if event := e.AwaitEvent(key, a.eventID()); event.Action != "redacted" || event.Findings["email"] == 0 {
			t.Errorf("%s: event %s %v", name, event.Action, event.Findings)
		}
	}
}

func policySpellings(t *testing.T, e *policyEnv) {
	key := e.under(rules("allow_but_redact"), nil)
	for name, text := range map[string]string{
		"escapes":      `"\u0067race.hopper\u0040example.com"`,
		"full width":   `"ｇｒａｃｅ.ｈｏｐｐｅｒ＠ｅｘａｍｐｌｅ.ｃｏｍ"`,
		"zero width":   "\"gr\u200bace.hop\u200dper@exam\ufeffple.com\"",
		"a card":       `"card ４１１１-１１１１-１１１１-１１１１"`,
		"hyphens":      "\"card 4111\u20111111\u20111111\u20111111\"",
		"no blanks":    `"card 4111111111111111"`,
		"JSON in text": `"{\"content\":\"to \\u0067race.hopper@example.com\"}"`,
	} {
		a := e.post(t, chat, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":`+text+`}]}`, bearer(key)...)
		got := content(a)
		if a.status != 200 || !strings.Contains(got, "[EMAIL]") && !strings.Contains(got, "[CREDIT_DEBIT_NUMBER]") {
			t.Errorf("%s: %d %q", name, a.status, got)
		}
	}
}

func policyUnseen(t *testing.T, e *policyEnv) {
	key := e.under(rules("allow_but_redact"), nil)
	before := len(e.fake.Requests())
	refused := func(name string, a answer) {
		t.Helper()
		if code := gjson.GetBytes(a.body, "error.code").String(); a.status < 400 || code != "content_policy_violation" && code != "unsupported_media_type" {
			t.Errorf("%s: %v", name, a)
		}
	}
	refused("gzip", e.post(t, chat, say("x"), append(bearer(key), "Content-Encoding", "gzip")...))
	refused("another type", e.post(t, chat, say("x"), append(bearer(key), "Content-Type", "text/plain")...))
	refused("an upload", e.post(t, "/api/providers/openai/v1/files", "x", append(bearer(key), "Content-Type", "multipart/form-data; boundary=x")...))
	refused("a file", e.post(t, chat, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}`, bearer(key)...))
	refused("a batch", e.post(t, "/api/providers/openai/v1/batches", `{"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h"}`, bearer(key)...))
	if n := len(e.fake.Requests()) - before; n != 0 {
		t.Errorf("the provider was called %d times", n)
	}
}

func policyAnswers(t *testing.T, e *policyEnv) {
	key := e.under(with(rules("allow_but_redact"), testenv.Object{"applyToResponse": true}), nil)
	said := "Write to " + saidMail + ", it is " + saidSSN + " she said."
	want := "You said: Write to [EMAIL], it is [SSN] she said."
	for _, api := range []struct{ path, body string }{
		{chat, `{"model":"gpt-4o-mini",` + hello + `,"stream":`},
		{messages, `{"model":"claude-haiku-4-5","max_tokens":256,` + hello + `,"stream":`},
		{"/api/providers/openai/v1/responses", `{"model":"gpt-4o-mini","input":"hi","stream":`},
		{"/api/providers/openai/v1/completions", `{"model":"gpt-3.5-turbo-instruct","max_tokens":256,"prompt":"hi","stream":`},
	} {
		for _, stream := range []string{"false}", "true}"} {
			for _, extra := range [][]string{nil, {"X-Fake-Letters", "yes"}, {"X-Fake-Letters", "yes", "X-Fake-Split", "1,3,50,2"}, {"X-Fake-Newline", "crlf"}} {
				if extra != nil && stream == "false}" {
					continue
				}
				a := e.post(t, api.path, api.body+stream, append(append(bearer(key), "X-Fake-Say", said), extra...)...)
				got := content(a)
				if a.status != 200 || a.err != nil || got != want || strings.Contains(string(a.body), saidMail) || strings.Contains(string(a.body), saidSSN) {
					t.Errorf("%s stream %s %v: %d %q\n%s", api.path, stream, extra, a.status, got, a.body)
					continue
				}
				event := e.AwaitEvent(key, a.eventID())
				if event.Action != "redacted" || event.Findings["email"] == 0 || event.Cost == "0" || event.OutputTokens == 0 || event.Estimated || event.Incomplete {
					t.Errorf("%s: event %+v", api.path, event)
				}
			}
		}
	}
	tool := `,"tools":[{"type":"function","function":{"name":"send","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],"stream":`
	for _, stream := range []string{"false}", "true}"} {
		a := e.post(t, chat, `{"model":"gpt-4o-mini",`+hello+tool+stream, append(bearer(key), "X-Fake-Say", said)...)
		if a.status != 200 || strings.Contains(string(a.body), saidMail) || !strings.Contains(string(a.body), `[EMAIL]`) {
			t.Errorf("a tool's arguments, stream %s: %v", stream, a)
		}
	}
}

func policyRestores(t *testing.T, e *policyEnv) {
	policy := with(rules("allow_but_redact"), testenv.Object{"restoreInResponse": true})
	key := e.under(policy, nil)
	text := "Write to " + mailValue + " about " + ssnValue + "."
	for _, body := range []string{say(text), strings.Replace(say(text), "{", `{"stream":true,`, 1)} {
		for _, extra := range [][]string{nil, {"X-Fake-Letters", "yes"}} {
			a := e.post(t, chat, body, append(bearer(key), extra...)...)
			if got, want := content(a), "You said: "+text; a.status != 200 || got != want {
				t.Errorf("%d %q, want %q", a.status, got, want)
			}
			if event := e.AwaitEvent(key, a.eventID()); event.Action != "redacted" || event.Findings["email"] != 1 || len(event.Response) > 0 {
				t.Errorf("event: %s %v, with %s", event.Action, event.Findings, event.Response)
			}
		}
	}
	tool := strings.Replace(say(text), "{", `{"tools":[{"type":"function","function":{"name":"send","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],`, 1)
	a := e.post(t, chat, tool, bearer(key)...)
	if got := gjson.Get(gjson.GetBytes(a.body, "choices.0.message.tool_calls.0.function.arguments").String(), "city").String(); got != text {
		t.Errorf("the tool's argument is %q", got)
	}
}

func policyBlocksAnswers(t *testing.T, e *policyEnv) {
	key := e.under(testenv.Object{"config": testenv.Object{"rules": testenv.Object{"ssn": "block"}}, "applyToResponse": true}, nil)
	said := append(bearer(key), "X-Fake-Say", "it is "+saidSSN+" as you know")
	a := e.post(t, chat, helloChat, said...)
	if a.status != 403 || gjson.GetBytes(a.body, "error.code").String() != "content_policy_violation" {
		t.Errorf("an answer: %v", a)
	}
	event := e.AwaitEvent(key, a.eventID())
	if event.Action != "blocked" || event.Status != 403 || event.Cost == "0" || len(event.Response) > 0 {
		t.Errorf("its event, which was billed: %+v", event)
	}
	a = e.post(t, chat, `{"stream":true,`+helloChat[1:], said...)
	if a.status != 200 || strings.Contains(string(a.body), "[DONE]") || !strings.Contains(string(a.body), "content_policy_violation") {
		t.Errorf("a stream: %v", a)
	}
	if event := e.AwaitEvent(key, a.eventID()); event.Action != "blocked" || event.RefusalCode != "content_policy_violation" || event.Cost == "0" {
		t.Errorf("its event: %+v", event)
	}
}

func policyWithoutDetector(t *testing.T, e *policyEnv) {
	before := len(e.fake.Requests())
	key := e.under(with(rules("allow_but_redact"), testenv.Object{"detectors": []string{"presidio"}}), nil)
	if a := e.post(t, chat, say("hello"), bearer(key)...); a.status != 503 {
		t.Errorf("onError block: %v", a)
	}
	if n := len(e.fake.Requests()) - before; n != 0 {
		t.Errorf("the provider was called %d times", n)
	}
	lenient := e.under(with(rules("allow_but_redact"), testenv.Object{"detectors": []string{"embedded", "presidio"}, "onError": "allow"}), nil)
	if got := content(e.post(t, chat, say("write to "+mailValue), bearer(lenient)...)); got != "You said: write to [EMAIL]" {
		t.Errorf("onError allow: %q", got)
	}
}

func policyChanges(t *testing.T, e *policyEnv) {
	id := e.policy(rules("allow"))
	key := e.newKey(testenv.Object{"policyId": id})
	const value = "linus@example.org"
	if got := content(e.post(t, chat, say("to "+value), bearer(key)...)); got != "You said: to "+value {
		t.Fatalf("%q", got)
	}
	e.Do(http.MethodPatch, "/api/policies/"+id, rules("allow_but_redact"))
	if got := content(e.post(t, chat, say("to "+value), bearer(key)...)); got != "You said: to [EMAIL]" {
		t.Errorf("after the change: %q", got)
	}
	e.Do(http.MethodPatch, "/api/key-management/keys/"+key.ID, testenv.Object{"policyId": ""})
	if got := content(e.post(t, chat, say("to "+value), bearer(key)...)); got != "You said: to "+value {
		t.Errorf("without a policy: %q", got)
	}
}

func policyInUse(t *testing.T, e *policyEnv) {
	id := e.policy(rules("allow_but_redact"))
	key := e.newKey(testenv.Object{"policyId": id})
	if status, body := e.Call(http.MethodDelete, "/api/policies/"+id, nil); status != http.StatusConflict || !strings.Contains(string(body), key.ID) {
		t.Errorf("got %d %s", status, body)
	}
	if got := content(e.post(t, chat, say("to "+mailValue), bearer(key)...)); got != "You said: to [EMAIL]" {
		t.Errorf("after that: %q", got)
	}
	if status, _ := e.Call(http.MethodPost, "/api/key-management/keys", testenv.Object{"name": "x", "key": "some-secret-text-0001", "tags": []string{"t"}, "settingIds": []string{e.openAI}, "policyId": "none"}); status != http.StatusBadRequest {
		t.Errorf("a key with a policy that is not there: %d", status)
	}
}

// policyCache: what a route keeps is looked up by what the provider would get.
func policyCache(t *testing.T, e *policyEnv) {
	key := e.under(rules("allow_but_redact"), nil)
	restoring := e.under(with(rules("allow_but_redact"), testenv.Object{"restoreInResponse": true}), nil)
	e.Do(http.MethodPost, "/api/routes", testenv.Object{
		"name": "kept", "path": "/kept", "keyIds": []string{key.ID, restoring.ID}, "cacheConfig": testenv.Object{"enabled": true},
		"steps": []testenv.Object{{"provider": "openai", "model": "gpt-4o-mini"}},
	})
	ask := func(k testenv.Key, value string) (string, string) {
		a := e.post(t, "/api/route/kept", `{"messages":[{"role":"user","content":"write to `+value+`"}]}`, bearer(k)...)
		return cached(a), content(a)
	}
	if hit, got := ask(key, mailValue); hit != "miss" || got != "You said: write to [EMAIL]" {
		t.Errorf("first: %s %q", hit, got)
	}
	if hit, got := ask(key, "another@example.com"); hit != "hit" || got != "You said: write to [EMAIL]" {
		t.Errorf("another value, the same text to the provider: %s %q", hit, got)
	}
	for range 2 {
		if hit, got := ask(restoring, mailValue); hit == "hit" || got != "You said: write to "+mailValue {
			t.Errorf("what comes back is kept: %s %q", hit, got)
		}
	}
}

func policyCustom(t *testing.T, e *policyEnv) {
	e.Do(http.MethodPost, "/api/custom/providers", testenv.Object{
		"provider": "own", "authentication_param": "apikey", "route_configs": []testenv.Object{{
			"path": "/chat", "target_url": e.fake.URL() + "/v1/chat/completions", "model_location": "model", "request_prompt_location": "messages.#.content",
			"response_completion_location": "choices.#.message.content", "stream_location": "stream", "stream_end_word": "[DONE]",
			"stream_response_completion_location": "choices.#.delta.content", "stream_max_empty_messages": 10,
		}},
	})
	setting := e.CreateSetting("own", fakeprovider.OpenAIKey, "", testenv.Object{"setting": testenv.Object{"apikey": fakeprovider.OpenAIKey}})
	key := e.under(with(rules("allow_but_redact"), testenv.Object{"restoreInResponse": true}), testenv.Object{"settingIds": []string{setting}})
	for _, stream := range []string{"", `"stream":true,`} {
		a := e.post(t, "/api/custom/providers/own/chat", strings.Replace(say("to "+mailValue+" now"), "{", "{"+stream, 1), append(bearer(key), "X-Fake-Letters", "yes")...)
		if got := content(a); got != "You said: to "+mailValue+" now" {
			t.Errorf("stream %q: %v", stream, a)
		}
	}
	seen := e.fake.Requests()
	if last := string(seen[len(seen)-1].Body); !strings.Contains(last, "[EMAIL_") || slices.Contains(strings.Fields(last), mailValue) {
		t.Errorf("the provider got %s", last)
	}
}
