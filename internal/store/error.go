package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

func notFound(what, id string) error {
	return &gateway.Error{Kind: gateway.NotFound, Message: fmt.Sprintf("no %s with id %q", what, id)}
}

func invalid(format string, args ...any) error {
	return &gateway.Error{Kind: gateway.Invalid, Message: fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &gateway.Error{Kind: gateway.Conflict, Message: fmt.Sprintf(format, args...)}
}

// checkID refuses an id that would not be kept as it is.
func checkID(id string) error {
	if text(id) != id {
		return invalid("an id must be UTF-8 without NUL")
	}
	return nil
}

// explain adds what was being done to err, and the kind Unavailable when the
// database is the reason. An error that already has a kind keeps it.
func (s *Store) explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case gateway.KindOf(err) != "":
		return err
	case unavailable(err):
		return &gateway.Error{Kind: gateway.Unavailable, Message: "the database is not available", Err: fmt.Errorf("%s: %w", doing, err)}
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// unavailable reports whether the same call may succeed later without anything
// about it being changed. A caller who gave up (context.Canceled) is not that.
func unavailable(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	// First, since it may wrap the server's reason not to let us in.
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return unavailableState(pg.Code)
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return unavailableCode(lite.Code())
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || pgconn.SafeToRetry(err)
}

// unavailableState knows PostgreSQL's error codes (appendix A of its manual).
func unavailableState(code string) bool {
	switch code {
	case "25006", // read-only transaction: a standby, or disk trouble
		"40001", "40P01", // serialization failure, deadlock
		"55P03", "57014": // lock not available, query canceled (statement timeout)
		return true
	}
	switch code[:min(2, len(code))] {
	case "08", "53", "57", "58": // connection, resources (disk full, too many connections), operator intervention, system
		return true
	}
	return false
}

func unavailableCode(code int) bool {
	switch code & 0xff { // the primary code of an extended one
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

// duplicate reports whether err is a violated primary key or unique index.
func duplicate(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23505"
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
	}
	return false
}
