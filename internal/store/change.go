package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// What a Change is about.
const (
	KindKey     = "key"
	KindSetting = "setting"
	KindRoute   = "route"
	KindUser    = "user"
	KindPolicy  = "policy"
	KindPrices  = "prices" // overrides, or what to do without a price

	KindCustomProvider = "custom_provider"
	KindAdminKey       = "admin_key"
	KindEvents         = "events" // corrections; in the audit log only
)

// Change says that an object was made, changed or deleted, not how: whoever
// cares reads it again.
type Change struct {
	Revision int64
	Kind     string // KindKey, KindSetting, …
	ID       string
	// Digests are all that the key had before or after the change; none for
	// what is no key.
	Digests []secrets.Digest
	// UserIDs are what clients called the user before and after the change; none
	// for what is no user.
	UserIDs []string
	// Before and After are for the audit log, and not kept with the change. One of
	// them at least is there when a change is made.
	Before, After audit.View
}

// administer runs f in a transaction at a new revision and keeps the change
// that f returns, in the feed and in the audit log. f's context names the author.
// Without one nothing is done, and without an entry in the log nothing is
// committed. Raising the revision comes first: its row lock makes
// administrative transactions take turns on PostgreSQL (on SQLite they do
// anyway), so f may read, decide and write.
func (s *Store) administer(ctx context.Context, doing string, f func(ctx context.Context, q querier, revision int64) (Change, error)) (int64, error) {
	author, err := s.author(ctx)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	var revision int64
	var entry audit.Entry
	err = s.update(audit.By(ctx, author), doing, func(ctx context.Context, tx *sql.Tx) error {
		q := querier{tx, s.dialect}
		if err := q.queryRow(ctx, "UPDATE revision SET value = value + 1 WHERE id = 1 RETURNING value").Scan(&revision); err != nil {
			return err
		}
		change, err := f(ctx, q, revision)
		if err != nil {
			return err
		}
		change.Revision = revision
		if _, err := q.exec(ctx, "INSERT INTO changes (revision, kind, object_id, digests, user_ids) VALUES (?, ?, ?, ?, ?)",
			revision, change.Kind, change.ID, joinDigests(change.Digests), list(change.UserIDs)); err != nil {
			return err
		}
		if entry, err = change.entry(author); err != nil {
			return err
		}
		if err := s.record(ctx, q, &entry); err != nil {
			return err
		}
		if s.dialect.notify != "" {
			_, err = q.exec(ctx, s.dialect.notify)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	s.committed(ctx, &entry)
	return revision, nil
}

// entry is what the audit log says of the change.
func (c Change) entry(a audit.Author) (audit.Entry, error) {
	e := a.NewEntry()
	e.Kind, e.ObjectID, e.Revision = c.Kind, c.ID, c.Revision
	e.Before, e.After = c.Before.JSON, c.After.JSON
	if err := errors.Join(c.Before.Err, c.After.Err); err != nil {
		return e, err
	}
	if e.Before == "" && e.After == "" {
		return e, fmt.Errorf("a change of a %s says neither what was nor what is", c.Kind)
	}
	return e, nil
}

// Revision is the revision of the last administrative commit; 0 before the
// first.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	var revision int64
	err := s.view(ctx, "read revision", func(ctx context.Context, q querier) error {
		return q.queryRow(ctx, "SELECT value FROM revision WHERE id = 1").Scan(&revision)
	})
	return revision, err
}

// ChangesSince returns every change after revision, oldest first, one for each
// revision. An object that changed several times is there several times.
func (s *Store) ChangesSince(ctx context.Context, revision int64) ([]Change, error) {
	var changes []Change
	err := s.view(ctx, "read changes", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT revision, kind, object_id, digests, user_ids FROM changes WHERE revision > ? ORDER BY revision", revision)
		if err != nil {
			return err
		}
		changes, err = collect(rows, scanChange)
		return err
	})
	return changes, err
}

func scanChange(row scanner) (Change, error) {
	var c Change
	var digests []byte
	if err := row.Scan(&c.Revision, &c.Kind, &c.ID, &digests, jsonColumn{&c.UserIDs}); err != nil {
		return c, err
	}
	for part := range slices.Chunk(digests, len(secrets.Digest{})) {
		if len(part) != len(secrets.Digest{}) {
			return c, fmt.Errorf("change %d: digests are cut", c.Revision)
		}
		c.Digests = append(c.Digests, secrets.Digest(part))
	}
	return c, nil
}

func joinDigests(digests []secrets.Digest) []byte {
	joined := make([]byte, 0, len(digests)*len(secrets.Digest{}))
	for _, d := range digests {
		joined = append(joined, d[:]...)
	}
	return joined
}
