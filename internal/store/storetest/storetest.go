// Package storetest is the contract of the store as a suite of tests, and opens
// fresh stores for the tests of others. Both databases must pass the same
// cases; what only one of them can do is tested beside it.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

// PostgresVariable names the URL of a PostgreSQL server on which tests may make
// and drop databases.
const PostgresVariable = "BRICKS_TEST_POSTGRES"

// Run runs the suite. newStore returns an empty store that the test's end
// closes.
func Run(t *testing.T, newStore func(t testing.TB) *store.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *store.Store)
	}{
		{"a setting is read as it was created", settingRoundTrip},
		{"a setting is updated in one step or not at all", settingUpdate},
		{"a setting in use cannot be deleted", settingInUse},
		{"settings are listed newest first", settingList},
		{"a custom provider is read as it was created", customRoundTrip},
		{"a custom provider's name is unique", customUnique},
		{"a custom provider is updated in one step or not at all", customUpdate},
		{"a custom provider in use cannot be deleted", customInUse},
		{"custom providers are listed by tags, newest first", customList},
		{"a key is read as it was created", keyRoundTrip},
		{"a key is updated in one step or not at all", keyUpdate},
		{"a key is deleted with its secrets, not its events", keyDelete},
		{"a key that cannot be is refused", keyRefused},
		{"keys are filtered, ordered, paged and counted", keyFilters},
		{"a rotated secret lives on for its grace time", rotateWithGrace},
		{"a rotation without grace ends all older secrets", rotateAtOnce},
		{"a secret is shown only when the key says so", showSecret},
		{"a route is read as it was created", routeRoundTrip},
		{"a route is updated in one step or not at all", routeUpdate},
		{"two routes never share a path", routePaths},
		{"routes are listed newest first and deleted", routeList},
		{"a policy is read as it was created", policyRoundTrip},
		{"a policy is updated in one step or not at all", policyUpdate},
		{"a policy in use cannot be deleted", policyInUse},
		{"a key has a policy that exists, or none", policyOfKeys},
		{"a policy is not deleted while a key takes it", policyRace},
		{"policies are listed by tags, newest first", policyList},
		{"concurrent writers get revisions without gaps", revisions},
		{"updates of one key do not lose one another", concurrentUpdates},
		{"a failed write leaves no revision and no change", failedWrite},
		{"changes carry all digests before and after", changeDigests},
		{"writes together are kept or undone together", writesTogether},
		{"a watcher wakes on commit", watch},
		{"an event is read as it was written", eventRoundTrip},
		{"an event is written once", eventOnce},
		{"concurrent batches with the same events are written once", eventOverlap},
		{"an event with text that no database takes is written", eventText},
		{"events are filtered, ordered, paged and counted", eventFilters},
		{"events are read page by page behind the last one, in every order", eventPaging},
		{"spend is the sum over a half-open range", spend},
		{"a report is what its events add up to", reportOracle},
		{"a report is right after writes, repeats, charges and corrections", reportOperations},
		{"a report is right after concurrent writes of the same events", reportConcurrent},
		{"events with long models and tags are written and reported", reportLong},
		{"a report that cannot be is refused", reportRefused},
		{"deleted events stay in the ledger and in reports", retentionDrops},
		{"the ledger is whole while events are deleted", retentionUnderWay},
		{"events whose day is being deleted are not priced again", retentionRerate},
		{"bodies are deleted before their events", retentionBodies},
		{"top keys are those that spent most in a range", topKeys},
		{"ids that clients gave are read once each, page by page", seenIDs},
		{"a user is read as it was created", userRoundTrip},
		{"a user is updated in one step or not at all", userUpdate},
		{"changes carry what clients call a user, before and after", userChanges},
		{"users are filtered, ordered, paged and counted", userFilters},
		{"users match by user id and a shared tag or a listed key", userMatches},
		{"spend of an account is the sum of the events charged to it, once", accountSpend},
		{"concurrent batches charge an account once", accountOverlap},
		{"a price override is read as it was put, and replaced in its place", priceRoundTrip},
		{"price overrides have room for what processors can be told", priceRoom},
		{"the unknown-price policy is stored, and can be unset", pricePolicy},
		{"events are priced again, page by page, and a difference is booked once", rerate},
		{"concurrent corrections book a difference once", rerateConcurrent},
		{"pending events are read oldest first, page by page", pendingPages},
		{"a job is pending under its path until it is charged", pendingJob},
		{"a pending event is charged once, to its key and accounts", chargeOnce},
		{"two events of the same work are charged once", chargeTwins},
		{"concurrent charges of the same work are new for one caller", chargeConcurrent},
		{"an admin key is found by its digest until it is deleted", adminKeys},
		{"one processor at most holds the lock", singleProcessor},
		{"a caller who gave up is told so", canceled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newStore(t)) })
	}
}

// Keyring is the same in every test.
func Keyring(t testing.TB) *secrets.Keyring {
	t.Helper()
	k, err := secrets.New(bytes.Repeat([]byte{'p'}, secrets.Size), bytes.Repeat([]byte{'e'}, secrets.Size))
	if err != nil {
		t.Fatalf("make keyring: %v", err)
	}
	return k
}

// Author is named by changes of tests that name nobody. Every test that is not
// about the audit log may use it.
func Author() *audit.Author {
	return &audit.Author{ID: "test", Name: "a test", Operation: "test", View: json.Marshal}
}

// SQLite opens an empty store in a directory of the test's own.
func SQLite(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "bricks.db"), store.Options{Keyring: Keyring(t), Author: Author()})
	if err != nil {
		t.Fatalf("open SQLite: %v", err)
	}
	closeAfter(t, s)
	return s
}

// Postgres opens an empty store in a database of the test's own. Without the
// server that PostgresVariable names the test is skipped.
func Postgres(t testing.TB) *store.Store {
	t.Helper()
	return OpenPostgres(t, PostgresDatabase(t))
}

// OpenPostgres opens a store on a database that PostgresDatabase made.
func OpenPostgres(t testing.TB, c store.PostgresConfig) *store.Store {
	t.Helper()
	s, err := store.OpenPostgres(t.Context(), c, store.Options{Keyring: Keyring(t), Author: Author()})
	if err != nil {
		t.Fatalf("open PostgreSQL: %v", err)
	}
	closeAfter(t, s)
	return s
}

// PostgresDatabase makes an empty database and drops it after the test.
func PostgresDatabase(t testing.TB) store.PostgresConfig {
	t.Helper()
	url := os.Getenv(PostgresVariable)
	if url == "" {
		t.Skipf("set %s to the URL of a PostgreSQL server to run this test", PostgresVariable)
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatalf("%s: %v", PostgresVariable, err)
	}
	server := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = server.Close() })
	name := "bricks_test_" + hex.EncodeToString(random(8))
	mustExec(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() {
		if _, err := server.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	return store.PostgresConfig{
		Hosts: []string{config.Host}, Port: int(config.Port), User: config.User, Password: gateway.NewSecret(config.Password),
		Database: name, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
	}
}

func closeAfter(t testing.TB, s *store.Store) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
}

func mustExec(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
