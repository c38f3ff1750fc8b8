package store

import (
	"context"
	"fmt"
)

// SeenFilter asks for the ids that came with the events of a key.
type SeenFilter struct {
	KeyID string
	Group Group    // GroupUser or GroupCustomID
	Tags  []string // the event has all of them
	After string   // ids behind this one only
	Limit int      // at least 1
}

// SeenIDs returns the ids that clients gave with requests of the key, each once,
// in the database's order of texts. The empty one is not among them.
func (s *Store) SeenIDs(ctx context.Context, f SeenFilter) ([]string, error) {
	if f.Group != GroupUser && f.Group != GroupCustomID {
		return nil, invalid("clients give no %q", f.Group)
	}
	if f.Limit < 1 {
		return nil, invalid("a page has at least one id")
	}
	column := groupColumns[f.Group]
	where := conditions{dialect: s.dialect}
	where.add("key_id = ?", text(f.KeyID))
	where.add(column + " <> ''") // as the index says it
	where.add(column+" > ?", text(f.After))
	where.containing("tags", f.Tags)
	var ids []string
	err := s.view(ctx, "read ids", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT DISTINCT "+column+" FROM events"+where.where()+fmt.Sprintf(" ORDER BY 1 LIMIT %d", f.Limit), where.args...)
		if err != nil {
			return err
		}
		ids, err = collect(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
		return err
	})
	return ids, err
}
