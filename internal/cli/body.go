package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/oapi-codegen/nullable"
)

// file is the flag that gives a body as JSON.
type file struct {
	File string `short:"f" placeholder:"FILE" help:"The object as the API takes it, in JSON; - reads standard input. Flags win over it."`
}

// body spells the request: blank, over it the file, over it the members that
// flags, one of the generated types, has set, and null for those to clear.
// Whether the result is right is for the API to say.
func (f file) body(e *Env, blank string, flags any, clear []string) ([]byte, error) {
	given, err := json.Marshal(flags)
	if err != nil {
		return nil, Usagef("%w", err)
	}
	members := map[string]json.RawMessage{}
	texts := [][]byte{given}
	if f.File != "" {
		text, err := e.read(f.File)
		if err != nil {
			return nil, err
		}
		texts = [][]byte{text, given}
	}
	for _, text := range texts {
		if err := overlay(members, text); err != nil {
			return nil, Usagef("--file: is not a JSON object: %w", err)
		}
	}
	for _, name := range clear {
		members[name] = json.RawMessage("null")
	}
	if len(members) == 0 {
		return nil, Usagef("there is nothing to send: give flags, or --file")
	}
	if blank != "" {
		whole := map[string]json.RawMessage{}
		for _, text := range []string{blank, string(must(members))} {
			if err := overlay(whole, []byte(text)); err != nil {
				return nil, fmt.Errorf("spell the request: %w", err)
			}
		}
		members = whole
	}
	return json.Marshal(members)
}

func must(members map[string]json.RawMessage) []byte {
	text, err := json.Marshal(members)
	if err != nil {
		panic(err) // every member was read as JSON
	}
	return text
}

// overlay lays the members of an object over others; objects in both are laid over
// one another the same way, so that a flag changes one member of them.
func overlay(members map[string]json.RawMessage, text []byte) error {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		return err
	}
	for name, value := range top {
		below := map[string]json.RawMessage{}
		if isObject(value) && isObject(members[name]) {
			if err := overlay(below, members[name]); err != nil {
				return err
			}
			if err := overlay(below, value); err != nil {
				return err
			}
			value = must(below)
		}
		members[name] = value
	}
	return nil
}

func isObject(text json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) }

// read returns the content of a file, or of standard input for -.
func (e *Env) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(e.Stdin)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, Usagef("%w", err)
	}
	return text, nil
}

// secret are the flags that bring a secret: never as an argument, which everyone
// on the machine can see.
type secret struct {
	CredentialFile     string `placeholder:"FILE" help:"The provider's credential, in a file; - reads standard input. It is never an argument: others can see those."`
	CredentialVariable string `placeholder:"NAME" help:"The provider's credential, in an environment variable of this name."`
}

// read returns the secret, or nil when none is given.
func (s secret) read(e *Env) (*string, error) {
	var text string
	switch {
	case s.CredentialFile != "" && s.CredentialVariable != "":
		return nil, Usagef("--credential-file and --credential-variable: give one of them")
	case s.CredentialFile != "":
		b, err := e.read(s.CredentialFile)
		if err != nil {
			return nil, err
		}
		text = strings.TrimSpace(string(b))
	case s.CredentialVariable != "":
		value, set := e.Variable(s.CredentialVariable)
		if !set {
			return nil, Usagef("--credential-variable: %s is not set", s.CredentialVariable)
		}
		text = strings.TrimSpace(value)
	default:
		return nil, nil
	}
	if text == "" {
		return nil, Usagef("the credential is empty")
	}
	return &text, nil
}

// set gives a member of a request the value of a flag, when that was given.
func set[T any](member *nullable.Nullable[T], flag *T) {
	if flag != nil {
		member.Set(*flag)
	}
}

// setList is set for flags that may be repeated.
func setList[T any](member *nullable.Nullable[[]T], flag []T) {
	if len(flag) > 0 {
		member.Set(flag)
	}
}
