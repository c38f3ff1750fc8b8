package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/progress"
)

// verifiedPage is how many entries are in memory while the log is verified.
const verifiedPage = 200

// VerifyAudit walks over the whole log. last is its last entry, or where it is at
// fault the last one that is right. The error is an *audit.Fault when the log is
// not as it was written, or lacks the anchor (the zero one is not looked for). It
// may run while changes are made: those that come after its start are not looked at.
func (s *Store) VerifyAudit(ctx context.Context, anchor audit.Anchor) (last audit.Anchor, err error) {
	err = s.view(ctx, "verify audit log", func(ctx context.Context, q querier) error {
		begin, head, err := s.auditEnds(ctx, q)
		if err != nil {
			return err
		}
		v := s.chain.Verify(digestOf(begin), anchor)
		last, err = walkAudit(ctx, q, v, head.Number)
		if err != nil {
			return err
		}
		if err := v.End(head); err != nil {
			return err
		}
		// In one statement, so that an entry that is written meanwhile is not
		// seen without the head that goes with it.
		var newest, end int64
		if err := q.queryRow(ctx, "SELECT COALESCE((SELECT MAX(number) FROM audit_log), 0), number FROM audit_head WHERE id = 1").Scan(&newest, &end); err != nil {
			return err
		}
		if newest > end {
			return &audit.Fault{Number: end + 1, Reason: "it is behind the end of the log"}
		}
		return nil
	})
	return last, err
}

// auditEnds reads what the first entry was chained to, and the head.
func (s *Store) auditEnds(ctx context.Context, q querier) (begin []byte, head audit.Head, err error) {
	var text string
	err = q.queryRow(ctx, "SELECT value FROM meta WHERE name = ?", metaAuditBegin).Scan(&text)
	if err == nil {
		head, err = scanHead(q.queryRow(ctx, "SELECT number, hash, seal FROM audit_head WHERE id = 1"))
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, head, &audit.Fault{Number: 1, Reason: "the log has lost its beginning or its end: where it begins or how many entries there are is not known"}
	}
	if err != nil {
		return nil, head, err
	}
	begin, _ = hex.DecodeString(text) // what is no hex fits no entry
	return begin, head, nil
}

// walkAudit checks the entries up to and with number end, page by page.
func walkAudit(ctx context.Context, q querier, v *audit.Verification, end int64) (last audit.Anchor, err error) {
	from := conditions{dialect: q.dialect}
	for {
		where := from
		where.add("number <= ?", end)
		page, err := auditEntries(ctx, q, where, fmt.Sprintf(" ORDER BY number LIMIT %d", verifiedPage))
		if err != nil {
			return v.Last(), err
		}
		for i := range page {
			if err := v.Add(&page[i]); err != nil {
				return v.Last(), err
			}
		}
		progress.Report(ctx, v.Last().Number, end)
		if len(page) < verifiedPage {
			return v.Last(), nil
		}
		from = conditions{dialect: q.dialect}
		from.add("number > ?", page[len(page)-1].Number)
	}
}
