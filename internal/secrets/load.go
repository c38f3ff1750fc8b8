package secrets

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LoadOptions says where the two secrets are. Each comes from its text, else
// from its named file, else from its file below Dir.
type LoadOptions struct {
	// Dir is the data directory. Its files secrets/pepper and
	// secrets/encryption-key are read when nothing else is given.
	Dir string
	// MayCreate allows to make the files below Dir when they are not there.
	// Only a store that lives in the same directory may say so: with a shared
	// database every process would make its own secrets.
	MayCreate bool

	PepperFile        string
	Pepper            string // base64 or hex of 32 bytes, as from an environment variable
	EncryptionKeyFile string
	EncryptionKey     string // same
}

// The environment variables named in errors. The program that fills
// LoadOptions reads them.
const (
	PepperVariable            = "BRICKS_PEPPER"
	PepperFileVariable        = "BRICKS_PEPPER_FILE"
	EncryptionKeyVariable     = "BRICKS_ENCRYPTION_KEY"
	EncryptionKeyFileVariable = "BRICKS_ENCRYPTION_KEY_FILE"
)

// source is where one of the two secrets may come from.
type source struct {
	name         string
	text, file   string
	variable     string
	fileVariable string
	path         string // below Dir; empty without a Dir
	mayCreate    bool
}

// Load reads both secrets, or makes them where that is allowed. Its error lists
// all faults at once and says which variable or file to give.
func Load(o LoadOptions) (*Keyring, error) {
	pepper, errPepper := source{
		name: "pepper", text: o.Pepper, file: o.PepperFile, path: below(o.Dir, "pepper"), mayCreate: o.MayCreate,
		variable: PepperVariable, fileVariable: PepperFileVariable,
	}.load()
	key, errKey := source{
		name: "encryption key", text: o.EncryptionKey, file: o.EncryptionKeyFile, path: below(o.Dir, "encryption-key"), mayCreate: o.MayCreate,
		variable: EncryptionKeyVariable, fileVariable: EncryptionKeyFileVariable,
	}.load()
	if err := errors.Join(errPepper, errKey); err != nil {
		return nil, err
	}
	return New(pepper, key)
}

func below(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "secrets", name)
}

func (s source) load() ([]byte, error) {
	switch {
	case s.text != "" && s.file != "":
		return nil, fmt.Errorf("%s: give %s or %s, not both", s.name, s.variable, s.fileVariable)
	case s.text != "":
		value, err := decode(s.text)
		if err != nil {
			return nil, fmt.Errorf("%s from %s: %w", s.name, s.variable, err)
		}
		return value, nil
	case s.file != "":
		return s.read(s.file)
	case s.path == "":
		return nil, s.missing()
	}
	value, err := s.read(s.path)
	if !errors.Is(err, fs.ErrNotExist) {
		return value, err
	}
	if !s.mayCreate {
		return nil, s.missing()
	}
	return s.create()
}

func (s source) missing() error {
	return fmt.Errorf("no %s: set %s, or %s to a file; it is 32 random bytes in base64 or hex (openssl rand -base64 32), the same for every process",
		s.name, s.variable, s.fileVariable)
}

func (s source) read(path string) ([]byte, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.name, err)
	}
	value, err := decode(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", s.name, path, err)
	}
	return value, nil
}

// create makes the secret and its file. The file appears whole or not at all,
// and an existing one is never replaced: of two processes that start at once
// the slower one reads what the faster one made.
func (s source) create() ([]byte, error) {
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for %s: %w", s.name, err)
	}
	value := make([]byte, Size)
	if _, err := rand.Read(value); err != nil {
		return nil, fmt.Errorf("make %s: %w", s.name, err)
	}
	temp, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make file for %s: %w", s.name, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.WriteString(base64.StdEncoding.EncodeToString(value) + "\n")
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, fmt.Errorf("write %s: %w", s.name, err)
	}
	if err := os.Link(temp.Name(), s.path); errors.Is(err, fs.ErrExist) {
		return s.read(s.path)
	} else if err != nil {
		return nil, fmt.Errorf("write %s: %w", s.name, err)
	}
	return value, syncDir(dir)
}

func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // our own directory
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// decode reads 32 bytes written in hex or in any spelling of base64. Its error
// does not repeat the text.
func decode(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if value, err := hex.DecodeString(text); err == nil && len(value) == Size {
		return value, nil
	}
	plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	if value, err := base64.RawStdEncoding.DecodeString(plain); err == nil && len(value) == Size {
		return value, nil
	}
	return nil, fmt.Errorf("want %d bytes in base64 or hex", Size)
}
