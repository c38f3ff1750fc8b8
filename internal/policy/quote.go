package policy

import "github.com/go-json-experiment/json/jsontext"

// quote spells text as a JSON string.
func quote(text string) []byte {
	b, err := jsontext.AppendQuote(nil, text)
	if err != nil { // it is no UTF-8: what stands for the rest of it does
		b, _ = jsontext.AppendQuote(nil, string([]rune(text)))
	}
	return b
}
