package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	_ "modernc.org/sqlite" // driver "sqlite"
)

// sqliteReaders is how many statements read at once. Readers do not block the
// writer, nor it them (WAL).
const sqliteReaders = 4

// OpenSQLite opens the database in the file at path, makes it when it is not
// there (mode 0600), and brings its schema up to date.
func OpenSQLite(ctx context.Context, path string, o Options) (*Store, error) {
	s, err := newStore(o)
	if err != nil {
		return nil, err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	// SQLite gives the -wal and -shm files the mode of the database's.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.dialect = sqliteDialect
	s.backend = &sqliteBackend{path: path}
	// One connection writes, so writers queue in Go instead of failing as busy.
	// FULL: an acknowledged write survives a power cut.
	if s.write, err = openSQLite(path, 1, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)"); err != nil {
		return nil, err
	}
	if s.read, err = openSQLite(path, sqliteReaders, "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	err = s.migrate(ctx)
	if err == nil {
		err = s.claim(ctx)
	}
	if err == nil {
		err = s.beginAudit(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), s.Close())
	}
	return s, nil
}

func openSQLite(path string, connections int, parameters ...string) (*sql.DB, error) {
	// busy_timeout is for another process on the same file, such as a backup.
	parameters = append([]string{"_pragma=busy_timeout(5000)", "_pragma=foreign_keys(1)"}, parameters...)
	address := url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(parameters, "&")}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

type sqliteBackend struct{ path string }

// insertEvents reuses one prepared statement: there is no round trip to save.
func (b *sqliteBackend) insertEvents(ctx context.Context, tx *sql.Tx, rows []eventRows) (written []string, err error) {
	insert, err := tx.PrepareContext(ctx, "INSERT INTO events ("+eventColumnNames+") VALUES ("+
		strings.TrimSuffix(strings.Repeat("?,", len(eventColumns)), ",")+") ON CONFLICT DO NOTHING")
	if err != nil {
		return nil, err
	}
	defer func() { _ = insert.Close() }()
	for _, row := range rows {
		result, err := insert.ExecContext(ctx, row.event...)
		if err != nil {
			return nil, err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			if err != nil {
				return nil, err
			}
			continue // it is there, and its accounts with it
		}
		written = append(written, row.event[0].(string))
		for _, account := range row.accounts {
			if _, err := tx.ExecContext(ctx, "INSERT INTO event_accounts ("+accountColumnNames+") VALUES (?, ?, ?, ?)", account...); err != nil {
				return nil, err
			}
		}
	}
	return written, nil
}

// insertRows reuses one prepared statement, as insertEvents does.
func (b *sqliteBackend) insertRows(ctx context.Context, tx *sql.Tx, into table, rows [][]any) error {
	insert, err := tx.PrepareContext(ctx, into.insertInto()+"VALUES ("+strings.TrimSuffix(strings.Repeat("?,", len(into.columns)), ",")+") "+into.conflict)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, row := range rows {
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return nil
}

// listen has nothing to do: an embedded database is written by its own process.
func (b *sqliteBackend) listen(ctx context.Context, _ func()) { <-ctx.Done() }

// lockSingleProcessor holds an advisory lock on a file beside the database. The
// kernel drops it when the process dies, however it dies.
func (b *sqliteBackend) lockSingleProcessor(context.Context) (func(), error) {
	path := b.path + ".processor-lock"
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside our own database
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		_ = file.Close()
		return nil, errSecondProcessor
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil
}
