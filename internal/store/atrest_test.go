package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// A database that can be opened twice and looked into from behind.
type database struct {
	open func(store.Options) (*store.Store, error)
	raw  *sql.DB
	dump func() []byte // all that is kept
}

func sqliteDatabase(t *testing.T) database {
	dir := t.TempDir()
	path := filepath.Join(dir, "bricks.db")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return database{
		open: func(o store.Options) (*store.Store, error) { return store.OpenSQLite(t.Context(), path, o) },
		raw:  raw,
		dump: func() []byte {
			var all []byte
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no files to look into: %v", err)
			}
			for _, name := range files {
				content, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, content...)
			}
			return all
		},
	}
}

func postgresDatabase(t *testing.T) database {
	config := storetest.PostgresDatabase(t)
	raw := rawPostgres(t, config)
	return database{
		open: func(o store.Options) (*store.Store, error) { return store.OpenPostgres(t.Context(), config, o) },
		raw:  raw,
		dump: func() []byte {
			var all strings.Builder
			for _, table := range []string{"meta", "revision", "changes", "settings", "keys", "key_settings", "key_secrets", "events", "audit_log", "audit_head"} {
				var text string
				// escape shows printable bytes of a bytea as they are.
				query := "SET bytea_output = 'escape'; SELECT COALESCE(string_agg(t::text, ' '), '') FROM " + table + " t"
				conn, err := raw.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				set, sel, _ := strings.Cut(query, ";")
				if _, err := conn.ExecContext(t.Context(), set); err != nil {
					t.Fatal(err)
				}
				if err := conn.QueryRowContext(t.Context(), sel).Scan(&text); err != nil {
					t.Fatal(err)
				}
				_ = conn.Close()
				all.WriteString(text)
			}
			return []byte(all.String())
		},
	}
}

func overBoth(t *testing.T, test func(*testing.T, database)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteDatabase(t)) })
	t.Run("Postgres", func(t *testing.T) { test(t, postgresDatabase(t)) })
}

func (d database) mustOpen(t *testing.T, o store.Options) *store.Store {
	t.Helper()
	s, err := d.open(o)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// No secret is in clear in what is kept: not the credentials, not parameters,
// which may be credentials too, not a key, be it one that can be shown, and no
// plain hash of a key, which a dictionary would break.
func TestSecretsAtRest(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		ring := storetest.Keyring(t)
		author := storetest.Author()
		author.View = func(any) ([]byte, error) { return []byte("{}"), nil } // what the audit log may show is the author's to know
		s := d.mustOpen(t, store.Options{Keyring: ring, Author: author})
		p := &gateway.ProviderSetting{
			Name: "in-clear", Provider: "custom", APIKey: gateway.NewSecret("canary-credential"),
			Params: map[string]string{"secretParam": "canary-parameter"},
		}
		if err := s.CreateSetting(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		var hashes []secrets.Digest
		for _, shown := range []bool{true, false} {
			key := gateway.NewSecret(fmt.Sprintf("canary-key-%v", shown))
			hash := secrets.HashKey(key.Reveal())
			hashes = append(hashes, hash)
			k := &gateway.Key{IsKeyNotHashed: shown, SettingIDs: []string{p.ID}}
			if err := s.CreateKey(t.Context(), k, store.NewSecret{Digest: ring.KeyDigest(hash), Secret: key}); err != nil {
				t.Fatal(err)
			}
		}
		check := func(dump []byte) {
			t.Helper()
			if !bytes.Contains(dump, []byte("in-clear")) {
				t.Fatal("the dump does not even have the name")
			}
			if bytes.Contains(dump, []byte("canary")) {
				t.Error("a secret is in clear")
			}
			for _, h := range hashes {
				if bytes.Contains(dump, h[:]) {
					t.Error("a plain hash of a key is kept")
				}
			}
		}
		check(d.dump())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		check(d.dump())
	})
}

