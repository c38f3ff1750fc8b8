package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

const settingColumns = "id, name, provider, created_at, updated_at, allowed_models, sealed, revision"

// sealedSetting is what of a setting is kept encrypted.
type sealedSetting struct {
	APIKey string            `json:"apiKey,omitempty"`
	Params map[string]string `json:"params,omitempty"`
}

// CreateSetting keeps a new setting. It fills ID when empty, and CreatedAt,
// UpdatedAt and Revision always. An ID that is taken is a Conflict, a provider
// that does not exist is Invalid.
func (s *Store) CreateSetting(ctx context.Context, setting *gateway.ProviderSetting) error {
	made := *setting
	if made.ID == "" {
		made.ID = uuid.NewString()
	}
	if err := checkID(made.ID); err != nil {
		return err
	}
	made.CreatedAt = s.seconds()
	made.UpdatedAt = made.CreatedAt
	_, err := s.administer(ctx, "create provider setting", func(ctx context.Context, q querier, revision int64) (Change, error) {
		made.Revision = revision
		if err := providerExists(ctx, q, made.Provider); err != nil {
			return Change{}, err
		}
		sealed, err := s.sealSetting(&made)
		if err != nil {
			return Change{}, err
		}
		_, err = q.exec(ctx, "INSERT INTO settings ("+settingColumns+", created_revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			made.ID, text(made.Name), text(made.Provider), made.CreatedAt.Unix(), made.UpdatedAt.Unix(), list(made.AllowedModels), sealed, revision, revision)
		if duplicate(err) {
			return Change{}, conflict("a provider setting with id %q exists already", made.ID)
		}
		return Change{Kind: KindSetting, ID: made.ID, After: audit.Show(ctx, &made)}, err
	})
	if err != nil {
		return err
	}
	*setting = made
	return nil
}

// UpdateSetting lets change edit the setting and keeps the result, all in one
// transaction: nobody else writes in between. ID, CreatedAt and Revision are
// not for change to edit. An error of change undoes all and is returned as it
// is. change must not write to the store.
func (s *Store) UpdateSetting(ctx context.Context, id string, change func(*gateway.ProviderSetting) error) (*gateway.ProviderSetting, error) {
	var updated *gateway.ProviderSetting
	_, err := s.administer(ctx, "update provider setting", func(ctx context.Context, q querier, revision int64) (Change, error) {
		setting, err := s.setting(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		before, created := audit.Show(ctx, setting), setting.CreatedAt
		if err := change(setting); err != nil {
			return Change{}, err
		}
		setting.ID, setting.CreatedAt, setting.UpdatedAt, setting.Revision = id, created, s.seconds(), revision
		sealed, err := s.sealSetting(setting)
		if err != nil {
			return Change{}, err
		}
		updated = setting
		_, err = q.exec(ctx, "UPDATE settings SET name = ?, provider = ?, updated_at = ?, allowed_models = ?, sealed = ?, revision = ? WHERE id = ?",
			text(setting.Name), text(setting.Provider), setting.UpdatedAt.Unix(), list(setting.AllowedModels), sealed, revision, id)
		return Change{Kind: KindSetting, ID: id, Before: before, After: audit.Show(ctx, setting)}, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteSetting returns the revision from which on the setting is gone. A
// setting that keys use is a Conflict that names them.
func (s *Store) DeleteSetting(ctx context.Context, id string) (int64, error) {
	return s.administer(ctx, "delete provider setting", func(ctx context.Context, q querier, _ int64) (Change, error) {
		setting, err := s.setting(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		const shown = 10
		rows, err := q.query(ctx, fmt.Sprintf("SELECT DISTINCT key_id FROM key_settings WHERE setting_id = ? ORDER BY key_id LIMIT %d", shown+1), text(id))
		if err != nil {
			return Change{}, err
		}
		users, err := collect(rows, func(row scanner) (key string, err error) { return key, row.Scan(&key) })
		if err != nil {
			return Change{}, err
		}
		if len(users) > shown {
			users = append(users[:shown], "and more")
		}
		if len(users) > 0 {
			return Change{}, conflict("provider setting %q is used by keys: %s", id, strings.Join(users, ", "))
		}
		_, err = q.exec(ctx, "DELETE FROM settings WHERE id = ?", text(id))
		return Change{Kind: KindSetting, ID: id, Before: audit.Show(ctx, setting)}, err
	})
}

// Setting returns one setting with its credential in clear.
func (s *Store) Setting(ctx context.Context, id string) (*gateway.ProviderSetting, error) {
	var setting *gateway.ProviderSetting
	err := s.view(ctx, "read provider setting", func(ctx context.Context, q querier) (err error) {
		setting, err = s.setting(ctx, q, id)
		return err
	})
	return setting, err
}

// Settings returns the settings with the given ids, newest first; nil means
// all. Ids that do not exist are left out.
func (s *Store) Settings(ctx context.Context, ids []string) ([]*gateway.ProviderSetting, error) {
	var settings []*gateway.ProviderSetting
	where := conditions{dialect: s.dialect}
	if ids != nil && len(ids) == 0 {
		return nil, nil
	}
	where.among("id", ids)
	err := s.view(ctx, "read provider settings", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT "+settingColumns+" FROM settings"+where.where()+" ORDER BY created_revision DESC", where.args...)
		if err != nil {
			return err
		}
		settings, err = collect(rows, s.scanSetting)
		return err
	})
	return settings, err
}

func (s *Store) setting(ctx context.Context, q querier, id string) (*gateway.ProviderSetting, error) {
	setting, err := s.scanSetting(q.queryRow(ctx, "SELECT "+settingColumns+" FROM settings WHERE id = ?", text(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("provider setting", id)
	}
	return setting, err
}

func (s *Store) scanSetting(row scanner) (*gateway.ProviderSetting, error) {
	var p gateway.ProviderSetting
	var created, updated int64
	var sealed []byte
	if err := row.Scan(&p.ID, &p.Name, &p.Provider, &created, &updated, jsonColumn{&p.AllowedModels}, &sealed, &p.Revision); err != nil {
		return nil, err
	}
	p.CreatedAt, p.UpdatedAt = fromSeconds(created), fromSeconds(updated)
	plain, err := s.keyring.Open(sealed, p.ID)
	if err != nil {
		return nil, fmt.Errorf("credential of provider setting %s: %w", p.ID, err)
	}
	var opened sealedSetting
	if err := json.Unmarshal(plain, &opened); err != nil {
		return nil, fmt.Errorf("credential of provider setting %s is not as it was written", p.ID)
	}
	p.APIKey, p.Params = gateway.NewSecret(opened.APIKey), opened.Params
	return &p, nil
}

func (s *Store) sealSetting(p *gateway.ProviderSetting) ([]byte, error) {
	return s.keyring.Seal([]byte(asJSON(sealedSetting{APIKey: p.APIKey.Reveal(), Params: p.Params})), p.ID)
}

// seconds is now as objects keep it.
func (s *Store) seconds() time.Time { return fromSeconds(s.now().Unix()) }

// fromSeconds is the time for a column that has 0 for none.
func fromSeconds(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

func toSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
