package cli

import (
	"bytes"
	"encoding/json"
	"errors"
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
	text, err := json.Marshal(flags)
	if err != nil {
		return nil, fmt.Errorf("spell the flags: %w", err)
	}
	members, err := objectOf(text)
	if err != nil {
		return nil, fmt.Errorf("spell the flags: %w", err)
	}
	if f.File != "" {
		if text, err = e.read(f.File); err != nil {
			return nil, err
		}
		below, err := objectOf(text)
		if err != nil {
			return nil, Usagef("--file: is not a JSON object: %w", err)
		}
		members = overlay(below, members)
	}
	for _, name := range clear {
		members[name] = nil
	}
	if len(members) == 0 {
		return nil, Usagef("there is nothing to send: give flags, or --file")
	}
	if blank != "" {
		below, err := objectOf([]byte(blank))
		if err != nil {
			return nil, fmt.Errorf("spell the request: %w", err)
		}
		members = overlay(below, members)
	}
	return json.Marshal(members)
}

// objectOf reads an object, and keeps its numbers as they are spelled.
func objectOf(text []byte) (members map[string]any, err error) {
	if !json.Valid(text) { // the decoder would stop behind the first value
		return nil, json.Unmarshal(text, &members)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("it is null")
	}
	return members, nil
}

// overlay lays members over those below; objects in both are laid over one another
// the same way, so that a flag changes one member of them.
func overlay(below, members map[string]any) map[string]any {
	for name, value := range members {
		over, both := value.(map[string]any)
		under, isObject := below[name].(map[string]any)
		if both && isObject {
			value = overlay(under, over)
		}
		below[name] = value
	}
	return below
}

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
