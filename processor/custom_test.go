package processor_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/tidwall/gjson"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/processor"
)

// customWorld has a custom provider "own" with the routes /chat and /embed.
func customWorld(t *testing.T, change func(*gateway.CustomProvider)) *world {
	t.Helper()
	p := &gateway.CustomProvider{
		ID: "c", Provider: "own", AuthenticationParam: "apikey",
		Routes: []gateway.CustomRoute{{
			Path: "/chat", TargetURL: "https://llm.example:8443/v2/generate?version=7", ModelLocation: "options.engine", PromptLocation: "turns.#.text",
			CompletionLocation: "results.0.text", StreamLocation: "options.live", StreamEndWord: "<end>",
			StreamCompletionLocation: "piece", StreamMaxEmptyMessages: 3,
		}, {Path: "/embed", TargetURL: "https://llm.example:8443/embed", ModelLocation: "model", PromptLocation: "input"}},
	}
	if change != nil {
		change(p)
	}
	made, err := provider.NewCustom(p)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.customs = map[string]*provider.Custom{"own": made}
	w.settings["s"].Provider, w.settings["s"].Cluster, w.settings["s"].Authority, w.settings["s"].PathPrefix = "own", "", "", ""
	return w
}

func ownHeaders(path string, extra ...string) *extprocv3.ProcessingRequest {
	return requestHeaders(false, append([]string{
		":method", "POST", ":path", "/api/custom/providers" + path, "x-request-id", "event-1",
		"authorization", "Bearer " + bricksKey, "content-type", "application/json",
	}, extra...)...)
}

const ownChat = `{"options":{"engine":"big","live":false},"turns":[{"text":"12345678"},{"text":"1234"}]}`

// headersOf are the request headers that an answer sets.
func headersOf(r *extprocv3.ProcessingResponse) map[string]string {
	set := map[string]string{}
	for _, h := range r.GetRequestBody().GetResponse().GetHeaderMutation().GetSetHeaders() {
		set[h.Header.Key] = string(h.Header.RawValue)
	}
	return set
}

func TestWhereACustomProvidersCredentialGoes(t *testing.T) {
	tests := map[string]struct {
		change func(*gateway.CustomProvider)
		query  string
		secret string
		want   map[string]string // header → value; "" is absent
	}{
		"bearer": {nil, "", credential, map[string]string{
			":path": "/v2/generate?version=7", ":authority": "llm.example:8443", "x-bricks-cluster": "custom/https/llm.example:8443",
			"authorization": "Bearer " + credential,
		}},
		"the client's query comes behind": {nil, "?a=b&c", credential, map[string]string{
			":path": "/v2/generate?version=7&a=b&c", "authorization": "Bearer " + credential,
		}},
		"header": {func(p *gateway.CustomProvider) { p.AuthenticationHeader = "X-Token" }, "?a=b", credential, map[string]string{
			":path": "/v2/generate?version=7&a=b", "x-token": credential, "authorization": "",
		}},
		"query": {func(p *gateway.CustomProvider) { p.AuthenticationQuery = "key" }, "?a=b&key=mine&k%65y=mine&%zz=1&c=d", "s+cret/&=", map[string]string{
			":path": "/v2/generate?version=7&a=b&c=d&key=s%2Bcret%2F%26%3D", "authorization": "",
		}},
		"none": {func(p *gateway.CustomProvider) { p.AuthenticationParam = "" }, "", credential, map[string]string{
			":path": "/v2/generate?version=7", "authorization": "",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := customWorld(t, tt.change)
			w.settings["s"].APIKey = gateway.NewSecret(tt.secret)
			answers, err := process(w, io.EOF, ownHeaders("/own/chat"+tt.query), requestBody(ownChat))
			if err != nil || len(answers) != 2 {
				t.Fatalf("answers = %v, %v", answers, err)
			}
			got := headersOf(answers[1])
			for name, want := range tt.want {
				if got[name] != want {
					t.Errorf("%s = %q, want %q", name, got[name], want)
				}
			}
			for name, value := range got {
				if strings.Contains(value, tt.secret) && tt.want[name] == "" {
					t.Errorf("%s holds the credential: %s", name, value)
				}
			}
			removed := answers[1].GetRequestBody().GetResponse().GetHeaderMutation().GetRemoveHeaders()
			if tt.want["authorization"] == "" && !strings.Contains(strings.Join(removed, " "), "authorization") {
				t.Errorf("the client's key is not removed: %v", removed)
			}
		})
	}
}

