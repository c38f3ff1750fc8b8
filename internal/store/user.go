package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// UserFilter selects users; a zero field filters nothing.
type UserFilter struct {
	UserIDs []string // the user's UserID is one of them
	Tags    []string // the user has all of them
	KeyIDs  []string // the user lists one of them

	Limit  int // 0: all
	Offset int
	Count  bool // count those that match, whatever Limit and Offset are
}

// userColumns are the columns that a change of a user writes, in the order of
// userRow and userTargets.
var userColumns = []string{
	"name", "tags", "key_ids", "user_id", "updated_at", "revoked", "revoked_reason", "ttl", "expires_at",
	"cost_limit", "cost_limit_over_time", "cost_limit_unit", "rate_limit_over_time", "rate_limit_unit", "max_parallel_requests",
	"allowed_paths", "allowed_models", "revision",
}

var userSelection = "SELECT id, created_at, " + strings.Join(userColumns, ", ") + " FROM users"

func userRow(u *gateway.User) []any {
	paths := "[]"
	if len(u.AllowedPaths) > 0 {
		paths = asJSON(u.AllowedPaths)
	}
	return []any{
		text(u.Name), list(u.Tags), list(u.KeyIDs), text(u.UserID), u.UpdatedAt.Unix(), u.Revoked, text(u.RevokedReason), text(u.TTL), toSeconds(u.ExpiresAt),
		int64(u.CostLimit), int64(u.CostLimitOverTime), string(u.CostLimitUnit), u.RateLimitOverTime, string(u.RateLimitUnit), int64(u.MaxParallelRequests),
		text(paths), list(u.AllowedModels), u.Revision,
	}
}

func scanUser(row scanner) (*gateway.User, error) {
	var u gateway.User
	return &u, row.Scan(
		&u.ID, secondsColumn{&u.CreatedAt}, &u.Name, jsonColumn{&u.Tags}, jsonColumn{&u.KeyIDs}, &u.UserID, secondsColumn{&u.UpdatedAt},
		&u.Revoked, &u.RevokedReason, &u.TTL, secondsColumn{&u.ExpiresAt},
		&u.CostLimit, &u.CostLimitOverTime, &u.CostLimitUnit, &u.RateLimitOverTime, &u.RateLimitUnit, &u.MaxParallelRequests,
		jsonColumn{&u.AllowedPaths}, jsonColumn{&u.AllowedModels}, &u.Revision,
	)
}

// CreateUser keeps a new user. It fills ID when empty, UserID with ID when
// empty, and CreatedAt, UpdatedAt and Revision always. An ID that is taken is a
// Conflict; a UserID may be another user's too.
func (s *Store) CreateUser(ctx context.Context, user *gateway.User) error {
	made := *user
	if made.ID == "" {
		made.ID = uuid.NewString()
	}
	if err := checkID(made.ID); err != nil {
		return err
	}
	if made.UserID == "" {
		made.UserID = made.ID
	}
	made.CreatedAt = s.seconds()
	made.UpdatedAt = made.CreatedAt
	_, err := s.administer(ctx, "create user", func(ctx context.Context, q querier, revision int64) (Change, error) {
		made.Revision = revision
		row := userRow(&made)
		names := "id, created_at, created_revision, " + strings.Join(userColumns, ", ")
		_, err := q.exec(ctx, "INSERT INTO users ("+names+") VALUES (?, ?, ?"+strings.Repeat(", ?", len(row))+")",
			append([]any{made.ID, made.CreatedAt.Unix(), revision}, row...)...)
		if duplicate(err) {
			return Change{}, conflict("a user with id %q exists already", made.ID)
		}
		return Change{Kind: KindUser, ID: made.ID, UserIDs: []string{made.UserID}, After: audit.Show(ctx, &made)}, err
	})
	if err != nil {
		return err
	}
	*user = made
	return nil
}

