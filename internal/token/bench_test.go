package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/token"
)

func fill(unit string, size int) []byte {
	return []byte(strings.Repeat(unit, size/len(unit)+1)[:size/len(unit)*len(unit)])
}

// spaced puts a space behind every n letters of b.
func spaced(b []byte, n int) []byte {
	b = bytes.Clone(b)
	for i := n; i < len(b); i += n {
		b[i] = ' '
	}
	return b
}

// worst are texts that are dear to count.
func worst(size int) map[string][]byte {
	random := noise(size)
	hex := make([]byte, size)
	lower := make([]byte, size)
	consonants := make([]byte, size)
	for i, b := range random {
		hex[i], lower[i], consonants[i] = "0123456789abcdef"[b&15], 'a'+b%26, "qxzjkwv"[b%7]
	}
	var rare strings.Builder
	for i := 0; rare.Len() < size; i++ {
		rare.WriteRune(0x12000 + rune(random[i%size]))
	}
	var cjk strings.Builder
	for i := 0; cjk.Len() < size; i++ {
		cjk.WriteRune(0x4e00 + rune(random[i%size])*73)
	}
	return map[string][]byte{
		"a": fill("a", size), "A": fill("A", size), "a in 4 KB": fill(strings.Repeat("a", 4000)+" ", size), "consonants in 4 KB": spaced(consonants, 4000), "ab": fill("ab", size), "spaces": fill(" ", size), "newlines": fill("\n", size),
		"space-newline": fill(" \n", size), "newline-space": fill("\n ", size)[:size-1], "emoji": fill("😀", size), "digits": fill("7", size), "dashes": fill("-", size),
		"marks": fill("\u0301", size), "mark-upper": fill("\u0301A", size), "upper-cjk": fill("語A", size), "cjk same": fill("漢字", size),
		"cjk random": []byte(cjk.String()), "cuneiform": []byte(rare.String()),
		"base64": []byte(base64.StdEncoding.EncodeToString(random[:size*3/4])), "hex": hex, "random lower": lower, "consonants": consonants,
		"long tail": append(fill("a", size-1), ' '), "63": fill("qxzjkwvqxzjkwvqxzjkwvqxzjkwvqxzjkwvqxzjkwvqxzjkwvqxzjkwvqxzjkwv,", size),
		"32 words": fill("xqzjkwvbxqzjkwvbxqzjkwvbxqzjkwvb ", size), "english": fill(corpus["english"], size),
	}
}

func BenchmarkCountWorst100KiB(b *testing.B) {
	_ = token.Load(token.O200kBase, token.CL100kBase)
	for name, text := range worst(100 << 10) {
		for e, model := range models {
			b.Run(name+"/"+string(e), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					token.Count(model, text)
				}
			})
		}
	}
}

// chatBody is a typical chat request of about size bytes.
func chatBody(size int) []byte {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	all := []message{{"system", "You are a helpful assistant. Answer in \"plain\" words.\n"}}
	for i, n := 0, 100; n < size-100; i++ {
		text := fmt.Sprintf("%d. %s\n%s", i, corpus["english"], corpus["code"])
		text = text[:min(len(text), max(size-n-100, 1))]
		all = append(all, message{[]string{"user", "assistant"}[i%2], text})
		n += len(text) + 40
	}
	b, err := json.Marshal(map[string]any{"model": "gpt-4o", "messages": all, "temperature": 0.7})
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkInputChat(b *testing.B) {
	_ = token.Load(token.O200kBase)
	for _, kib := range []int{1, 10, 100, 1024} {
		body := chatBody(kib << 10)
		b.Run(fmt.Sprint(kib, "KiB"), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				token.Input("openai", "gpt-4o", body)
			}
		})
		b.Run(fmt.Sprint(kib, "KiB by bytes"), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				token.ByteBound(body)
			}
		})
	}
}

// BenchmarkInputDear is the most that a body of 4 MiB, and of 10 MiB, can cost.
func BenchmarkInputDear(b *testing.B) {
	_ = token.Load(token.O200kBase, token.CL100kBase)
	for _, size := range []int{4<<20 - 1<<10, 10 << 20} {
		for name, body := range dear(size) {
			for e, model := range models {
				b.Run(fmt.Sprint(name, "/", size>>20, "MiB/", e), func(b *testing.B) {
					for b.Loop() {
						token.Input("openai", model, body)
					}
				})
			}
		}
	}
}
