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
	"github.com/bricks-gateway/bricks/internal/provider"
)

const customColumns = "id, provider, tags, created_at, updated_at, routes, authentication_param, authentication_header, authentication_query, revision"

// CustomProviderFilter selects custom providers; a zero field filters nothing.
type CustomProviderFilter struct {
	IDs      []string
	Provider string   // its name
	Tags     []string // it has all of them
}

// CreateCustomProvider keeps a new custom provider. It fills ID when empty, and
// CreatedAt, UpdatedAt and Revision always. An ID or a name that is taken is a
// Conflict.
func (s *Store) CreateCustomProvider(ctx context.Context, p *gateway.CustomProvider) error {
	made := *p
	if made.ID == "" {
		made.ID = uuid.NewString()
	}
	if err := checkID(made.ID); err != nil {
		return err
	}
	made.CreatedAt = s.seconds()
	made.UpdatedAt = made.CreatedAt
	_, err := s.administer(ctx, "create custom provider", func(ctx context.Context, q querier, revision int64) (Change, error) {
		made.Revision = revision
		_, err := q.exec(ctx, "INSERT INTO custom_providers ("+customColumns+", created_revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			made.ID, text(made.Provider), list(made.Tags), made.CreatedAt.Unix(), made.UpdatedAt.Unix(), routeList(made.Routes),
			text(made.AuthenticationParam), text(made.AuthenticationHeader), text(made.AuthenticationQuery), revision, revision)
		if duplicate(err) {
			return Change{}, conflict("a custom provider called %q exists already", made.Provider)
		}
		return Change{Kind: KindCustomProvider, ID: made.ID, After: audit.Show(ctx, &made)}, err
	})
	if err != nil {
		return err
	}
	*p = made
	return nil
}

// UpdateCustomProvider lets change edit the custom provider and keeps the
// result, as UpdateSetting does. Its name is not for change to edit. settings
// are the provider's, with their credentials.
func (s *Store) UpdateCustomProvider(ctx context.Context, id string, change func(p *gateway.CustomProvider, settings []*gateway.ProviderSetting) error) (*gateway.CustomProvider, error) {
	var updated *gateway.CustomProvider
	_, err := s.administer(ctx, "update custom provider", func(ctx context.Context, q querier, revision int64) (Change, error) {
		p, err := customProvider(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		rows, err := q.query(ctx, "SELECT "+settingColumns+" FROM settings WHERE provider = ? ORDER BY created_revision DESC", p.Provider)
		if err != nil {
			return Change{}, err
		}
		settings, err := collect(rows, s.scanSetting)
		if err != nil {
			return Change{}, err
		}
		before, name, created := audit.Show(ctx, p), p.Provider, p.CreatedAt
		if err := change(p, settings); err != nil {
			return Change{}, err
		}
		p.ID, p.Provider, p.CreatedAt, p.UpdatedAt, p.Revision = id, name, created, s.seconds(), revision
		updated = p
		_, err = q.exec(ctx, "UPDATE custom_providers SET tags = ?, updated_at = ?, routes = ?, authentication_param = ?, authentication_header = ?, authentication_query = ?, revision = ? WHERE id = ?",
			list(p.Tags), p.UpdatedAt.Unix(), routeList(p.Routes), text(p.AuthenticationParam), text(p.AuthenticationHeader), text(p.AuthenticationQuery), revision, id)
		return Change{Kind: KindCustomProvider, ID: id, Before: before, After: audit.Show(ctx, p)}, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteCustomProvider returns the revision from which on the custom provider
// is gone. One that has settings is a Conflict that names them.
func (s *Store) DeleteCustomProvider(ctx context.Context, id string) (int64, error) {
	return s.administer(ctx, "delete custom provider", func(ctx context.Context, q querier, _ int64) (Change, error) {
		p, err := customProvider(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		const shown = 10
		rows, err := q.query(ctx, fmt.Sprintf("SELECT id FROM settings WHERE provider = ? ORDER BY id LIMIT %d", shown+1), p.Provider)
		if err != nil {
			return Change{}, err
		}
		users, err := collect(rows, func(row scanner) (setting string, err error) { return setting, row.Scan(&setting) })
		if err != nil {
			return Change{}, err
		}
		if len(users) > shown {
			users = append(users[:shown], "and more")
		}
		if len(users) > 0 {
			return Change{}, conflict("custom provider %q is used by provider settings: %s", p.Provider, strings.Join(users, ", "))
		}
		_, err = q.exec(ctx, "DELETE FROM custom_providers WHERE id = ?", id)
		return Change{Kind: KindCustomProvider, ID: id, Before: audit.Show(ctx, p)}, err
	})
}

// CustomProvider returns one custom provider.
func (s *Store) CustomProvider(ctx context.Context, id string) (*gateway.CustomProvider, error) {
	var p *gateway.CustomProvider
	err := s.view(ctx, "read custom provider", func(ctx context.Context, q querier) (err error) {
		p, err = customProvider(ctx, q, id)
		return err
	})
	return p, err
}

// CustomProviders returns the custom providers that match, newest first.
func (s *Store) CustomProviders(ctx context.Context, f CustomProviderFilter) ([]*gateway.CustomProvider, error) {
	where := conditions{dialect: s.dialect}
	where.among("id", f.IDs)
	where.containing("tags", f.Tags)
	if f.Provider != "" {
		where.add("provider = ?", text(f.Provider))
	}
	var all []*gateway.CustomProvider
	err := s.view(ctx, "read custom providers", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT "+customColumns+" FROM custom_providers"+where.where()+" ORDER BY created_revision DESC", where.args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, scanCustomProvider)
		return err
	})
	return all, err
}

// providerExists refuses a provider that is neither the gateway's own nor a
// custom one. Inside of the transaction that makes a setting it keeps the
// provider from going meanwhile: another one of that name would get the
// setting's credential.
func providerExists(ctx context.Context, q querier, name string) error {
	if provider.Reserved(name) {
		return nil
	}
	var id string
	err := q.queryRow(ctx, "SELECT id FROM custom_providers WHERE provider = ?", text(name)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return invalid("no custom provider is called %q", name)
	}
	return err
}

func customProvider(ctx context.Context, q querier, id string) (*gateway.CustomProvider, error) {
	p, err := scanCustomProvider(q.queryRow(ctx, "SELECT "+customColumns+" FROM custom_providers WHERE id = ?", text(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("custom provider", id)
	}
	return p, err
}

func scanCustomProvider(row scanner) (*gateway.CustomProvider, error) {
	var p gateway.CustomProvider
	err := row.Scan(&p.ID, &p.Provider, jsonColumn{&p.Tags}, secondsColumn{&p.CreatedAt}, secondsColumn{&p.UpdatedAt}, jsonColumn{&p.Routes},
		&p.AuthenticationParam, &p.AuthenticationHeader, &p.AuthenticationQuery, &p.Revision)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

func routeList(routes []gateway.CustomRoute) string {
	if len(routes) == 0 {
		return "[]"
	}
	return text(asJSON(routes))
}