// UpdateUser lets change edit the user and keeps the result, as UpdateSetting
// does. A UserID that change empties becomes the ID.
func (s *Store) UpdateUser(ctx context.Context, id string, change func(*gateway.User) error) (*gateway.User, error) {
	var updated *gateway.User
	_, err := s.administer(ctx, "update user", func(ctx context.Context, q querier, revision int64) (Change, error) {
		user, err := s.user(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		created, before := user.CreatedAt, user.UserID
		made := Change{Kind: KindUser, ID: id, Before: audit.Show(ctx, user)}
		if err := change(user); err != nil {
			return Change{}, err
		}
		user.ID, user.CreatedAt, user.UpdatedAt, user.Revision = id, created, s.seconds(), revision
		if user.UserID == "" {
			user.UserID = id
		}
		updated = user
		_, err = q.exec(ctx, "UPDATE users SET "+strings.Join(userColumns, " = ?, ")+" = ? WHERE id = ?", append(userRow(user), id)...)
		made.UserIDs, made.After = slices.Compact([]string{before, user.UserID}), audit.Show(ctx, user)
		return made, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteUser returns the revision from which on the user is gone. Events and
// what they were charged to stay.
func (s *Store) DeleteUser(ctx context.Context, id string) (int64, error) {
	return s.administer(ctx, "delete user", func(ctx context.Context, q querier, _ int64) (Change, error) {
		user, err := s.user(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		_, err = q.exec(ctx, "DELETE FROM users WHERE id = ?", user.ID)
		return Change{Kind: KindUser, ID: user.ID, UserIDs: []string{user.UserID}, Before: audit.Show(ctx, user)}, err
	})
}

// User returns one user.
func (s *Store) User(ctx context.Context, id string) (*gateway.User, error) {
	var user *gateway.User
	err := s.view(ctx, "read user", func(ctx context.Context, q querier) (err error) {
		user, err = s.user(ctx, q, id)
		return err
	})
	return user, err
}

func (s *Store) user(ctx context.Context, q querier, id string) (*gateway.User, error) {
	user, err := scanUser(q.queryRow(ctx, userSelection+" WHERE id = ?", text(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("user", id)
	}
	if err != nil {
		return nil, err
	}
	return user, nil
}

// Users returns the users that the filter finds, newest first. total is their
// number when the filter asks to count, else 0.
func (s *Store) Users(ctx context.Context, f UserFilter) (users []*gateway.User, total int, err error) {
	where := conditions{dialect: s.dialect}
	where.among("user_id", f.UserIDs)
	where.containing("tags", f.Tags)
	if len(f.KeyIDs) > 0 {
		where.add(where.overlapping("key_ids"), list(f.KeyIDs))
	}
	page, err := limitOffset(f.Limit, f.Offset)
	if err != nil {
		return nil, 0, err
	}
	err = s.view(ctx, "read users", func(ctx context.Context, q querier) error {
		if f.Count {
			if err := q.queryRow(ctx, "SELECT COUNT(*) FROM users"+where.where(), where.args...).Scan(&total); err != nil {
				return fmt.Errorf("count: %w", err)
			}
		}
		users, err = s.users(ctx, q, where, page)
		return err
	})
	return users, total, err
}

// MatchingUsers returns the users that bind the end user userID of a key with
// this id and these tags, newest first, at most limit.
func (s *Store) MatchingUsers(ctx context.Context, userID, keyID string, tags []string, limit int) (users []*gateway.User, err error) {
	where := conditions{dialect: s.dialect}
	where.add("user_id = ?", text(userID))
	where.add("("+where.overlapping("tags")+" OR "+where.overlapping("key_ids")+")", list(tags), list([]string{keyID}))
	page, err := limitOffset(limit, 0)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, "match users", func(ctx context.Context, q querier) error {
		users, err = s.users(ctx, q, where, page)
		return err
	})
	return users, err
}

func (s *Store) users(ctx context.Context, q querier, where conditions, page string) ([]*gateway.User, error) {
	rows, err := q.query(ctx, userSelection+where.where()+" ORDER BY created_revision DESC"+page, where.args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanUser)
}
