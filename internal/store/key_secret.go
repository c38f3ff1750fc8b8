package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// NewSecret is the secret of a new or rotated key.
type NewSecret struct {
	// Digest is Keyring.KeyDigest of the secret.
	Digest secrets.Digest
	// Secret is kept (sealed) only when the key has IsKeyNotHashed.
	Secret gateway.Secret
}

// RotateKey gives the key a new secret. The old one, and any older one that
// would be good for longer, is valid until oldValidUntil; a time that is not in
// the future ends them at once. A secret that is in use is a Conflict.
func (s *Store) RotateKey(ctx context.Context, id string, secret NewSecret, oldValidUntil time.Time) (*gateway.Key, error) {
	var rotated *gateway.Key
	_, err := s.administer(ctx, "rotate key", func(ctx context.Context, q querier, revision int64) (Change, error) {
		key, err := s.key(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		made, err := s.keyChange(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		made.Before = audit.Show(ctx, key)
		if err := s.retireSecrets(ctx, q, id, oldValidUntil); err != nil {
			return Change{}, err
		}
		key.UpdatedAt, key.Revision = s.seconds(), revision
		if err := s.addSecret(ctx, q, key, secret); err != nil {
			return Change{}, err
		}
		rotated = key
		made.Digests = append(made.Digests, secret.Digest)
		made.After = audit.Show(ctx, key)
		return made, s.putKey(ctx, q, key)
	})
	if err != nil {
		return nil, err
	}
	return rotated, nil
}

// retireSecrets ends the key's secrets at until, drops those that have ended,
// and drops the copies that could be shown.
func (s *Store) retireSecrets(ctx context.Context, q querier, id string, until time.Time) error {
	now, end := s.now().UnixMicro(), until.UnixMicro()
	if until.IsZero() || end <= now {
		_, err := q.exec(ctx, "DELETE FROM key_secrets WHERE key_id = ?", id)
		return err
	}
	if _, err := q.exec(ctx, "DELETE FROM key_secrets WHERE key_id = ? AND valid_until <> 0 AND valid_until <= ?", id, now); err != nil {
		return err
	}
	_, err := q.exec(ctx, "UPDATE key_secrets SET sealed = NULL, valid_until = CASE WHEN valid_until = 0 OR valid_until > ? THEN ? ELSE valid_until END WHERE key_id = ?",
		end, end, id)
	return err
}

// addSecret gives the key its current secret.
func (s *Store) addSecret(ctx context.Context, q querier, key *gateway.Key, secret NewSecret) error {
	var sealed []byte
	if key.IsKeyNotHashed {
		if secret.Secret.Empty() {
			return invalid("a key that can be shown again needs its secret")
		}
		var err error
		if sealed, err = s.keyring.Seal([]byte(secret.Secret.Reveal()), secretData(key.ID, secret.Digest[:])); err != nil {
			return err
		}
	}
	_, err := q.exec(ctx, "INSERT INTO key_secrets (digest, key_id, valid_until, sealed) VALUES (?, ?, 0, ?)", secret.Digest[:], key.ID, sealed)
	if duplicate(err) {
		return conflict("this key is in use already; choose another one")
	}
	return err
}

// secretData binds a sealed key secret to its row.
func secretData(id string, digest []byte) string {
	return "key/" + id + "/" + hex.EncodeToString(digest)
}

// KeySecret returns the current secret of a key that has IsKeyNotHashed.
// For others, and when the secret was not kept, it is NotFound.
func (s *Store) KeySecret(ctx context.Context, id string) (gateway.Secret, error) {
	var secret gateway.Secret
	err := s.view(ctx, "read key secret", func(ctx context.Context, q querier) error {
		var digest, sealed []byte
		err := q.queryRow(ctx, "SELECT digest, sealed FROM key_secrets WHERE key_id = ? AND valid_until = 0 AND sealed IS NOT NULL", text(id)).Scan(&digest, &sealed)
		if errors.Is(err, sql.ErrNoRows) {
			return &gateway.Error{Kind: gateway.NotFound, Message: fmt.Sprintf("no secret to show for key %q", id)}
		}
		if err != nil {
			return err
		}
		plain, err := s.keyring.Open(sealed, secretData(id, digest))
		if err != nil {
			return fmt.Errorf("secret of key %s: %w", id, err)
		}
		secret = gateway.NewSecret(string(plain))
		return nil
	})
	return secret, err
}

// KeyByDigest returns the key whose secret has the given Keyring.KeyDigest, and
// until when this secret is valid (zero: no end). A secret that was rotated out
// is found after its end too, until the next rotation: comparing with the clock
// is the caller's, as it is for Revoked and ExpiresAt.
func (s *Store) KeyByDigest(ctx context.Context, digest secrets.Digest) (*gateway.Key, time.Time, error) {
	var key gateway.Key
	var until int64
	err := s.view(ctx, "find key", func(ctx context.Context, q querier) error {
		// One statement, so that key and secret are from one moment.
		err := q.queryRow(ctx, "SELECT "+s.keySelection()+", valid_until FROM keys JOIN key_secrets ON key_secrets.key_id = keys.id WHERE digest = ?", digest[:]).
			Scan(append(keyTargets(&key), &until)...)
		if errors.Is(err, sql.ErrNoRows) {
			return &gateway.Error{Kind: gateway.NotFound, Message: "no such key"}
		}
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	if until == 0 {
		return &key, time.Time{}, nil
	}
	return &key, time.UnixMicro(until).UTC(), nil
}

// keyChange is a change of the key with the digests that it has now.
func (s *Store) keyChange(ctx context.Context, q querier, id string) (Change, error) {
	rows, err := q.query(ctx, "SELECT digest FROM key_secrets WHERE key_id = ? ORDER BY valid_until, digest", text(id))
	if err != nil {
		return Change{}, err
	}
	digests, err := collect(rows, func(row scanner) (secrets.Digest, error) {
		var raw []byte
		if err := row.Scan(&raw); err != nil {
			return secrets.Digest{}, err
		}
		if len(raw) != len(secrets.Digest{}) {
			return secrets.Digest{}, fmt.Errorf("digest of key %s has %d bytes", id, len(raw))
		}
		return secrets.Digest(raw), nil
	})
	return Change{Kind: KindKey, ID: id, Digests: digests}, err
}
