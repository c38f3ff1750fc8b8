package store

import (
	"context"
	"database/sql"

	"github.com/bricks-gateway/bricks/internal/audit"
)

// together is one transaction that many writes share.
type together struct {
	tx      *sql.Tx
	entries []audit.Entry // to be told of once they are committed
}

// Together runs f with a Store whose writes, and what it reads, are one
// transaction: it is committed when f returns nil, and nothing of it is left
// otherwise. A write that fails is undone alone, as it always is, and f may go on.
// That Store's own Together undoes several in the same way. It is f's only, and not
// safe for concurrent use. Other writers of
// administrative changes wait for the end.
func (s *Store) Together(ctx context.Context, doing string, f func(context.Context, *Store) error) error {
	if s.together != nil {
		return s.together.update(ctx, func(ctx context.Context, _ *sql.Tx) error { return f(ctx, s) })
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(doing, err)
	}
	shared := &together{tx: tx}
	inner := &Store{
		read: s.read, write: s.write, dialect: s.dialect, keyring: s.keyring, logger: s.logger, now: s.now,
		chain: s.chain, fallback: s.fallback, readTimeout: s.readTimeout, writeTimeout: s.writeTimeout,
		backend: s.backend, together: shared,
	}
	if err := f(ctx, inner); err != nil {
		_ = tx.Rollback() // the reason to roll back is the error to tell
		return err
	}
	if err := tx.Commit(); err != nil {
		return s.explain(doing, err)
	}
	s.watchers.wake()
	for i := range shared.entries {
		s.logEntry(ctx, &shared.entries[i])
	}
	return nil
}

// update runs f so that a failure leaves nothing of f, and the rest as it was.
func (t *together) update(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	if _, err := t.tx.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	told := len(t.entries)
	if err := f(ctx, t.tx); err != nil {
		t.entries = t.entries[:told]
		if _, undo := t.tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT one"); undo != nil {
			return undo // the transaction is lost: nothing of it can be committed
		}
		return err
	}
	_, err := t.tx.ExecContext(ctx, "RELEASE SAVEPOINT one")
	return err
}

// committed tells the world of a change once it is committed.
func (s *Store) committed(ctx context.Context, e *audit.Entry) {
	if s.together != nil {
		s.together.entries = append(s.together.entries, *e)
		return
	}
	s.watchers.wake()
	s.logEntry(ctx, e)
}
