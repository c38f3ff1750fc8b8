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
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// KeyFilter selects keys; a zero field filters nothing.
type KeyFilter struct {
	IDs      []string
	Tags     []string // the key has all of them
	Name     string   // the name contains it, in any case
	Provider string   // a setting of the key is for this provider
	Revoked  *bool

	Limit     int // 0: all
	Offset    int
	Ascending bool // oldest first
	Count     bool // count those that match, whatever Limit and Offset are
}

// CreateKey keeps a new key with its secret. It fills ID when empty, and
// CreatedAt, UpdatedAt and Revision always. A secret that another key has (or
// had and still knows), or an ID that is taken, is a Conflict; a setting or a
// policy that does not exist is Invalid.
func (s *Store) CreateKey(ctx context.Context, key *gateway.Key, secret NewSecret) error {
	made := *key
	if made.ID == "" {
		made.ID = uuid.NewString()
	}
	if err := checkID(made.ID); err != nil {
		return err
	}
	made.CreatedAt = s.seconds()
	made.UpdatedAt = made.CreatedAt
	_, err := s.administer(ctx, "create key", func(ctx context.Context, q querier, revision int64) (Change, error) {
		made.Revision = revision
		if err := policyExists(ctx, q, made.PolicyID); err != nil {
			return Change{}, err
		}
		row := keyRow(&made)
		names := "id, created_at, created_revision, " + strings.Join(keyColumns, ", ")
		_, err := q.exec(ctx, "INSERT INTO keys ("+names+") VALUES (?, ?, ?"+strings.Repeat(", ?", len(row))+")",
			append([]any{made.ID, made.CreatedAt.Unix(), revision}, row...)...)
		if duplicate(err) {
			return Change{}, conflict("a key with id %q exists already", made.ID)
		}
		if err == nil {
			err = setKeySettings(ctx, q, &made)
		}
		if err == nil {
			err = s.addSecret(ctx, q, &made, secret)
		}
		return Change{Kind: KindKey, ID: made.ID, Digests: []secrets.Digest{secret.Digest}, After: audit.Show(ctx, &made)}, err
	})
	if err != nil {
		return err
	}
	*key = made
	return nil
}

