package token

import "github.com/bricks-gateway/bricks/internal/jsonscan"

// tool counts the declaration of a function. Tools that the provider runs itself
// bring input that nobody sees before.
func (r *request) tool(value []byte) {
	switch kind(value) {
	case "", "function", "custom":
		if _, wrapped := jsonscan.Get(value, "function"); !wrapped {
			r.tokens += perStructure
		}
		r.schema(value)
	default:
		r.hidden = true
	}
}

// What the cookbook adds for a function, its properties and the items of an enum.
const (
	perStructure = 4 // function, parameters, properties: 10 in the cookbook
	perProperty  = 3
	perEnumItem  = 3
	perWord      = 1 // a colon or a newline beside a name, a type, a description
)

// schema counts a function's declaration. OpenAI shows functions to the models
// as TypeScript: the schema's own words, as "type" and "required", vanish there,
// and each property costs a little around its name. A member that is not one of
// these words counts as a property.
func (r *request) schema(value []byte) { r.lex(value, true) }

// json counts any other JSON, by its strings and numbers and what stands between.
func (r *request) json(value []byte) { r.lex(value, false) }

// lex counts JSON in one pass over its text, so that nesting costs nothing.
func (r *request) lex(value []byte, words bool) {
	r.work -= len(value)
	if r.vocabulary == nil {
		r.raw(value)
		return
	}
	word := "" // the key whose value comes next
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == '"':
			end := stringEnd(value, i)
			s := value[i:end]
			i = end
			if at := skip(value, end, ':'); at == end {
				r.quoted(s)
				r.tokens += around(word)
			} else if word = ""; words {
				word = r.schemaKey(s, skip(value, at, '{') > at)
			} else {
				r.quoted(s)
				r.tokens += perProperty
			}
		case c == '[' && word == "required":
			i = max(i+1, namesEnd(value, i))
		case c == '{' || c == '}' || c == ']':
			word = ""
			i++
		case c == '[' || c == ',' || c == ':' || c <= ' ':
			i++
		default: // a number, true, false or null
			start := i
			for i < len(value) && value[i] != ',' && value[i] != '}' && value[i] != ']' && value[i] > ' ' {
				i++
			}
			r.text(value[start:i])
			if word == "" {
				r.tokens += perEnumItem
			}
		}
	}
}

// around returns the tokens beside a value of the member called word.
func around(word string) int64 {
	if word == "" || word == "enum" {
		return perEnumItem
	}
	return perWord
}

// schemaKey counts a key. It returns a word of the schema language whose value is
// no object: such a name with an object is a property's.
func (r *request) schemaKey(quoted []byte, object bool) string {
	switch string(quoted) {
	case `"type"`, `"name"`, `"description"`, `"required"`, `"enum"`, `"strict"`, `"additionalProperties"`:
		if !object {
			return string(quoted[1 : len(quoted)-1])
		}
	case `"function"`, `"parameters"`, `"properties"`, `"items"`:
		if object {
			r.tokens += perStructure
			return ""
		}
	}
	r.quoted(quoted)
	r.tokens += perProperty
	return ""
}

// skip returns the offset behind c if it comes next from i on, else i.
func skip(value []byte, i int, c byte) int {
	at := i
	for at < len(value) && value[at] <= ' ' {
		at++
	}
	if at < len(value) && value[at] == c {
		return at + 1
	}
	return i
}

// stringEnd returns the offset behind the string that starts at i.
func stringEnd(value []byte, i int) int {
	for i++; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(value)
}

// longestName is what OpenAI lets a property's name be.
const longestName = 64

// namesEnd returns the offset behind the list of names that starts at i, 0 if it
// holds anything else.
func namesEnd(value []byte, i int) int {
	for i++; i < len(value); {
		switch c := value[i]; {
		case c == '"':
			end := stringEnd(value, i)
			if end-i > longestName+2 {
				return 0
			}
			i = end
		case c == ']':
			return i + 1
		case c == ',' || c <= ' ':
			i++
		default:
			return 0
		}
	}
	return 0
}