// A sealed value opens in its own row only: who can write to the database
// cannot lend one tenant another's credential.
func TestSwappedCiphertextsDoNotOpen(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		s := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
		for _, name := range []string{"a", "b"} {
			if err := s.CreateSetting(t.Context(), &gateway.ProviderSetting{ID: name, Provider: "openai", APIKey: gateway.NewSecret("credential of " + name)}); err != nil {
				t.Fatal(err)
			}
			secret := store.NewSecret{Digest: secrets.HashKey(name), Secret: gateway.NewSecret("secret of " + name)}
			if err := s.CreateKey(t.Context(), &gateway.Key{ID: name, IsKeyNotHashed: true}, secret); err != nil {
				t.Fatal(err)
			}
		}
		for _, swap := range []string{
			"UPDATE settings SET sealed = (SELECT o.sealed FROM settings o WHERE o.id <> settings.id)",
			"UPDATE key_secrets SET sealed = (SELECT o.sealed FROM key_secrets o WHERE o.key_id <> key_secrets.key_id)",
		} {
			if _, err := d.raw.ExecContext(t.Context(), swap); err != nil {
				t.Fatal(err)
			}
		}
		if p, err := s.Setting(t.Context(), "a"); err == nil || gateway.KindOf(err) != "" {
			t.Errorf("swapped credential: got %v, %v; want an internal error", p, err)
		}
		if _, err := s.KeySecret(t.Context(), "a"); err == nil || gateway.KindOf(err) != "" {
			t.Errorf("swapped key secret: got %v; want an internal error", err)
		}
		if _, err := s.Key(t.Context(), "a"); err != nil {
			t.Errorf("a key is not readable without its secret: %v", err)
		}
	})
}

func TestOtherSecretsAreRefused(t *testing.T) {
	pepper, key := bytes.Repeat([]byte{'p'}, secrets.Size), bytes.Repeat([]byte{'e'}, secrets.Size)
	other := bytes.Repeat([]byte{'o'}, secrets.Size)
	overBoth(t, func(t *testing.T, d database) {
		if err := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()}).Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			pepper, key []byte
			want        string
		}{
			{other, key, "the pepper is not"},
			{pepper, other, "the encryption key is not"},
		} {
			ring, err := secrets.New(c.pepper, c.key)
			if err != nil {
				t.Fatal(err)
			}
			s, err := d.open(store.Options{Keyring: ring, Author: storetest.Author()})
			if err == nil {
				_ = s.Close()
				t.Fatalf("opened although %s the one", c.want)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "backup") {
				t.Errorf("error %q does not say %q and what to do", err, c.want)
			}
		}
		_ = d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()}) // the right ones still open it
	})
}

func TestDataSurvivesReopening(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		s := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
		if err := s.CreateSetting(t.Context(), &gateway.ProviderSetting{ID: "a", Provider: "openai", APIKey: gateway.NewSecret("credential")}); err != nil {
			t.Fatal(err)
		}
		if err := s.WriteEvents(t.Context(), []*gateway.Event{{ID: "e", KeyID: "k", Cost: 3}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
		if p, err := s.Setting(t.Context(), "a"); err != nil || p.APIKey.Reveal() != "credential" {
			t.Errorf("setting after reopening: %v, %v", p, err)
		}
		if sum, err := s.Spend(t.Context(), gateway.KeyAccount("k"), time.Time{}, time.Time{}); err != nil || sum != 3 {
			t.Errorf("spend after reopening: %v, %v", sum, err)
		}
		if revision, err := s.Revision(t.Context()); err != nil || revision != 1 {
			t.Errorf("revision after reopening: %v, %v", revision, err)
		}
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		if err := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()}).Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := d.raw.ExecContext(t.Context(), "INSERT INTO bricks_schema (version_id, is_applied) VALUES (9999, true)"); err != nil {
			t.Fatal(err)
		}
		s, err := d.open(store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("got %v, want a refusal that names the newer program", err)
		}
	})
}

func TestSQLiteFilesAreForTheOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd ?#% name.db")
	s, err := store.OpenSQLite(context.Background(), path, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if len(files) < 2 {
		t.Fatalf("files %q, want the database and its log", files)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 || !strings.HasPrefix(name, path) {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
	}
}
