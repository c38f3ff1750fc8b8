package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

const patience = 20 * time.Second

func rawPostgres(t *testing.T, c store.PostgresConfig) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.Host, config.Port, config.User, config.Password, config.Database = c.Hosts[0], uint16(c.Port), c.User, c.Password.Reveal(), c.Database
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// cut ends all sessions of the database but the asker's, as a restart does.
func cut(t *testing.T, db *sql.DB) {
	t.Helper()
	run(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
}

// await asks again until ok, without sleeping a fixed time.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func createKey(t *testing.T, s *store.Store, name string) {
	t.Helper()
	if err := s.CreateKey(t.Context(), &gateway.Key{ID: name}, store.NewSecret{Digest: storetest.Keyring(t).KeyDigest([32]byte([]byte(fmt.Sprintf("%32s", name))))}); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresListenersWakeOnOtherProcessesCommits(t *testing.T) {
	config := storetest.PostgresDatabase(t)
	raw := rawPostgres(t, config)
	writer, reader := storetest.OpenPostgres(t, config), storetest.OpenPostgres(t, config)
	wake := reader.Watch(t.Context())
	wait := func(what string) {
		t.Helper()
		select {
		case <-wake:
		case <-time.After(patience):
			t.Fatalf("%s: nobody woke the watcher", what)
		}
	}
	wait("first connect")
	createKey(t, writer, "one")
	wait("commit of another process")
	cut(t, raw)
	wait("connected again")
	await(t, "write after the cut", func() bool {
		_, err := writer.UpdateKey(t.Context(), "one", func(*gateway.Key) error { return nil })
		return err == nil
	})
	wait("commit after the cut")
}

func TestPostgresCutConnectionsComeBack(t *testing.T) {
	config := storetest.PostgresDatabase(t)
	raw := rawPostgres(t, config)
	s := storetest.OpenPostgres(t, config)
	createKey(t, s, "k")
	for range 3 {
		cut(t, raw)
		await(t, "read after a cut", func() bool {
			_, err := s.Key(t.Context(), "k")
			if err != nil && gateway.KindOf(err) != gateway.Unavailable {
				t.Fatalf("read: %v of kind %q, want unavailable", err, gateway.KindOf(err))
			}
			return err == nil
		})
		cut(t, raw)
		await(t, "write after a cut", func() bool {
			err := s.WriteEvents(t.Context(), []*gateway.Event{{ID: "e", KeyID: "k", Cost: 1}})
			if err != nil && gateway.KindOf(err) != gateway.Unavailable {
				t.Fatalf("write: %v of kind %q, want unavailable", err, gateway.KindOf(err))
			}
			return err == nil
		})
	}
	if sum, err := s.Spend(t.Context(), gateway.KeyAccount("k"), time.Time{}, time.Time{}); err != nil || sum != 1 {
		t.Errorf("spend %v (%v), want 1", sum, err)
	}
}

// A standby, or a primary out of disk, still answers reads.
func TestPostgresReadOnly(t *testing.T) {
	config := storetest.PostgresDatabase(t)
	raw := rawPostgres(t, config)
	s := storetest.OpenPostgres(t, config)
	createKey(t, s, "k")
	run(t, raw, "ALTER DATABASE "+config.Database+" SET default_transaction_read_only = on")
	cut(t, raw)
	await(t, "read", func() bool { _, err := s.Key(t.Context(), "k"); return err == nil })
	_, err := s.DeleteKey(t.Context(), "k")
	if gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("write: %v, want kind unavailable", err)
	}
	if err := s.WriteEvents(t.Context(), []*gateway.Event{{ID: "e"}}); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("events: %v, want kind unavailable", err)
	}
}

func TestPostgresSlowIsUnavailable(t *testing.T) {
	config := storetest.PostgresDatabase(t)
	config.ReadTimeout, config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	raw := rawPostgres(t, config)
	s := storetest.OpenPostgres(t, config)
	tx, err := raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE keys, events, revision"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Key(t.Context(), "k"); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("read: %v, want kind unavailable", err)
	}
	if err := s.WriteEvents(t.Context(), []*gateway.Event{{ID: "e"}}); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("write: %v, want kind unavailable", err)
	}
}

func TestPostgresUnreachable(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = store.OpenPostgres(t.Context(), store.PostgresConfig{
		Hosts: []string{"127.0.0.1", fmt.Sprintf("localhost:%d", port)}, Port: port, User: "o'brien", Password: gateway.NewSecret("canary-password"), Database: `a\b`,
	}, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
	if gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("got %v, want kind unavailable", err)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("error %q tells the password", err)
	}
}

// Processes that start at once on an empty database migrate it once.
func TestPostgresConcurrentStart(t *testing.T) {
	config := storetest.PostgresDatabase(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			s, err := store.OpenPostgres(t.Context(), config, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
			if err != nil {
				return err
			}
			return s.Close()
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// The lock is another process's business too, and comes back after a cut.
func TestPostgresSingleProcessorLock(t *testing.T) {
	config := storetest.PostgresDatabase(t)
	raw := rawPostgres(t, config)
	one, two := storetest.OpenPostgres(t, config), storetest.OpenPostgres(t, config)
	release, err := one.LockSingleProcessor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.LockSingleProcessor(t.Context()); gateway.KindOf(err) != gateway.Conflict {
		t.Fatalf("second processor: got %v, want a conflict", err)
	}
	holder := func() (pid int) {
		// No row, and so 0, while nobody holds it.
		_ = raw.QueryRowContext(t.Context(), "SELECT pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE locktype = 'advisory' AND granted AND datname = current_database()").Scan(&pid)
		return pid
	}
	before := holder()
	cut(t, raw)
	await(t, "lock taken again", func() bool { pid := holder(); return pid != 0 && pid != before })
	if _, err := two.LockSingleProcessor(t.Context()); gateway.KindOf(err) != gateway.Conflict {
		t.Fatalf("second processor after the cut: got %v, want a conflict", err)
	}
	release()
	release, err = two.LockSingleProcessor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestPostgresPasswordIsNotLogged(t *testing.T) {
	config := storetest.PostgresDatabase(t)
	if config.Password.Empty() { // a server that trusts us takes any
		config.Password = gateway.NewSecret("canary-password")
	}
	raw := rawPostgres(t, config)
	var log bytes.Buffer
	s, err := store.OpenPostgres(t.Context(), config, store.Options{Keyring: storetest.Keyring(t), Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	wake := s.Watch(ctx)
	<-wake
	cut(t, raw)
	<-wake // connected again, after a warning
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if log.Len() == 0 || strings.Contains(log.String(), config.Password.Reveal()) {
		t.Errorf("log %q; want a warning without the password", log.String())
	}
}
