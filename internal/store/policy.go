package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

const policyColumns = "id, name, tags, created_at, updated_at, rules, regex, apply_to_response, restore_in_response, on_error, detectors, revision"

// PolicyFilter selects policies; a zero field filters nothing.
type PolicyFilter struct {
	IDs  []string
	Tags []string // it has all of them
}

// storedRegex is a regular expression as it is kept.
type storedRegex struct {
	Definition string `json:"definition"`
	Action     string `json:"action"`
}

// CreatePolicy keeps a new policy. It fills ID when empty, and CreatedAt,
// UpdatedAt and Revision always. An ID that is taken is a Conflict. Whether the
// policy makes sense is for the caller to check.
func (s *Store) CreatePolicy(ctx context.Context, p *gateway.Policy) error {
	made := *p
	if made.ID == "" {
		made.ID = uuid.NewString()
	}
	if err := checkID(made.ID); err != nil {
		return err
	}
	made.CreatedAt = s.seconds()
	made.UpdatedAt = made.CreatedAt
	_, err := s.administer(ctx, "create policy", func(ctx context.Context, q querier, revision int64) (Change, error) {
		made.Revision = revision
		_, err := q.exec(ctx, "INSERT INTO policies ("+policyColumns+", created_revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			made.ID, text(made.Name), list(made.Tags), made.CreatedAt.Unix(), made.UpdatedAt.Unix(), rulesJSON(made.Rules), regexJSON(made.Regex),
			made.ApplyToResponse, made.RestoreInResponse, text(made.OnError), list(made.Detectors), revision, revision)
		if duplicate(err) {
			return Change{}, conflict("a policy with id %q exists already", made.ID)
		}
		return Change{Kind: KindPolicy, ID: made.ID, After: audit.Show(ctx, &made)}, err
	})
	if err != nil {
		return err
	}
	*p = made
	return nil
}

// UpdatePolicy lets change edit the policy and keeps the result, as
// UpdateSetting does.
func (s *Store) UpdatePolicy(ctx context.Context, id string, change func(*gateway.Policy) error) (*gateway.Policy, error) {
	var updated *gateway.Policy
	_, err := s.administer(ctx, "update policy", func(ctx context.Context, q querier, revision int64) (Change, error) {
		p, err := policyByID(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		before, created := audit.Show(ctx, p), p.CreatedAt
		if err := change(p); err != nil {
			return Change{}, err
		}
		p.ID, p.CreatedAt, p.UpdatedAt, p.Revision = id, created, s.seconds(), revision
		updated = p
		_, err = q.exec(ctx, "UPDATE policies SET name = ?, tags = ?, updated_at = ?, rules = ?, regex = ?, apply_to_response = ?, restore_in_response = ?, on_error = ?, detectors = ?, revision = ? WHERE id = ?",
			text(p.Name), list(p.Tags), p.UpdatedAt.Unix(), rulesJSON(p.Rules), regexJSON(p.Regex),
			p.ApplyToResponse, p.RestoreInResponse, text(p.OnError), list(p.Detectors), revision, id)
		return Change{Kind: KindPolicy, ID: id, Before: before, After: audit.Show(ctx, p)}, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeletePolicy returns the revision from which on the policy is gone. One that
// keys name is a Conflict that names them: no key loses its protection unasked.
func (s *Store) DeletePolicy(ctx context.Context, id string) (int64, error) {
	return s.administer(ctx, "delete policy", func(ctx context.Context, q querier, _ int64) (Change, error) {
		p, err := policyByID(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		const shown = 10
		// The second condition is the index's own; PostgreSQL needs to see it.
		rows, err := q.query(ctx, fmt.Sprintf("SELECT id FROM keys WHERE policy_id = ? AND policy_id <> '' ORDER BY id LIMIT %d", shown+1), text(id))
		if err != nil {
			return Change{}, err
		}
		keys, err := collect(rows, func(row scanner) (key string, err error) { return key, row.Scan(&key) })
		if err != nil {
			return Change{}, err
		}
		if len(keys) > shown {
			keys = append(keys[:shown], "and more")
		}
		if len(keys) > 0 {
			return Change{}, conflict("policy %q is used by keys: %s", id, strings.Join(keys, ", "))
		}
		_, err = q.exec(ctx, "DELETE FROM policies WHERE id = ?", text(id))
		return Change{Kind: KindPolicy, ID: id, Before: audit.Show(ctx, p)}, err
	})
}

// Policy returns one policy.
func (s *Store) Policy(ctx context.Context, id string) (*gateway.Policy, error) {
	var p *gateway.Policy
	err := s.view(ctx, "read policy", func(ctx context.Context, q querier) (err error) {
		p, err = policyByID(ctx, q, id)
		return err
	})
	return p, err
}

// Policies returns the policies that match, newest first.
func (s *Store) Policies(ctx context.Context, f PolicyFilter) ([]*gateway.Policy, error) {
	where := conditions{dialect: s.dialect}
	where.among("id", f.IDs)
	where.containing("tags", f.Tags)
	var all []*gateway.Policy
	err := s.view(ctx, "read policies", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT "+policyColumns+" FROM policies"+where.where()+" ORDER BY created_revision DESC", where.args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, scanPolicy)
		return err
	})
	return all, err
}

// policyExists refuses a policy that is not there. Inside of the transaction
// that writes a key it keeps the policy from going meanwhile.
func policyExists(ctx context.Context, q querier, id string) error {
	if id == "" {
		return nil
	}
	var found string
	err := q.queryRow(ctx, "SELECT id FROM policies WHERE id = ?", text(id)).Scan(&found)
	if errors.Is(err, sql.ErrNoRows) {
		return invalid("no policy with id %q", id)
	}
	return err
}

func policyByID(ctx context.Context, q querier, id string) (*gateway.Policy, error) {
	p, err := scanPolicy(q.queryRow(ctx, "SELECT "+policyColumns+" FROM policies WHERE id = ?", text(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("policy", id)
	}
	return p, err
}

func scanPolicy(row scanner) (*gateway.Policy, error) {
	var p gateway.Policy
	var kept []storedRegex
	if err := row.Scan(&p.ID, &p.Name, jsonColumn{&p.Tags}, secondsColumn{&p.CreatedAt}, secondsColumn{&p.UpdatedAt}, jsonColumn{&p.Rules}, jsonColumn{&kept},
		&p.ApplyToResponse, &p.RestoreInResponse, &p.OnError, jsonColumn{&p.Detectors}, &p.Revision); err != nil {
		return nil, err
	}
	for _, k := range kept {
		p.Regex = append(p.Regex, gateway.RegexRule{Definition: k.Definition, Action: gateway.PolicyAction(k.Action)})
	}
	return &p, nil
}

func rulesJSON(rules map[string]gateway.PolicyAction) string {
	kept := make(map[string]string, len(rules))
	for name, action := range rules {
		kept[text(name)] = text(string(action))
	}
	return asJSON(kept)
}

func regexJSON(rules []gateway.RegexRule) string {
	kept := make([]storedRegex, 0, len(rules))
	for _, r := range rules {
		kept = append(kept, storedRegex{Definition: text(r.Definition), Action: text(string(r.Action))})
	}
	return asJSON(kept)
}