func TestCustomProviderRefusals(t *testing.T) {
	body := func(s string) []*extprocv3.ProcessingRequest {
		return []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(s)}
	}
	one := func(path string, extra ...string) []*extprocv3.ProcessingRequest {
		return []*extprocv3.ProcessingRequest{ownHeaders(path, extra...)}
	}
	tests := map[string]struct {
		change   func(*world)
		messages []*extprocv3.ProcessingRequest
		status   int
		says     string
	}{
		"unknown provider":    {nil, one("/nobody/chat"), 404, "not_found"},
		"unknown path":        {nil, one("/own/chat/more"), 404, "not_found"},
		"a path's beginning":  {nil, one("/own/cha"), 404, "not_found"},
		"trailing slash":      {nil, one("/own/chat/"), 404, "not_found"},
		"no path":             {nil, one("/own"), 404, "not_found"},
		"escaped":             {nil, one("/own/%63hat"), 404, "not_found"},
		"other case":          {nil, one("/Own/chat"), 404, "not_found"},
		"method":              {nil, []*extprocv3.ProcessingRequest{requestHeaders(true, ":method", "GET", ":path", "/api/custom/providers/own/chat", "x-api-key", bricksKey)}, 405, "method_not_allowed"},
		"not known yet":       {func(w *world) { w.customErr = &gateway.Error{Kind: gateway.Unavailable} }, one("/nobody/chat"), 503, "service_unavailable"},
		"path not allowed":    {func(w *world) { allow(w, gateway.PathRule{Path: "/api/custom/providers/own/embed", Method: "POST"}) }, one("/own/chat"), 403, "path_not_allowed"},
		"no setting":          {func(w *world) { w.settings["s"].Provider = "openai" }, one("/own/chat"), 403, "provider_not_allowed"},
		"setting w/o key":     {func(w *world) { w.settings["s"].APIKey = gateway.Secret{} }, one("/own/chat"), 403, "provider_not_allowed"},
		"another key":         {nil, one("/own/chat", "x-api-key", "another"), 401, "invalid_api_key"},
		"no JSON":             {nil, body(`{`), 400, "invalid_request_error"},
		"no object":           {nil, body(`[]`), 400, "invalid_request_error"},
		"a name twice":        {nil, body(`{"options":{"engine":"big","engine":"small"},"turns":[]}`), 400, "duplicate"},
		"no model":            {nil, body(`{"model":"big","turns":[]}`), 400, "options.engine"},
		"model is no text":    {nil, body(`{"options":{"engine":7},"turns":[]}`), 400, "options.engine"},
		"no prompt":           {nil, body(`{"options":{"engine":"big"}}`), 400, "turns.#.text"},
		"stream is no flag":   {nil, body(`{"options":{"engine":"big","live":"yes"},"turns":[]}`), 400, "options.live"},
		"model not allowed":   {func(w *world) { w.keys[secrets.HashKey(bricksKey)].AllowedModels = []string{"small"} }, body(ownChat), 403, "model_not_allowed"},
		"nor by the setting":  {func(w *world) { w.settings["s"].AllowedModels = []string{"small"} }, body(ownChat), 403, "model_not_allowed"},
		"no price, limit":     {func(w *world) { w.keys[secrets.HashKey(bricksKey)].CostLimit = gateway.USD }, body(ownChat), 403, "cost_not_boundable"},
		"media is no pretext": {nil, []*extprocv3.ProcessingRequest{ownHeaders("/own/chat", "content-encoding", "gzip")}, 415, "unsupported_media_type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := customWorld(t, nil)
			if tt.change != nil {
				tt.change(w)
			}
			answers, _ := process(w, io.EOF, tt.messages...)
			status, got := refusal(t, answers)
			if status != tt.status || !strings.Contains(got, tt.says) || !strings.Contains(got, `{"error":{"message"`) || holds(answers) {
				t.Errorf("%d %s, want %d with %s in OpenAI's shape", status, got, tt.status, tt.says)
			}
		})
	}
}

func allow(w *world, rules ...gateway.PathRule) {
	w.keys[secrets.HashKey(bricksKey)].AllowedPaths = rules
}

