package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// Waits between attempts to connect again.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
)

// listen waits for notifications on a connection of its own, and connects again
// when it breaks. After each connect it wakes once: what was notified while the
// connection was down is lost.
func (b *postgresBackend) listen(ctx context.Context, wake func()) {
	b.keepConnected(ctx, "listen for changes", func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
			return err
		}
		for {
			wake()
			if _, err := conn.WaitForNotification(ctx); err != nil {
				return err
			}
		}
	})
}

// keepConnected runs use on a connection, again and again with growing waits,
// until ctx ends.
func (b *postgresBackend) keepConnected(ctx context.Context, doing string, use func(context.Context, *pgx.Conn) error) {
	wait := firstWait
	for ctx.Err() == nil {
		started := time.Now()
		err := b.withConnection(ctx, use)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > lastWait {
			wait = firstWait // it had worked for a while
		}
		b.logger.LogAttrs(ctx, slog.LevelWarn, "database connection lost", slog.String("doing", doing), slog.Any("error", err), slog.Duration("retry_in", wait))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		wait = min(2*wait, lastWait)
	}
}

func (b *postgresBackend) withConnection(ctx context.Context, use func(context.Context, *pgx.Conn) error) error {
	conn, err := pgx.ConnectConfig(ctx, b.config)
	if err != nil {
		return err
	}
	return errors.Join(use(ctx, conn), closeConnection(conn))
}
