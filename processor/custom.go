package processor

import (
	"bytes"
	"log/slog"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/sse"
	"github.com/bricks-gateway/bricks/internal/token"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// customCall is what a call of a custom provider has that others have not.
type customCall struct {
	provider *provider.Custom
	route    *provider.CustomRoute
	prompt   int64 // tokens, estimated
	empty    int   // messages without data in a row
	atCR     bool  // the last bytes read end in a CR, whose LF may follow
}

// findCustom looks a custom provider's path up, once the key is known. found is
// what the built-in tables said. A refusal means that it cannot be known now.
func (x *exchange) findCustom(found bool) (bool, *refusal) {
	name, below, ok := provider.CutCustomPath(x.in.path)
	if !ok {
		return found, nil
	}
	p, err := x.s.o.Config.CustomProvider(name)
	if gateway.KindOf(err) == gateway.NotFound {
		return false, nil
	}
	if err != nil {
		return false, unavailable("the gateway does not know its custom providers yet")
	}
	r := p.Route(below)
	if r == nil {
		return false, nil
	}
	x.match = provider.Match{Provider: &p.Provider, Method: r.Endpoint.Method, Path: r.Target.Path}
	if x.in.method == r.Endpoint.Method {
		x.match.Endpoint = &r.Endpoint
	}
	x.custom = &customCall{provider: p, route: r}
	return true, nil
}

// lead makes settings lead to the called route. Those without a credential that
// the provider needs are left out.
func (x *exchange) lead(settings []*configcache.Setting) []*configcache.Setting {
	if x.custom == nil {
		return settings
	}
	return x.custom.leadAll(settings)
}

func (c *customCall) leadAll(settings []*configcache.Setting) (out []*configcache.Setting) {
	for _, s := range settings {
		if led := c.lead(s); led != nil {
			out = append(out, led)
		}
	}
	return out
}

// lead is s leading to the called route; nil: it has no credential.
func (c *customCall) lead(s *configcache.Setting) *configcache.Setting {
	if c.provider.Authenticated && s.APIKey.Empty() {
		return nil
	}
	led := *s
	led.Cluster, led.Authority, led.PathPrefix = c.route.Target.Origin.CustomCluster(), c.route.Target.Origin.Authority(), ""
	if !c.provider.Authenticated {
		led.APIKey = gateway.Secret{}
	}
	return &led
}

// readBody reads what decisions need of the body.
func (x *exchange) readBody(body []byte) (call, *refusal) {
	switch {
	case x.custom != nil:
		return x.custom.read(body)
	case x.route != nil:
		return x.readRoute(body)
	}
	return x.read(body)
}

// read is readCall for a body that says what it says at the route's locations.
func (c *customCall) read(body []byte) (call, *refusal) {
	out := call{factor: 1, size: int64(len(body)), body: body}
	if err := jsonscan.Check(body); err != nil {
		return out, invalid("the body is refused: "+err.Error(), "")
	}
	if !gjson.ParseBytes(body).IsObject() {
		return out, invalid("the body must be a JSON object", "")
	}
	model, ok := at(body, c.route.ModelLocation)
	if !ok || model.Type != gjson.String || model.Str == "" || len(model.Str) > maxField {
		return out, invalid(c.route.ModelLocation+" must name the model: a non-empty string of at most 256 bytes", c.route.ModelLocation)
	}
	out.model = model.Str
	prompt, ok := at(body, c.route.PromptLocation)
	if !ok || prompt.Type == gjson.Null {
		return out, invalid(c.route.PromptLocation+" is required: it holds the prompt", c.route.PromptLocation)
	}
	c.prompt = token.Output(out.model, appendText(nil, prompt, 0))
	if stream, ok := at(body, c.route.StreamLocation); ok && stream.Type != gjson.Null {
		if !stream.IsBool() {
			return out, invalid(c.route.StreamLocation+" must be true or false", c.route.StreamLocation)
		}
		out.stream = stream.Bool()
	}
	// Many custom providers speak OpenAI's language; where user is something
	// else, the header names the end user.
	if user, ok := jsonscan.Get(body, "user"); ok {
		if s, isText := user.String(); isText && len(s) <= maxField && printable(s) {
			out.user = s
		}
	}
	out.opaque = holdsMedia(body)
	return out, nil
}

// at is what stands at location in data, which is valid JSON. ok is false for
// nothing, and for a result larger than all of data.
func at(data []byte, location string) (r gjson.Result, ok bool) {
	if location == "" {
		return r, false
	}
	r = gjson.GetBytes(data, location)
	return r, r.Exists() && len(r.Raw) <= len(data)
}

// maxTextDepth bounds lists within lists: each level is another pass.
const maxTextDepth = 4

// appendText appends the text of r to dst: of lists that of every element, and
// what is no text as the JSON that it is.
func appendText(dst []byte, r gjson.Result, depth int) []byte {
	switch {
	case r.Type == gjson.String:
		return append(dst, r.Str...)
	case r.Type == gjson.Null:
		return dst
	case r.IsArray() && depth < maxTextDepth:
		r.ForEach(func(_, element gjson.Result) bool {
			dst = appendText(dst, element, depth+1)
			return true
		})
		return dst
	}
	return append(dst, r.Raw...)
}

// boundCustom takes the bound off a quote: nobody knows which member of the
// body bounds the output.
func (x *exchange) boundCustom() {
	if x.custom != nil && (x.custom.route.CompletionLocation != "" || x.custom.route.StreamCompletionLocation != "") {
		x.quote.bounded = false
	}
}

// query is the target's, the client's, and the credential if it goes there. The
// client's own parameter of that name is taken out.
func (c *customCall) query(client string, credential gateway.Secret) string {
	var parts []string
	if c.route.Target.Query != "" {
		parts = append(parts, c.route.Target.Query)
	}
	name := c.provider.QueryParameter
	for part := range strings.SplitSeq(client, "&") {
		given, _, _ := strings.Cut(part, "=")
		// What cannot be read could be read as the name by others.
		plain, err := url.QueryUnescape(given)
		if part != "" && (name == "" || err == nil && plain != name) {
			parts = append(parts, part)
		}
	}
	if name != "" {
		parts = append(parts, name+"="+url.QueryEscape(credential.Reveal()))
	}
	return strings.Join(parts, "&")
}

// escapedCredential is the credential as it stands in the query, when that is
// another spelling; else it is empty.
func (x *exchange) escapedCredential() string { return x.custom.escaped(x.setting) }

func (c *customCall) escaped(s *configcache.Setting) string {
	if c == nil || c.provider.QueryParameter == "" || s == nil {
		return ""
	}
	if escaped := url.QueryEscape(s.APIKey.Reveal()); escaped != s.APIKey.Reveal() {
		return escaped
	}
	return ""
}

// readCustomEvent is readEvent for a custom provider's stream.
func (x *exchange) readCustomEvent(e sse.Event) {
	a, c := &x.answer, x.custom
	half := c.atCR && string(e.Raw) == "\n"
	c.atCR = len(e.Raw) > 0 && e.Raw[len(e.Raw)-1] == '\r'
	if half {
		return
	}
	data := bytes.TrimSpace(e.Data)
	if len(data) == 0 {
		if c.empty++; c.route.StreamMaxEmptyMessages > 0 && c.empty > c.route.StreamMaxEmptyMessages && !a.marked && !x.cut {
			x.s.o.Logger.Info("stream cut: too many empty messages", slog.String("event_id", x.event.ID))
			x.s.metrics.empty.Inc()
			x.event.RefusalCode = "upstream_error"
			x.cut = true
		}
		return
	}
	c.empty = 0
	if a.firstEvent == 0 {
		a.firstEvent = x.sinceStart()
	}
	if c.route.StreamEndWord != "" && string(data) == c.route.StreamEndWord {
		a.marked = true
		return
	}
	a.events++
	if c.route.StreamCompletionLocation != "" && gjson.ValidBytes(data) {
		if r, ok := at(data, c.route.StreamCompletionLocation); ok {
			a.written.add(appendText(nil, r, 0))
		}
	}
}

// add notes a piece of text.
func (w *written) add(text []byte) {
	if len(text) == 0 {
		return
	}
	w.pieces++
	w.size += int64(len(text))
	if len(w.text)+len(text) <= maxWritten {
		w.text = append(w.text, text...)
	}
}

// endsUnmarked: the end of the connection is the only end that a stream has.
func (x *exchange) endsUnmarked() bool {
	return x.custom != nil && x.custom.route.StreamEndWord == ""
}

// endMarker ends a stream before its provider does.
func (c *customCall) endMarker() []byte {
	if c.route.StreamEndWord == "" {
		return nil
	}
	return []byte("data: " + c.route.StreamEndWord + "\n\n")
}

// estimateCustom counts the tokens of prompt and completion.
func (x *exchange) estimateCustom() {
	a, r, u := &x.answer, x.custom.route, &x.event.Usage
	x.event.Estimated = true
	u.InputTokens = x.custom.prompt
	switch {
	case a.sse && r.StreamCompletionLocation != "":
		u.OutputTokens = a.wrote(x.event.RequestModel)
	case a.sse || r.CompletionLocation == "":
	default:
		u.OutputTokens = (a.size + 3) / 4
		if len(a.body) > 0 && gjson.ValidBytes(a.body) {
			if found, ok := at(a.body, r.CompletionLocation); ok {
				u.OutputTokens = token.Output(x.event.RequestModel, appendText(nil, found, 0))
			}
		}
	}
}