// Tokens are a fourth of the bytes of prompt and completion, rounded up.
func TestUsageOfACustomProvider(t *testing.T) {
	sse := responseHeaders(":status", "200", "content-type", "text/event-stream")
	json := responseHeaders(":status", "200", "content-type", "application/json")
	stream := strings.Replace(ownChat, "false", "true", 1)
	unmarked := func(p *gateway.CustomProvider) { p.Routes[0].StreamEndWord = "" }
	tests := map[string]struct {
		change   func(*gateway.CustomProvider)
		messages []*extprocv3.ProcessingRequest
		want     gateway.Event
	}{
		"JSON: 12 bytes in, 5 out": {nil, []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(ownChat), json,
			responseBody(false, `{"results":[{"text":"12`), responseBody(true, `345"}],"usage":{"prompt_tokens":900}}`)},
			gateway.Event{Status: 200, Usage: gateway.Usage{InputTokens: 3, OutputTokens: 2}, Estimated: true}},
		"JSON without a completion: its 16 bytes": {nil, []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(ownChat), json, responseBody(true, `{"other":"text"}`)},
			gateway.Event{Status: 200, Usage: gateway.Usage{InputTokens: 3, OutputTokens: 4}, Estimated: true}},
		"no JSON: its 7 bytes": {nil, []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(ownChat), json, responseBody(true, `{"resul`)},
			gateway.Event{Status: 200, Usage: gateway.Usage{InputTokens: 3, OutputTokens: 2}, Estimated: true}},
		"no completion location": {nil, []*extprocv3.ProcessingRequest{ownHeaders("/own/embed"), requestBody(`{"model":"m","input":["1234","12345"]}`), json, responseBody(true, `{"data":[1,2,3]}`)},
			gateway.Event{Status: 200, Usage: gateway.Usage{InputTokens: 3}, Estimated: true}},
		"stream: 16 bytes out": {nil, []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(stream), sse,
			responseBody(false, "data: {\"piece\":\"12345678\"}\n\nda"), responseBody(false, "ta: {\"piece\":\"12345678\"}\n\n"), responseBody(true, "data: <end>\n\n")},
			gateway.Event{Status: 200, Usage: gateway.Usage{InputTokens: 3, OutputTokens: 4}, Estimated: true}},
		"stream without its end": {nil, []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(stream), sse, responseBody(true, "data: {\"piece\":\"12345678\"}\n\n")},
			gateway.Event{Status: 200, Usage: gateway.Usage{InputTokens: 3, OutputTokens: 2}, Estimated: true, Incomplete: true}},
		"stream that has no end word": {unmarked, []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(stream), sse, responseBody(true, "data: {\"piece\":\"12345678\"}\n\n")},
			gateway.Event{Status: 200, Usage: gateway.Usage{InputTokens: 3, OutputTokens: 2}, Estimated: true}},
		"an error is free": {nil, []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(ownChat), responseHeaders(":status", "500"), responseBody(true, `{"results":[{"text":"x"}]}`)},
			gateway.Event{Status: 500}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := customWorld(t, tt.change)
			if _, err := process(w, io.EOF, tt.messages...); err != nil {
				t.Fatal(err)
			}
			if len(w.finals) != 1 {
				t.Fatalf("events = %+v", w.finals)
			}
			got := w.finals[0]
			if got.Status != tt.want.Status || got.Usage != tt.want.Usage || got.Estimated != tt.want.Estimated || got.Incomplete != tt.want.Incomplete ||
				got.Provider != "own" || got.RequestModel == "" || got.Cost != 0 {
				t.Errorf("event = %+v, want %+v", got, tt.want)
			}
			if tt.want.Estimated && got.PriceStatus != gateway.Unpriced {
				t.Errorf("price status = %s, want unpriced", got.PriceStatus)
			}
		})
	}
}

// Not more than the bound's messages without data may follow one another.
func TestEmptyMessagesCutAStream(t *testing.T) {
	sse := responseHeaders(":status", "200", "content-type", "text/event-stream")
	stream := strings.Replace(ownChat, "false", "true", 1)
	piece := "data: {\"piece\":\"1234\"}\n\n"
	for name, tt := range map[string]struct {
		chunks []string
		cut    bool
	}{
		"three":               {[]string{piece, ": ping\n\n: ping\n\n: ping\n\n", piece, "data: <end>\n\n"}, false},
		"four":                {[]string{piece, ": ping\n\n: ping\n\n: ping\n\n: ping\n\n", piece, "data: <end>\n\n"}, true},
		"four, not in a row":  {[]string{": ping\n\n: ping\n\n", piece, ": ping\n\n: ping\n\n", piece, "data: <end>\n\n"}, false},
		"empty data":          {[]string{"data:\n\ndata: \n\ndata\n\nevent: x\n\n", piece}, true},
		"halves of line ends": {[]string{piece, ": ping\r\n\r", "\n: ping\r\n\r", "\n: ping\r\n\r", "\n" + piece, "data: <end>\n\n"}, false},
		"after the end":       {[]string{piece, "data: <end>\n\n", "\n", "\n", "\n", "\n", "\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := customWorld(t, nil)
			messages := []*extprocv3.ProcessingRequest{ownHeaders("/own/chat"), requestBody(stream), sse}
			for i, c := range tt.chunks {
				messages = append(messages, responseBody(i == len(tt.chunks)-1, c))
			}
			_, err := process(w, io.EOF, messages...)
			if cut := err != nil; cut != tt.cut {
				t.Errorf("cut: %v (%v), want %v", cut, err, tt.cut)
			}
			if e := w.finals[0]; e.Incomplete != tt.cut || (e.RefusalCode == "upstream_error") != tt.cut {
				t.Errorf("event = %+v", e)
			}
		})
	}
}

