package fakeprovider

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
)

var embeddingFields = map[string]check{
	"model": isString, "input": isText, "dimensions": integer(1, 3072), "user": isString,
	"encoding_format": oneOf("float", "base64"),
}

func (x *exchange) embeddings(o object) error {
	x.deployed(o)
	if err := o.fields(embeddingFields); err != nil {
		return err
	}
	model := text(o["model"])
	if model == "" {
		return badRequest("model", "you must provide a model parameter")
	}
	sizes, err := inputSizes(o["input"])
	if err != nil {
		return err
	}
	if err := x.begin(model); err != nil || !x.wait() {
		return err
	}
	dimensions := o.int("dimensions")
	if dimensions == 0 {
		dimensions = 8 // enough to tell values apart
	}
	var data []any
	for i, size := range sizes {
		x.pending.InputTokens += size
		data = append(data, ordered{{"object", "embedding"}, {"index", i}, {"embedding", vector(dimensions, size, text(o["encoding_format"]))}})
	}
	x.pending.Model = model
	answer := ordered{{"object", "list"}, {"data", data}, {"model", model}}
	if x.fault.usage != "none" {
		answer = append(answer, member{"usage", ordered{{"prompt_tokens", x.pending.InputTokens}, {"total_tokens", x.pending.InputTokens}}})
	}
	x.sendJSON(http.StatusOK, answer)
	return nil
}

// inputSizes are the tokens of each input: words of a text, or the length of a
// list of token ids.
func inputSizes(v json.RawMessage) ([]int64, error) {
	bad := badRequest("input", "'$.input' is invalid.")
	if s := text(v); s != "" {
		return []int64{words(s)}, nil
	}
	var ids []int64
	if json.Unmarshal(v, &ids) == nil && len(ids) > 0 {
		return []int64{int64(len(ids))}, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(v, &list) != nil || len(list) == 0 {
		return nil, bad
	}
	var sizes []int64
	for _, item := range list {
		switch s := text(item); {
		case s != "":
			sizes = append(sizes, words(s))
		case json.Unmarshal(item, &ids) == nil && len(ids) > 0:
			sizes = append(sizes, int64(len(ids)))
		default:
			return nil, bad
		}
	}
	return sizes, nil
}

func vector(dimensions, seed int64, format string) any {
	floats := make([]float32, dimensions)
	for i := range floats {
		floats[i] = float32(math.Sin(float64(seed) + float64(i)))
	}
	if format != "base64" {
		return floats
	}
	var b []byte
	for _, f := range floats {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}
