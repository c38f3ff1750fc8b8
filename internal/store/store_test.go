package store_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

func TestSQLite(t *testing.T)   { storetest.Run(t, storetest.SQLite) }
func TestPostgres(t *testing.T) { storetest.Run(t, storetest.Postgres) }

func TestEventsFromBeforeTheRollupsAreInReports(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *store.Store{"SQLite": storetest.SQLite, "PostgreSQL": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			storetest.CheckReports(t, s, func() {
				if err := s.RollUpAgain(t.Context(), 100); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