// UpdateKey lets change edit the key and keeps the result, as UpdateSetting
// does. Clearing IsKeyNotHashed drops the copies of the secret that could be
// shown; setting it shows nothing before the next RotateKey.
func (s *Store) UpdateKey(ctx context.Context, id string, change func(*gateway.Key) error) (*gateway.Key, error) {
	var updated *gateway.Key
	_, err := s.administer(ctx, "update key", func(ctx context.Context, q querier, revision int64) (Change, error) {
		key, err := s.key(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		before, created := audit.Show(ctx, key), key.CreatedAt
		if err := change(key); err != nil {
			return Change{}, err
		}
		key.ID, key.CreatedAt, key.UpdatedAt, key.Revision = id, created, s.seconds(), revision
		if err := s.putKey(ctx, q, key); err != nil {
			return Change{}, err
		}
		if !key.IsKeyNotHashed {
			if _, err := q.exec(ctx, "UPDATE key_secrets SET sealed = NULL WHERE key_id = ?", id); err != nil {
				return Change{}, err
			}
		}
		updated = key
		made, err := s.keyChange(ctx, q, id)
		made.Before, made.After = before, audit.Show(ctx, key)
		return made, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// putKey writes all of an existing key but its secrets.
func (s *Store) putKey(ctx context.Context, q querier, key *gateway.Key) error {
	if err := policyExists(ctx, q, key.PolicyID); err != nil {
		return err
	}
	_, err := q.exec(ctx, "UPDATE keys SET "+strings.Join(keyColumns, " = ?, ")+" = ? WHERE id = ?", append(keyRow(key), key.ID)...)
	if err != nil {
		return err
	}
	return setKeySettings(ctx, q, key)
}

// DeleteKey returns the revision from which on the key is gone with its
// secrets. Its events stay.
func (s *Store) DeleteKey(ctx context.Context, id string) (int64, error) {
	return s.administer(ctx, "delete key", func(ctx context.Context, q querier, _ int64) (Change, error) {
		key, err := s.key(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		change, err := s.keyChange(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		change.Before = audit.Show(ctx, key)
		_, err = q.exec(ctx, "DELETE FROM keys WHERE id = ?", text(id))
		return change, err
	})
}

// setKeySettings replaces the key's list of settings.
func setKeySettings(ctx context.Context, q querier, key *gateway.Key) error {
	if _, err := q.exec(ctx, "DELETE FROM key_settings WHERE key_id = ?", key.ID); err != nil {
		return err
	}
	for i, setting := range key.SettingIDs {
		if slices.Contains(key.SettingIDs[:i], setting) {
			return invalid("setting id %q is given twice", setting)
		}
		// Asked for first: PostgreSQL spoils the transaction on a broken reference
		// and neither database says which of several it was.
		n, err := q.exec(ctx, "INSERT INTO key_settings (key_id, position, setting_id) SELECT CAST(? AS TEXT), CAST(? AS BIGINT), id FROM settings WHERE id = ?",
			key.ID, i, text(setting))
		if err != nil {
			return err
		}
		if n == 0 {
			return invalid("no provider setting with id %q", setting)
		}
	}
	return nil
}

// Key returns one key.
func (s *Store) Key(ctx context.Context, id string) (*gateway.Key, error) {
	var key *gateway.Key
	err := s.view(ctx, "read key", func(ctx context.Context, q querier) (err error) {
		key, err = s.key(ctx, q, id)
		return err
	})
	return key, err
}

func (s *Store) key(ctx context.Context, q querier, id string) (*gateway.Key, error) {
	var key gateway.Key
	err := q.queryRow(ctx, "SELECT "+s.keySelection()+" FROM keys WHERE id = ?", text(id)).Scan(keyTargets(&key)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("key", id)
	}
	if err != nil {
		return nil, err
	}
	return &key, nil
}

// Keys returns the keys that match, newest first. total is their number when
// the filter asks to count, else 0.
func (s *Store) Keys(ctx context.Context, f KeyFilter) (keys []*gateway.Key, total int, err error) {
	where := s.keyConditions(f)
	page, err := limitOffset(f.Limit, f.Offset)
	if err != nil {
		return nil, 0, err
	}
	order := " ORDER BY created_revision DESC"
	if f.Ascending {
		order = " ORDER BY created_revision"
	}
	err = s.view(ctx, "read keys", func(ctx context.Context, q querier) error {
		if f.Count {
			if err := q.queryRow(ctx, "SELECT COUNT(*) FROM keys"+where.where(), where.args...).Scan(&total); err != nil {
				return fmt.Errorf("count: %w", err)
			}
		}
		rows, err := q.query(ctx, "SELECT "+s.keySelection()+" FROM keys"+where.where()+order+page, where.args...)
		if err != nil {
			return err
		}
		keys, err = collect(rows, func(row scanner) (*gateway.Key, error) {
			var key gateway.Key
			return &key, row.Scan(keyTargets(&key)...)
		})
		return err
	})
	return keys, total, err
}

// keyConditions are what the filter asks of a row of keys.
func (s *Store) keyConditions(f KeyFilter) conditions {
	where := conditions{dialect: s.dialect}
	where.among("id", f.IDs)
	where.containing("tags", f.Tags)
	if f.Name != "" {
		where.add(s.dialect.find+"(name_folded, ?) > 0", fold(f.Name))
	}
	if f.Provider != "" {
		where.add("EXISTS (SELECT 1 FROM key_settings ks JOIN settings st ON st.id = ks.setting_id WHERE ks.key_id = keys.id AND st.provider = ?)", text(f.Provider))
	}
	if f.Revoked != nil {
		// An expired key is as good as revoked, whether or not anyone marked it.
		where.add("(revoked OR (expires_at <> 0 AND expires_at <= ?)) = ?", s.now().Unix(), *f.Revoked)
	}
	return where
}
