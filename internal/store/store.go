// Package store keeps keys, users, provider settings and events in a SQL database:
// SQLite inside the process, or PostgreSQL. There is one Store; what the two
// databases spell differently is a small dialect value.
//
// The idea needed to read it: every administrative write is one transaction
// that first raises a global revision. That row's lock makes such writes take
// turns, so a reader who asks for the changes since a revision never misses
// one that commits late. The same transaction writes the change into the audit
// log; one that cannot be is undone. Events are another matter: they are written in bulk and
// raise no revision. One thing of them changes, once: the price status of an
// event whose cost was not known when it was written.
//
// Errors that a caller can act on are *gateway.Error of kind NotFound, Conflict,
// Invalid or Unavailable (the database cannot be reached, or takes no writes).
// The package is not a cache and decides nothing about requests.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// Options are what both kinds of database need.
type Options struct {
	// Keyring seals credentials. Its fingerprint is kept in the database the
	// first time, and a different one is refused later.
	Keyring *secrets.Keyring
	// Logger is for what happens outside of a call; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Author is named in the audit log by changes whose context names nobody.
	// nil: such a change is refused, as it must be where people make changes.
	Author *audit.Author
}

// Store is one database. It is safe for concurrent use.
type Store struct {
	read    *sql.DB
	write   *sql.DB // the same as read on PostgreSQL
	dialect dialect
	keyring *secrets.Keyring
	logger  *slog.Logger
	now     func() time.Time

	chain    *audit.Chain
	fallback *audit.Author // nil: none

	readTimeout  time.Duration // 0: none
	writeTimeout time.Duration // 0: none

	watchers watchers
	backend  backend

	together *together // nil: each write is a transaction of its own
}

// backend is what has no SQL in common.
type backend interface {
	// insertEvents writes events that are not there yet, with their accounts, and
	// returns the ids of those. No two rows have the same id.
	insertEvents(ctx context.Context, tx *sql.Tx, rows []eventRows) (written []string, err error)
	// insertRows writes rows, none of which is in the way of another one.
	insertRows(ctx context.Context, tx *sql.Tx, into table, rows [][]any) error
	// listen calls wake after other processes' commits until ctx ends.
	listen(ctx context.Context, wake func())
	// lockSingleProcessor holds a lock until the returned function is called.
	lockSingleProcessor(ctx context.Context) (func(), error)
}

func newStore(o Options) (*Store, error) {
	if o.Keyring == nil {
		return nil, errors.New("open store: no keyring")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{keyring: o.Keyring, logger: o.Logger, now: o.Now, chain: audit.NewChain(o.Keyring), fallback: o.Author}, nil
}

// Close stops what runs in the background and closes the connections.
func (s *Store) Close() error {
	s.watchers.stop()
	err := s.read.Close()
	if s.write != s.read {
		err = errors.Join(err, s.write.Close())
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.view(ctx, "ping store", func(ctx context.Context, q querier) error {
		var one int
		return q.queryRow(ctx, "SELECT 1").Scan(&one)
	})
}

// querier runs statements written with ? as placeholders on a connection pool
// or in a transaction.
type querier struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	dialect dialect
}

func (q querier) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := q.on.ExecContext(ctx, q.dialect.rebind(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (q querier) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return q.on.QueryContext(ctx, q.dialect.rebind(query), args...)
}

func (q querier) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return q.on.QueryRowContext(ctx, q.dialect.rebind(query), args...)
}

// view reads. What f reads in several statements may come from different
// moments; each statement sees one.
func (s *Store) view(ctx context.Context, doing string, f func(context.Context, querier) error) error {
	ctx, cancel := within(ctx, s.readTimeout)
	defer cancel()
	if s.together != nil {
		return s.explain(doing, f(ctx, querier{s.together.tx, s.dialect}))
	}
	return s.explain(doing, f(ctx, querier{s.read, s.dialect}))
}

// snapshot reads in several statements what there is at one moment.
func (s *Store) snapshot(ctx context.Context, doing string, f func(context.Context, querier) error) error {
	ctx, cancel := within(ctx, s.readTimeout)
	defer cancel()
	if s.together != nil { // one moment is not to be had there; what is written is
		return s.explain(doing, f(ctx, querier{s.together.tx, s.dialect}))
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: s.dialect.snapshot})
	if err != nil {
		return s.explain(doing, err)
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to commit
	if s.dialect.report != "" {
		if _, err := tx.ExecContext(ctx, s.dialect.report); err != nil {
			return s.explain(doing, err)
		}
	}
	return s.explain(doing, f(ctx, querier{tx, s.dialect}))
}

// update runs f in a transaction on the writing connection.
func (s *Store) update(ctx context.Context, doing string, f func(context.Context, *sql.Tx) error) error {
	if s.together != nil {
		return s.explain(doing, s.together.update(ctx, f))
	}
	ctx, cancel := within(ctx, s.writeTimeout)
	defer cancel()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(doing, err)
	}
	if err := f(ctx, tx); err != nil {
		_ = tx.Rollback() // the reason to roll back is the error to tell
		return s.explain(doing, err)
	}
	return s.explain(doing, tx.Commit())
}

func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d)
}

// collect reads all rows with scan.
func collect[T any](rows *sql.Rows, scan func(scanner) (T, error)) ([]T, error) {
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// scanner is *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }
