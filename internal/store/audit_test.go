package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

func TestEveryMethodThatChangesSomethingIsAudited(t *testing.T) {
	list := changes(nil, &prepared{})
	for m := range reflect.TypeFor[*store.Store]().Methods() {
		changing := slices.ContainsFunc([]string{"Create", "Update", "Delete", "Put", "Set", "Rotate", "Rerate"}, func(prefix string) bool {
			return strings.HasPrefix(m.Name, prefix) && m.Name != "Settings" && m.Name != "Setting"
		})
		if _, listed := list[m.Name]; listed != changing {
			t.Errorf("%s: changes something: %v, is in the list of this test: %v", m.Name, changing, listed)
		}
	}
}

func TestAChangeThatCannotBeAuditedDoesNotHappen(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		s := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t)})
		o := prepare(t, s)
		events := func() int {
			all, _, err := s.Events(t.Context(), store.EventFilter{})
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		revision, err := s.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		exec := func(statement string) {
			t.Helper()
			if _, err := d.raw.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		author := *storetest.Author()
		for _, tc := range []struct {
			name        string
			edit        func(*audit.Author)
			break_, fix string
			kind        gateway.Kind
		}{
			{name: "without an author"},
			{name: "by somebody without a name", edit: func(a *audit.Author) { a.ID = "" }},
			{name: "without an operation", edit: func(a *audit.Author) { a.Operation = "" }},
			{name: "of an object that cannot be shown", edit: func(a *audit.Author) {
				a.View = func(any) ([]byte, error) { return nil, errors.New("unknown") }
			}},
			{name: "that shows nothing", edit: func(a *audit.Author) {
				a.View = func(any) ([]byte, error) { return nil, nil }
			}},
			{name: "with a log whose end was moved", edit: func(*audit.Author) {}, kind: gateway.Unavailable,
				break_: "UPDATE audit_head SET number = number - 1", fix: "UPDATE audit_head SET number = number + 1"},
			{name: "with a log that is full", edit: func(*audit.Author) {},
				break_: "ALTER TABLE audit_log RENAME TO gone", fix: "ALTER TABLE gone RENAME TO audit_log"},
			{name: "with a log without a head", edit: func(*audit.Author) {}, kind: gateway.Unavailable,
				break_: "UPDATE audit_head SET id = 2", fix: "UPDATE audit_head SET id = 1"},
		} {
			if tc.break_ != "" {
				exec(tc.break_)
			}
			for name, change := range changes(s, o) {
				ctx := t.Context()
				if tc.edit != nil {
					edited := author
					tc.edit(&edited)
					ctx = audit.By(ctx, edited)
				}
				err := change(ctx)
				if err == nil || gateway.KindOf(err) != tc.kind {
					t.Errorf("%s %s: %v", name, tc.name, err)
				}
			}
			if tc.fix != "" {
				exec(tc.fix)
			}
			if now, err := s.Revision(t.Context()); err != nil || now != revision || events() != 1 {
				t.Errorf("%s: something was changed: revision %d (%v), %d events", tc.name, now, err, events())
			}
		}
		if _, err := s.VerifyAudit(t.Context(), audit.Anchor{}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestEveryChangeIsInTheAuditLog(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		at := time.UnixMicro(1_900_000_000_123_456).UTC()
		s := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Now: func() time.Time { return at }})
		author := audit.Author{ID: "key:7", Name: "ann\x00", Role: "admin", Address: "10.1.2.3", Operation: "op", View: func(object any) ([]byte, error) {
			return fmt.Appendf(nil, "{%T}", object), nil
		}}
		for name := range changes(s, nil) {
			o := prepare(t, s) // objects of each call's own
			before, err := s.Revision(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			author.Operation = name
			if err := changes(s, o)[name](audit.By(t.Context(), author)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := s.AuditEntries(t.Context(), store.AuditFilter{Operation: name})
			if err != nil || len(got) != 1 {
				t.Fatalf("%s: %d entries, %v", name, len(got), err)
			}
			want := audit.Entry{At: at, AuthorID: "key:7", AuthorName: "ann\uFFFD", Role: "admin", Address: "10.1.2.3", Operation: name, Revision: before + 1}
			if name == "RerateEvents" {
				want.Revision = 0
			}
			if diff := cmp.Diff(want, got[0], cmpopts.IgnoreFields(audit.Entry{}, "Number", "Kind", "ObjectID", "Before", "After", "Hash")); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			e := got[0]
			creates := strings.HasPrefix(name, "Create") || strings.HasPrefix(name, "Put") || name == "RerateEvents"
			if e.Kind == "" || e.ObjectID == "" || (e.Before == "") != creates || (e.After == "") != strings.HasPrefix(name, "Delete") {
				t.Errorf("%s: %+v", name, e)
			}
			clear(t, s, d)
		}
	})
}

// clear takes away what prepare made and must be unique.
func clear(t *testing.T, s *store.Store, d database) {
	t.Helper()
	for _, table := range []string{"key_secrets", "keys", "settings", "custom_providers", "routes", "users", "policies", "price_overrides", "events", "admin_keys"} {
		if _, err := d.raw.ExecContext(t.Context(), "DELETE FROM "+table); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheAuditLogShowsTampering(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		s := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
		const entries = 450 // more than two pages of a verification
		user := &gateway.User{Name: "u"}
		if err := s.CreateUser(t.Context(), user); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < entries; i++ {
			if _, err := s.UpdateUser(t.Context(), user.ID, func(u *gateway.User) error { u.Name = fmt.Sprint(i); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		last, err := s.VerifyAudit(t.Context(), audit.Anchor{})
		if err != nil || last.Number != entries {
			t.Fatalf("before anything was done: %v, %v", last, err)
		}
		swap := "UPDATE audit_log SET number = -1 WHERE number = 7; UPDATE audit_log SET number = 7 WHERE number = 300; UPDATE audit_log SET number = 300 WHERE number = -1"
		const copied = "INSERT INTO audit_log SELECT %d, at, author_id, author_name, role, address, operation, kind, object_id, revision, before_change, after_change, hash FROM audit_log WHERE number = 9"
		type tampering struct {
			name, statements string
			anchor           audit.Anchor
			want             int64
		}
		list := []tampering{
			{"one is removed", "DELETE FROM audit_log WHERE number = 201", audit.Anchor{}, 201},
			{"the first is removed", "DELETE FROM audit_log WHERE number = 1", audit.Anchor{}, 1},
			{"the last is removed", "DELETE FROM audit_log WHERE number = 450", audit.Anchor{}, 450},
			{"all are removed", "DELETE FROM audit_log", audit.Anchor{}, 1},
			{"the last is removed, and the head says so", "DELETE FROM audit_log WHERE number = 450; UPDATE audit_head SET number = 449, hash = (SELECT hash FROM audit_log WHERE number = 449)", audit.Anchor{}, 450},
			{"two are swapped", swap, audit.Anchor{}, 7},
			{"one is there twice", fmt.Sprintf(copied, 451), audit.Anchor{}, 451},
			{"one is there before the first", fmt.Sprintf(copied, 0), audit.Anchor{}, 1},
			{"the head is removed", "DELETE FROM audit_head", audit.Anchor{}, 1},
			{"the beginning is removed", "DELETE FROM meta WHERE name = 'audit_begin'", audit.Anchor{}, 1},
			{"another one was noted", "SELECT 1", audit.Anchor{Number: 12, Hash: secrets.HashKey("x")}, 12},
			{"one was noted that is not there yet", "SELECT 1", audit.Anchor{Number: 460, Hash: secrets.HashKey("x")}, 451},
		}
		for _, column := range []string{"author_id", "author_name", "role", "address", "operation", "kind", "object_id", "before_change", "after_change"} {
			list = append(list, tampering{column + " is altered", "UPDATE audit_log SET " + column + " = " + column + " || 'x' WHERE number = 400", audit.Anchor{}, 400})
		}
		for _, column := range []string{"at", "revision"} {
			list = append(list, tampering{column + " is altered", "UPDATE audit_log SET " + column + " = " + column + " + 1 WHERE number = 200", audit.Anchor{}, 200})
		}
		list = append(list, tampering{"the hash is altered", "UPDATE audit_log SET hash = (SELECT hash FROM audit_log WHERE number = 8) WHERE number = 9", audit.Anchor{}, 9})
		for _, tc := range list {
			restore := d.keep(t, "audit_log", "audit_head", "meta")
			for statement := range strings.SplitSeq(tc.statements, ";") {
				if _, err := d.raw.ExecContext(t.Context(), statement); err != nil {
					t.Fatalf("%s: %v", tc.name, err)
				}
			}
			_, err := s.VerifyAudit(t.Context(), tc.anchor)
			if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Number != tc.want {
				t.Errorf("%s: %v, want a fault at %d", tc.name, err, tc.want)
			}
			restore()
		}
		if again, err := s.VerifyAudit(t.Context(), last); err != nil || again != last {
			t.Errorf("after all was put back: %v, %v", again, err)
		}
	})
}

// keep copies tables, and puts them back.
func (d database) keep(t *testing.T, tables ...string) (restore func()) {
	t.Helper()
	exec := func(statement string) {
		t.Helper()
		if _, err := d.raw.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, table := range tables {
		exec("CREATE TABLE kept_" + table + " AS SELECT * FROM " + table)
	}
	return func() {
		t.Helper()
		for _, table := range tables {
			exec("DELETE FROM " + table)
			exec("INSERT INTO " + table + " SELECT * FROM kept_" + table)
			exec("DROP TABLE kept_" + table)
		}
	}
}

// A head that was taken away does not come back with the next start, which
// would begin a log that looks whole.
func TestALogThatWasTakenAwayIsNotBegunAnew(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		o := store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()}
		s := d.mustOpen(t, o)
		if err := s.CreateUser(t.Context(), &gateway.User{Name: "u"}); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"audit_log", "audit_head"} {
			if _, err := d.raw.ExecContext(t.Context(), "DELETE FROM "+table); err != nil {
				t.Fatal(err)
			}
		}
		s = d.mustOpen(t, o)
		if _, err := s.VerifyAudit(t.Context(), audit.Anchor{}); err == nil {
			t.Error("a log that is gone is right")
		}
	})
}

func TestConcurrentChangesAreOneChain(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		s := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Author: storetest.Author()})
		var writers sync.WaitGroup
		for i := range 6 {
			writers.Go(func() {
				for range 10 {
					if err := s.CreateUser(t.Context(), &gateway.User{Name: fmt.Sprint(i)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 5 { // a verification does not stumble over changes that are made meanwhile
			if _, err := s.VerifyAudit(t.Context(), audit.Anchor{}); err != nil {
				t.Error(err)
			}
		}
		writers.Wait()
		if last, err := s.VerifyAudit(t.Context(), audit.Anchor{}); err != nil || last.Number != 60 {
			t.Errorf("%v, %v", last, err)
		}
	})
}

func TestAuditEntriesAreFilteredNewestFirst(t *testing.T) {
	overBoth(t, func(t *testing.T, d database) {
		now := time.Unix(100, 0)
		s := d.mustOpen(t, store.Options{Keyring: storetest.Keyring(t), Now: func() time.Time { return now }})
		for i := range 6 {
			a := *storetest.Author()
			a.ID, a.Operation = []string{"ann", "bob"}[i%2], []string{"one", "two", "three"}[i%3]
			now = time.Unix(int64(100+i), 0)
			ctx := audit.By(t.Context(), a)
			var err error
			if i < 3 {
				err = s.CreateUser(ctx, &gateway.User{ID: fmt.Sprint("u", i)})
			} else {
				err = s.CreateRoute(ctx, &gateway.Route{ID: fmt.Sprint("r", i), Path: fmt.Sprint("/", i)})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, tc := range []struct {
			name   string
			filter store.AuditFilter
			want   []int64
		}{
			{"all", store.AuditFilter{}, []int64{6, 5, 4, 3, 2, 1}},
			{"by an author", store.AuditFilter{AuthorID: "bob"}, []int64{6, 4, 2}},
			{"by an operation", store.AuditFilter{Operation: "two"}, []int64{5, 2}},
			{"of a kind", store.AuditFilter{Kind: store.KindRoute}, []int64{6, 5, 4}},
			{"of an object", store.AuditFilter{ObjectID: "u1"}, []int64{2}},
			{"in a half-open range", store.AuditFilter{Start: time.Unix(101, 0), End: time.Unix(103, 0)}, []int64{3, 2}},
			{"a page", store.AuditFilter{Limit: 2}, []int64{6, 5}},
			{"the next page", store.AuditFilter{Limit: 2, Before: 5}, []int64{4, 3}},
			{"nothing", store.AuditFilter{AuthorID: "bob", Kind: store.KindUser, Operation: "one"}, nil},
		} {
			entries, err := s.AuditEntries(t.Context(), tc.filter)
			var got []int64
			for _, e := range entries {
				got = append(got, e.Number)
			}
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("%s: %v %v, want %v", tc.name, got, err, tc.want)
			}
		}
	})
}
