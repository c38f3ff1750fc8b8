package secrets_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bricks-gateway/bricks/internal/secrets"
)

var (
	pepperBytes = bytes.Repeat([]byte{0xfb}, secrets.Size) // base64 with + and /
	keyBytes    = bytes.Repeat([]byte{0x2a}, secrets.Size)
)

func TestLoadSpellings(t *testing.T) {
	want, err := secrets.New(pepperBytes, keyBytes)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(hex.EncodeToString(keyBytes)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, pepper := range []string{
		hex.EncodeToString(pepperBytes),
		strings.ToUpper(hex.EncodeToString(pepperBytes)),
		base64.StdEncoding.EncodeToString(pepperBytes),
		base64.RawURLEncoding.EncodeToString(pepperBytes),
		" " + base64.URLEncoding.EncodeToString(pepperBytes) + "\n",
	} {
		got, err := secrets.Load(secrets.LoadOptions{Pepper: pepper, EncryptionKeyFile: file})
		if err != nil {
			t.Errorf("pepper of %d characters: %v", len(pepper), err)
		} else if got.Fingerprint() != want.Fingerprint() {
			t.Errorf("pepper of %d characters was read as another one", len(pepper))
		}
	}
}

func TestLoadMakesFilesOnce(t *testing.T) {
	dir := t.TempDir()
	prints := make([]string, 4)
	var wg sync.WaitGroup
	for i := range prints { // processes that start at once
		wg.Go(func() {
			k, err := secrets.Load(secrets.LoadOptions{Dir: dir, MayCreate: true})
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = k.Fingerprint()
		})
	}
	wg.Wait()
	for _, p := range prints {
		if p != prints[0] {
			t.Errorf("fingerprints differ: %q", prints)
		}
	}
	again, err := secrets.Load(secrets.LoadOptions{Dir: dir})
	if err != nil || again.Fingerprint() != prints[0] {
		t.Errorf("read again: %v, %v", again, err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "secrets"))
	if err != nil || len(entries) != 2 {
		t.Fatalf("files %v (%v), want the two secrets", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", e.Name(), info.Mode(), err)
		}
	}
}

func TestLoadErrorsSayWhatToGive(t *testing.T) {
	good := hex.EncodeToString(keyBytes)
	const canary = "canary-not-32-bytes"
	for _, c := range []struct {
		name    string
		options secrets.LoadOptions
		want    []string
	}{
		{"nothing", secrets.LoadOptions{}, []string{secrets.PepperVariable, secrets.PepperFileVariable, secrets.EncryptionKeyVariable, secrets.EncryptionKeyFileVariable}},
		{"may not create", secrets.LoadOptions{Dir: t.TempDir(), EncryptionKey: good}, []string{secrets.PepperVariable}},
		{"malformed", secrets.LoadOptions{Pepper: canary, EncryptionKey: canary}, []string{secrets.PepperVariable, secrets.EncryptionKeyVariable, "base64 or hex"}},
		{"text and file", secrets.LoadOptions{Pepper: good, PepperFile: "f", EncryptionKey: good}, []string{"not both"}},
		{"named file is not there", secrets.LoadOptions{PepperFile: "no-such-file", EncryptionKey: good, Dir: t.TempDir(), MayCreate: true}, []string{"no-such-file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := secrets.Load(c.options)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("error %q repeats the value", err)
			}
		})
	}
}
