package token

import (
	"fmt"
	"strings"
)

// Encoding names one of OpenAI's vocabularies and the way it splits text.
type Encoding string

// The encodings of the models that are served today; None stands for models
// whose vocabulary is not public.
const (
	None       Encoding = ""
	O200kBase  Encoding = "o200k_base"
	CL100kBase Encoding = "cl100k_base"
)

// Load makes the encodings ready, so that no request waits for it; an encoding
// that was not loaded is loaded when first used, in about 0.1 s. Loaded ones stay:
// 8.3 MiB for O200kBase, 4.2 MiB for CL100kBase, 1.1 MiB for both. An encoding of
// another name is an error.
func Load(encodings ...Encoding) error {
	for _, e := range encodings {
		if _, ok := loaders[e]; !ok {
			return fmt.Errorf("no encoding is called %q", e)
		}
		loaders[e]()
	}
	return nil
}

// families: the first whose name a model's name starts with decides. A family's
// name ends where the model's does, or before one of the bytes in ends: versions,
// dates, sizes and fine-tunes follow, but gpt-4 is neither gpt-4o nor gpt-4.9.
// Source: tiktoken's model.py 0.14 and the providers' model lists, November 2026.
var families = []struct {
	name, ends string
	encoding   Encoding
}{
	{"gpt-4o", "-:@", O200kBase},
	{"gpt-4.1", "-:@", O200kBase},
	{"gpt-4.5", "-:@", O200kBase},
	{"gpt-5", "-.:@", O200kBase},
	{"gpt-oss", "-:@", O200kBase},
	{"chatgpt", "-", O200kBase},
	{"codex", "-", O200kBase},
	{"o1", "-:@", O200kBase},
	{"o3", "-:@", O200kBase},
	{"o4", "-:@", O200kBase},
	{"gpt-4", "-:@", CL100kBase},
	{"gpt-3.5", "-:@", CL100kBase},
	{"gpt-35", "-:@", CL100kBase}, // as Azure spells it
	{"text-embedding-3", "-", CL100kBase},
	{"text-embedding-ada-002", "-", CL100kBase},
	{"babbage-002", ":", CL100kBase},
	{"davinci-002", ":", CL100kBase},
}

// encodingOf returns the encoding of one of OpenAI's models by its name, None for
// a name that is not known to be OpenAI's.
func encodingOf(model string) Encoding {
	model = strings.ToLower(model)
	model = strings.TrimPrefix(model, "ft:")
	for _, f := range families {
		rest, ok := strings.CutPrefix(model, f.name)
		if ok && (rest == "" || strings.IndexByte(f.ends, rest[0]) >= 0) {
			return f.encoding
		}
	}
	return None
}
