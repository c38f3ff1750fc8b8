package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// lockSingleProcessor holds an advisory lock in a session of its own. When that
// session breaks, PostgreSQL drops the lock: it is taken again as soon as the
// database is back, and losing it to another processor is an error in the log.
func (b *postgresBackend) lockSingleProcessor(ctx context.Context) (func(), error) {
	conn, err := pgx.ConnectConfig(ctx, b.config)
	if err != nil {
		return nil, err
	}
	if err := takeLock(ctx, conn); err != nil {
		return nil, errors.Join(err, closeConnection(conn))
	}
	holding, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = awaitEnd(holding, conn) // what ended it is logged when it cannot be had again
		_ = closeConnection(conn)
		b.keepConnected(holding, "hold the single processor lock", func(ctx context.Context, conn *pgx.Conn) error {
			if err := takeLock(ctx, conn); err != nil {
				b.logger.LogAttrs(ctx, slog.LevelError, "single processor lock lost", slog.Any("error", err))
				return err
			}
			return awaitEnd(ctx, conn)
		})
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

func takeLock(ctx context.Context, conn *pgx.Conn) error {
	// A holder whose machine vanished without a word gives the lock back after
	// 15 s, not after the system's two hours.
	if _, err := conn.Exec(ctx, "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2"); err != nil {
		return err
	}
	var got bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockSingleProcessor)).Scan(&got); err != nil {
		return err
	}
	if !got {
		return errSecondProcessor
	}
	return nil
}

// awaitEnd returns when the session or ctx ends.
func awaitEnd(ctx context.Context, conn *pgx.Conn) error {
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// closeConnection says goodbye, for at most a second.
func closeConnection(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return conn.Close(ctx)
}
