package token_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/token"
)

// slow is far above what the budget allows (0.1 s), so that a busy machine does not
// fail the test, and far below what quadratic time takes.
const slow = 3 * time.Second

func FuzzCount(f *testing.F) {
	for _, text := range corpus {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, times int) {
		repeated := []byte(strings.Repeat(text, min(max(times, 1), 1000))) // long runs
		for _, model := range models {
			start := time.Now()
			got := token.Count(model, repeated)
			if d := time.Since(start); d > slow {
				t.Errorf("%d bytes took %v", len(repeated), d)
			}
			if n := int64(len(repeated)); got.Tokens > n || n > 0 && got.Tokens == 0 {
				t.Errorf("Count of %d bytes = %+v", n, got)
			}
		}
	})
}

func FuzzInput(f *testing.F) {
	for _, body := range typical {
		b, err := json.Marshal(body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"tools":[{"function":{"parameters":{"required":["a`))
	f.Add([]byte(`{"input":[[1,2],["x"],[[1]],{"type":"message","content":[{"type":"tool_result","content":[{"type":"text"}]}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, provider := range []string{"openai", "anthropic"} {
			got := token.Input(provider, "gpt-4o", body)
			if got.Tokens < 0 || got.Tokens > token.ByteBound(body) {
				t.Errorf("%s: Input(%q) = %+v, ByteBound = %d", provider, body, got, token.ByteBound(body))
			}
			if jsonscan.Check(body) != nil {
				continue
			}
			if member, ok := jsonscan.Get(body, "instructions"); ok {
				if s, ok := member.String(); ok && got.Tokens < token.Count("gpt-4o", []byte(s)).Tokens {
					t.Errorf("%s: Input(%q) = %+v, less than its instructions", provider, body, got)
				}
			}
		}
	})
}

// dear are bodies of about size bytes that cost much to walk or to count.
func dear(size int) map[string][]byte {
	bodies := map[string][]byte{}
	for name, text := range worst(size) {
		b, err := json.Marshal(object{"messages": []any{message("user", string(text))}})
		if err != nil {
			panic(err)
		}
		bodies[name] = b
	}
	list := func(start, unit, end string) []byte {
		return []byte(start + strings.Repeat(unit, size/len(unit)) + end)
	}
	bodies["messages"] = list(`{"messages":[`, `{},`, `{}]}`)
	bodies["parts"] = list(`{"messages":[{"content":[`, `{"type":"text","text":"a"},`, `{}]}]}`)
	bodies["tokens"] = list(`{"input":[`, `1,`, `1]}`)
	bodies["lists"] = list(`{"input":[`, `[1],`, `[]]}`)
	bodies["escapes"] = list(`{"input":"`, `\u0061`, `"}`)
	bodies["tools"] = list(`{"tools":[`, `{"type":"function"},`, `{}]}`)
	bodies["required"] = list(`{"tools":[{"required":[`, `"a",`, `1]}]}`)
	bodies["open required"] = list(`{"tools":[{`, `"required":[`, `"`)
	bodies["deep"] = list(`{"tools":[{"a":`+strings.Repeat(`[`, 120), `"a",`, `1`+strings.Repeat(`]`, 120)+`}]}`)
	bodies["nested results"] = list(`{"messages":[{"content":[{"type":"tool_result","content":[`, `{"type":"text","text":"\n"},`, `{}]}]}]}`)
	bodies["members"] = []byte(`{"a":1}`)
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `"%x":1,`, i)
	}
	bodies["members"] = []byte(`{` + b.String() + `"messages":[{` + b.String() + `"role":"x"}]}`)
	return bodies
}

func TestNoBodyTakesLong(t *testing.T) {
	if testing.Short() {
		t.Skip("under the race detector most of the time is the detector's")
	}
	if err := token.Load(token.O200kBase, token.CL100kBase); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{100 << 10, 4<<20 - 100, 10 << 20} {
		for name, body := range dear(size) {
			for _, model := range models {
				start := time.Now()
				got := token.Input("openai", model, body)
				if d := time.Since(start); d > slow {
					t.Errorf("%s of %d bytes, %s: %v", name, size, model, d)
				}
				if bound := token.ByteBound(body); got.Tokens > bound {
					t.Errorf("%s of %d bytes, %s: Input = %+v, ByteBound = %d", name, size, model, got, bound)
				}
			}
		}
	}
}
