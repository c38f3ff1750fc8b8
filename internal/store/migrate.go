package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/bricks-gateway/bricks/internal/progress"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema to the version of this program. On PostgreSQL the
// caller holds the advisory lock.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("open migrations: %w", err)
	}
	provider, err := goose.NewProvider(s.dialect.goose, s.write, files, goose.WithDisableGlobalRegistry(true), goose.WithTableName("bricks_schema"),
		goose.WithGoMigrations(goose.NewGoMigration(9, &goose.GoFunc{RunTx: s.rollUpAll}, nil)))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return s.explain("read schema version", err)
	}
	if current > newest {
		return fmt.Errorf("the database has schema version %d, this program knows %d: it was opened by a newer program; run that one, or restore a backup", current, newest)
	}
	return s.explain("migrate schema", upOneByOne(ctx, provider))
}

// upOneByOne applies what is pending, and says how much of it is done.
func upOneByOne(ctx context.Context, provider *goose.Provider) error {
	all, err := provider.Status(ctx)
	if err != nil {
		return err
	}
	pending := int64(0)
	for _, m := range all {
		if m.State == goose.StatePending {
			pending++
		}
	}
	for done := int64(0); pending > 0; done++ {
		progress.Report(ctx, done, pending)
		_, err := provider.UpByOne(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// claim keeps the keyring's fingerprint when there is none, and refuses a
// keyring with another one: with it no Bricks key would be recognised and no
// credential could be opened.
func (s *Store) claim(ctx context.Context) error {
	var kept string
	err := s.update(ctx, "keep keyring fingerprint", func(ctx context.Context, tx *sql.Tx) error {
		q := querier{tx, s.dialect}
		if _, err := q.exec(ctx, "INSERT INTO meta (name, value) VALUES ('keyring_fingerprint', ?) ON CONFLICT DO NOTHING", s.keyring.Fingerprint()); err != nil {
			return err
		}
		return q.queryRow(ctx, "SELECT value FROM meta WHERE name = 'keyring_fingerprint'").Scan(&kept)
	})
	if err != nil {
		return err
	}
	if err := s.keyring.CheckFingerprint(kept); err != nil {
		return fmt.Errorf("this database belongs to other secrets: %w. "+
			"Give the pepper and the encryption key that it was first opened with (from your backup of the secrets), "+
			"or use an empty database: with these ones all its keys and credentials are dead", err)
	}
	return nil
}
