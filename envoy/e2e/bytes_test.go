package e2e

import (
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestBodiesArriveByteForByte sends random JSON that a re-encoder would change:
// unknown members, odd numbers, escapes and white space, at every level.
func TestBodiesArriveByteForByte(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		space := spaces.Draw(rt, "space")
		members := []string{
			`"model"` + space + `:` + space + `"gpt-4o-mini"`,
			`"messages":[{"role":"user",` + space + `"content":` + jsonString.Draw(rt, "content") + `,"x_own":` + value(rt, 2) + `}]`,
		}
		asks := rapid.SampledFrom([]string{"", `"stream":false`, `"stream" : true, "stream_options":{ "include_usage":true }`, `"stream":true`}).Draw(rt, "stream")
		if asks != "" {
			members = append(members, asks)
		}
		for i := range rapid.IntRange(0, 4).Draw(rt, "unknown members") {
			members = append(members, `"x_`+string(rune('a'+i))+`":`+space+value(rt, 3))
		}
		members = rapid.Permutation(members).Draw(rt, "order")
		sent := space + "{" + space + strings.Join(members, space+","+space) + space + "}" + space

		e.fake.Reset()
		a := e.post(t, chat, sent)
		if a.status != http.StatusOK || a.err != nil {
			rt.Fatalf("got %v for %s", a, sent)
		}
		want := sent
		if asks == `"stream":true` { // the gateway asks for usage itself, and changes nothing else
			want = strings.Replace(sent, "{", `{"stream_options":{"include_usage":true},`, 1)
		}
		if got := string(e.forwarded(t).Body); got != want {
			rt.Fatalf("the provider got\n%q, want\n%q", got, want)
		}
	})
}

var (
	spaces  = rapid.SampledFrom([]string{"", "", " ", "\n", "\t", "\r\n", "  \n "})
	numbers = rapid.SampledFrom([]string{
		"0", "-0", "1e3", "1E+3", "1e-05", "0.10", "-0.0", "1.0", "100000000000000000000000000001", "0.30000000000000004", "1e400", "123456789.000000000000000001",
	})
	jsonString = rapid.Custom(func(rt *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{
			"a", "hello ", `\n`, `\u0041`, `\u00e9`, `\/`, `/`, `\"`, `\\`, `\ud83d\ude00`, "é", "東京", "🚀", `\u0000`, "<", "&", "\u2028", "{", "]", `\t`, "\u007f",
		}), 1, 12).Draw(rt, "parts")
		return `"` + strings.Join(parts, "") + `"`
	})
)

// value draws any JSON value with at most depth levels below it.
func value(rt *rapid.T, depth int) string {
	kinds := []string{"string", "number", "word", "array", "object"}
	if depth == 0 {
		kinds = kinds[:3]
	}
	switch rapid.SampledFrom(kinds).Draw(rt, "kind") {
	case "string":
		return jsonString.Draw(rt, "string")
	case "number":
		return numbers.Draw(rt, "number")
	case "word":
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(rt, "word")
	case "array":
		var items []string
		for range rapid.IntRange(0, 3).Draw(rt, "items") {
			items = append(items, value(rt, depth-1))
		}
		return "[" + strings.Join(items, spaces.Draw(rt, "space")+",") + spaces.Draw(rt, "space") + "]"
	}
	var members []string
	for i := range rapid.IntRange(0, 3).Draw(rt, "members") {
		members = append(members, `"`+strings.Repeat("k", i+1)+`\u002d"`+spaces.Draw(rt, "space")+":"+value(rt, depth-1))
	}
	return "{" + strings.Join(members, ","+spaces.Draw(rt, "space")) + "}"
}

// TestOwnUsageRequest: however the client spells that it does not want usage in
// the stream, only that is changed.
func TestOwnUsageRequest(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	const stream = `{"model":"gpt-4o-mini","stream":true,`
	cases := map[string]struct{ sent, want string }{
		"asked":                {stream + `"stream_options":{"include_usage":true},` + hello + `}`, stream + `"stream_options":{"include_usage":true},` + hello + `}`},
		"refused":              {stream + `"stream_options":{"include_usage" : false },` + hello + `}`, stream + `"stream_options":{"include_usage" : true },` + hello + `}`},
		"another option alone": {stream + `"stream_options":{"include_obfuscation":true},` + hello + `}`, stream + `"stream_options":{"include_usage":true,"include_obfuscation":true},` + hello + `}`},
		"no options":           {stream + `"stream_options":{},` + hello + `}`, stream + `"stream_options":{"include_usage":true},` + hello + `}`},
		"null":                 {stream + `"stream_options":null,` + hello + `}`, stream + `"stream_options":{"include_usage":true},` + hello + `}`},
		"names in escapes":     {`{"\u006dodel":"gpt-4o-mini","\u0073tream":true,` + hello + `}`, `{"stream_options":{"include_usage":true},"\u006dodel":"gpt-4o-mini","\u0073tream":true,` + hello + `}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e.fake.Reset()
			a := e.post(t, chat, c.sent)
			if got := string(e.forwarded(t).Body); a.status != http.StatusOK || got != c.want {
				t.Errorf("got %v; the provider got\n%s, want\n%s", a, got, c.want)
			}
			if asked := name == "asked"; strings.Contains(string(a.body), `"usage"`) != asked {
				t.Errorf("the client got %s", a.body)
			}
			if ev := e.AwaitEvent(e.key, a.eventID()); ev.InputTokens != 10 || ev.Estimated {
				t.Errorf("event = %+v", ev)
			}
		})
	}
}

// TestBigBodyArrives: 9 MiB pass, whole and unchanged.
func TestBigBodyArrives(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	sent := `{"model":"gpt-4o-mini","x":"` + strings.Repeat("0123456789abcdef", 9<<16) + `",` + hello + `}`
	if a := e.post(t, chat, sent); a.status != http.StatusOK {
		t.Fatalf("got %v", a)
	}
	if got := string(e.forwarded(t).Body); got != sent {
		t.Errorf("the provider got %d other bytes, want %d", len(got), len(sent))
	}
}
