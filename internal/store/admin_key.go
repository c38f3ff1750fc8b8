package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

const adminKeyColumns = "id, name, role, tags, created_at, revision"

// CreateAdminKey keeps a new admin key, whose secret has this
// Keyring.AdminKeyDigest. It fills ID, CreatedAt and Revision. A secret that is
// taken is a Conflict.
func (s *Store) CreateAdminKey(ctx context.Context, key *gateway.AdminKey, digest secrets.Digest) error {
	if !key.Role.Valid() {
		return invalid("the role of an admin key is admin or viewer")
	}
	made := *key
	made.ID, made.CreatedAt = uuid.NewString(), s.seconds()
	_, err := s.administer(ctx, "create admin key", func(ctx context.Context, q querier, revision int64) (Change, error) {
		made.Revision = revision
		_, err := q.exec(ctx, "INSERT INTO admin_keys ("+adminKeyColumns+", digest) VALUES (?, ?, ?, ?, ?, ?, ?)",
			made.ID, text(made.Name), string(made.Role), list(made.Tags), made.CreatedAt.Unix(), revision, digest[:])
		if duplicate(err) {
			return Change{}, conflict("this admin key is there already")
		}
		return Change{Kind: KindAdminKey, ID: made.ID, After: audit.Show(ctx, &made)}, err
	})
	if err != nil {
		return err
	}
	*key = made
	return nil
}

// DeleteAdminKey revokes an admin key: once it returns, the key opens nothing.
func (s *Store) DeleteAdminKey(ctx context.Context, id string) (int64, error) {
	return s.administer(ctx, "delete admin key", func(ctx context.Context, q querier, _ int64) (Change, error) {
		key, err := scanAdminKey(q.queryRow(ctx, "SELECT "+adminKeyColumns+" FROM admin_keys WHERE id = ?", text(id)))
		if errors.Is(err, sql.ErrNoRows) {
			return Change{}, notFound("admin key", id)
		}
		if err != nil {
			return Change{}, err
		}
		_, err = q.exec(ctx, "DELETE FROM admin_keys WHERE id = ?", key.ID)
		return Change{Kind: KindAdminKey, ID: key.ID, Before: audit.Show(ctx, key)}, err
	})
}

// AdminKey returns one admin key.
func (s *Store) AdminKey(ctx context.Context, id string) (*gateway.AdminKey, error) {
	return s.findAdminKey(ctx, "id", text(id), notFound("admin key", id))
}

// AdminKeyByDigest returns the admin key whose secret has this
// Keyring.AdminKeyDigest.
func (s *Store) AdminKeyByDigest(ctx context.Context, digest secrets.Digest) (*gateway.AdminKey, error) {
	return s.findAdminKey(ctx, "digest", digest[:], &gateway.Error{Kind: gateway.NotFound, Message: "no such admin key"})
}

func (s *Store) findAdminKey(ctx context.Context, column string, value any, missing error) (*gateway.AdminKey, error) {
	var key *gateway.AdminKey
	err := s.view(ctx, "read admin key", func(ctx context.Context, q querier) (err error) {
		key, err = scanAdminKey(q.queryRow(ctx, "SELECT "+adminKeyColumns+" FROM admin_keys WHERE "+column+" = ?", value))
		if errors.Is(err, sql.ErrNoRows) {
			return missing
		}
		return err
	})
	return key, err
}

// AdminKeys returns all admin keys, newest first.
func (s *Store) AdminKeys(ctx context.Context) ([]*gateway.AdminKey, error) {
	var keys []*gateway.AdminKey
	err := s.view(ctx, "read admin keys", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT "+adminKeyColumns+" FROM admin_keys ORDER BY revision DESC")
		if err != nil {
			return err
		}
		keys, err = collect(rows, scanAdminKey)
		return err
	})
	return keys, err
}

func scanAdminKey(row scanner) (*gateway.AdminKey, error) {
	var k gateway.AdminKey
	err := row.Scan(&k.ID, &k.Name, &k.Role, jsonColumn{&k.Tags}, secondsColumn{&k.CreatedAt}, &k.Revision)
	if err != nil {
		return nil, err
	}
	return &k, nil
}
