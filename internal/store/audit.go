package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

const (
	// metaAuditBegin holds the hash that the first entry is chained to. Its row
	// also says that the log was begun: whoever takes all of it away cannot make
	// the next start begin a new one unnoticed.
	metaAuditBegin = "audit_begin"

	auditColumns = "number, at, author_id, author_name, role, address, operation, kind, object_id, revision, before_change, after_change, hash"
)

// beginAudit makes the head of an empty log, once in the life of a database.
func (s *Store) beginAudit(ctx context.Context) error {
	return s.update(ctx, "begin audit log", func(ctx context.Context, tx *sql.Tx) error {
		q := querier{tx, s.dialect}
		head := s.chain.Begin()
		n, err := q.exec(ctx, "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", metaAuditBegin, hex.EncodeToString(head.Hash[:]))
		if err != nil || n == 0 {
			return err
		}
		_, err = q.exec(ctx, "INSERT INTO audit_head (id, number, hash, seal) VALUES (1, ?, ?, ?)", head.Number, head.Hash[:], head.Seal[:])
		return err
	})
}

// author is who makes the changes of ctx, else the one that the options name.
func (s *Store) author(ctx context.Context) (audit.Author, error) {
	a, ok := audit.AuthorOf(ctx)
	if !ok && s.fallback != nil {
		a = *s.fallback
	}
	return a, a.Check()
}

// record writes the entry of a change in the change's own transaction, which
// holds the lock of the revision: entries come one after the other. An error
// undoes the change.
func (s *Store) record(ctx context.Context, q querier, e *audit.Entry) error {
	// The lock of the head's row, too, so that the chain does not depend on
	// what else callers lock.
	head, err := scanHead(q.queryRow(ctx, "UPDATE audit_head SET number = number WHERE id = 1 RETURNING number, hash, seal"))
	if errors.Is(err, sql.ErrNoRows) {
		return auditBroken(errors.New("the audit log has no head"))
	}
	if err != nil {
		return err
	}
	for _, field := range []*string{&e.AuthorID, &e.AuthorName, &e.Role, &e.Address, &e.Operation, &e.Kind, &e.ObjectID, &e.Before, &e.After} {
		*field = text(*field) // before it is hashed: as it will be read
	}
	e.At = time.UnixMicro(s.now().UnixMicro()).UTC()
	if head, err = s.chain.Next(head, e); err != nil {
		return auditBroken(err)
	}
	if _, err = q.exec(ctx, "INSERT INTO audit_log ("+auditColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		e.Number, e.At.UnixMicro(), e.AuthorID, e.AuthorName, e.Role, e.Address, e.Operation, e.Kind, e.ObjectID, e.Revision, e.Before, e.After, e.Hash[:]); err != nil {
		if duplicate(err) {
			return auditBroken(fmt.Errorf("the audit log has an entry %d behind its end", e.Number))
		}
		return err
	}
	_, err = q.exec(ctx, "UPDATE audit_head SET number = ?, hash = ?, seal = ? WHERE id = 1", head.Number, head.Hash[:], head.Seal[:])
	return err
}

func auditBroken(err error) error {
	return &gateway.Error{Kind: gateway.Unavailable, Err: err,
		Message: "the audit log is not as it was written, so that nothing can be changed; `bricks audit verify` says where"}
}

// logEntry tells the log of a committed entry: whoever keeps the log elsewhere
// has a witness that this database cannot change.
func (s *Store) logEntry(ctx context.Context, e *audit.Entry) {
	s.logger.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "admin change",
		slog.String("author", e.AuthorID), slog.String("operation", e.Operation), slog.String("kind", e.Kind), slog.String("object_id", e.ObjectID),
		slog.Int64("revision", e.Revision), slog.String("audit_anchor", audit.Anchor{Number: e.Number, Hash: e.Hash}.String()))
}

// AuditFilter selects entries; a zero field filters nothing.
type AuditFilter struct {
	AuthorID   string
	Operation  string
	Kind       string
	ObjectID   string
	Start, End time.Time // half-open
	Before     int64     // only entries with smaller numbers

	Limit int // 0: all
}

// AuditEntries returns the entries that match, newest first.
func (s *Store) AuditEntries(ctx context.Context, f AuditFilter) ([]audit.Entry, error) {
	where := conditions{dialect: s.dialect}
	for _, c := range []struct{ column, value string }{
		{"author_id", f.AuthorID}, {"operation", f.Operation}, {"kind", f.Kind}, {"object_id", f.ObjectID},
	} {
		if c.value != "" {
			where.add(c.column+" = ?", text(c.value))
		}
	}
	if !f.Start.IsZero() {
		where.add("at >= ?", f.Start.UnixMicro())
	}
	if !f.End.IsZero() {
		where.add("at < ?", f.End.UnixMicro())
	}
	if f.Before > 0 {
		where.add("number < ?", f.Before)
	}
	page, err := limitOffset(f.Limit, 0)
	if err != nil {
		return nil, err
	}
	var entries []audit.Entry
	err = s.view(ctx, "read audit log", func(ctx context.Context, q querier) (err error) {
		entries, err = auditEntries(ctx, q, where, " ORDER BY number DESC"+page)
		return err
	})
	return entries, err
}

func auditEntries(ctx context.Context, q querier, where conditions, rest string) ([]audit.Entry, error) {
	rows, err := q.query(ctx, "SELECT "+auditColumns+" FROM audit_log"+where.where()+rest, where.args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (audit.Entry, error) {
		var e audit.Entry
		var at int64
		var hash []byte
		err := row.Scan(&e.Number, &at, &e.AuthorID, &e.AuthorName, &e.Role, &e.Address, &e.Operation, &e.Kind, &e.ObjectID, &e.Revision, &e.Before, &e.After, &hash)
		e.At, e.Hash = time.UnixMicro(at).UTC(), digestOf(hash)
		return e, err
	})
}

func scanHead(row scanner) (audit.Head, error) {
	var h audit.Head
	var hash, seal []byte
	err := row.Scan(&h.Number, &hash, &seal)
	h.Hash, h.Seal = digestOf(hash), digestOf(seal)
	return h, err
}

// digestOf is the digest in a column. One of another length was not written by
// us; the zero digest fits nothing, so the chain breaks there.
func digestOf(raw []byte) secrets.Digest {
	if len(raw) != len(secrets.Digest{}) {
		return secrets.Digest{}
	}
	return secrets.Digest(raw)
}
