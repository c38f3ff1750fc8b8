package store

import (
	"context"
	"database/sql"
)

// RollUpAgain does the step of the schema that makes rollups of all events, by
// pages of so many.
func (s *Store) RollUpAgain(ctx context.Context, page int) error {
	return s.update(ctx, "roll up again", func(ctx context.Context, tx *sql.Tx) error {
		for _, t := range []table{seriesTable, hoursTable, latenciesTable} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+t.name); err != nil {
				return err
			}
		}
		return s.rollUpPages(ctx, tx, page)
	})
}