// ownPrices are 1e-6 dollars a token, in and out.
func ownPrices() *pricing.Book {
	return pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{
		{ID: "1", Model: "big", Prices: `{"input_cost_per_token":1e-6,"output_cost_per_token":1e-6}`},
		{ID: "2", Model: "m", Prices: `{"input_cost_per_token":1e-6,"output_cost_per_token":0}`},
	}, "")
}

func TestACustomProvidersPriceIsWhatIsSaid(t *testing.T) {
	run := func(w *world, path, body string) ([]*extprocv3.ProcessingResponse, gateway.Event) {
		s := processor.New(processor.Options{Config: w, Spool: w, Limiter: w.limiter, Prices: ownPrices(), Logger: slog.New(slog.DiscardHandler)})
		e := &envoy{end: io.EOF, messages: []*extprocv3.ProcessingRequest{ownHeaders(path), requestBody(body),
			responseHeaders(":status", "200", "content-type", "application/json"), responseBody(true, `{"results":[{"text":"12345678"}]}`)}}
		if err := s.Process(e); err != nil {
			t.Fatal(err)
		}
		s.Close()
		return e.answers, w.finals[len(w.finals)-1]
	}
	// 3 tokens in and 2 out, a millionth of a dollar each.
	if _, got := run(customWorld(t, nil), "/own/chat", ownChat); got.Cost != 5_000 || got.PriceStatus != gateway.Priced || !got.Estimated {
		t.Errorf("event = %+v, want 5000 nano-dollars", got)
	}
	// The list's own price of a model of the same name is another provider's.
	if _, got := run(customWorld(t, nil), "/own/chat", strings.Replace(ownChat, "big", "gpt-4o", 1)); got.Cost != 0 || got.PriceStatus != gateway.Unpriced {
		t.Errorf("event = %+v, want it unpriced", got)
	}
	limited := func(unbounded bool) *world {
		w := customWorld(t, nil)
		k := w.keys[secrets.HashKey(bricksKey)]
		k.CostLimit, k.AllowUnbounded = gateway.USD, unbounded
		return w
	}
	answers, _ := run(limited(false), "/own/chat", ownChat)
	if status, body := refusal(t, answers); status != 403 || !strings.Contains(body, "cost_not_boundable") {
		t.Errorf("an output without a maximum: %d %s", status, body)
	}
	if answers, _ = run(limited(true), "/own/chat", ownChat); !holds(answers) {
		t.Errorf("a key that allows it: %v", answers)
	}
	if answers, _ = run(limited(false), "/own/embed", `{"model":"m","input":"1234"}`); !holds(answers) {
		t.Errorf("a route without output: %v", answers)
	}
}

// The answer may repeat the credential as the query spelled it.
func TestACustomProvidersCredentialStaysBehind(t *testing.T) {
	const secret, escaped = "s3cret+credential/0123", "s3cret%2Bcredential%2F0123"
	w := customWorld(t, func(p *gateway.CustomProvider) { p.AuthenticationQuery = "key" })
	w.settings["s"].APIKey = gateway.NewSecret(secret)
	answers, err := process(w, io.EOF, ownHeaders("/own/chat"), requestBody(ownChat),
		responseHeaders(":status", "302", "location", "https://x.example/?key="+escaped, "x-plain", secret),
		responseBody(false, `{"url":"?key=`+escaped[:9]), responseBody(true, escaped[9:]+`","key":"`+secret+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	removed := strings.Join(answers[2].GetResponseHeaders().GetResponse().GetHeaderMutation().GetRemoveHeaders(), " ")
	if !strings.Contains(removed, "location") || !strings.Contains(removed, "x-plain") {
		t.Errorf("removed = %s", removed)
	}
	body := ""
	for _, a := range answers[3:] {
		body += string(a.GetResponseBody().GetResponse().GetBodyMutation().GetBody())
	}
	if body != `{"url":"?key=***","key":"***"}` {
		t.Errorf("body = %s", body)
	}
}

// FuzzLocation: a location that the gateway takes never makes more of a body
// than it holds.
func FuzzLocation(f *testing.F) {
	f.Add("a.#.b.#.c", `{"a":[{"b":[{"c":1},{}]},[],{"b":{}}]}`)
	f.Add(`x\.y.0`, `{"x.y":["z"]}`)
	f.Add("#.#.#.a", `[[[],[],[]],[[]]]`)
	f.Fuzz(func(t *testing.T, path, body string) {
		if provider.CheckLocation(path) != nil || path == "" || !gjson.Valid(body) {
			return
		}
		if r := gjson.Get(body, path); len(r.Raw) > len(body) {
			t.Errorf("%q of %q is %q", path, body, r.Raw)
		}
	})
}
