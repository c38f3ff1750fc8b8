package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// maxPriceBytes bounds all overrides together: processors have them in full, and
// get them in one message of at most 4 MiB.
const maxPriceBytes = 1 << 20

const priceColumns = "id, setting_id, model, effective_from, prices, created_at, updated_at, revision"

// priceSize is what an override needs in that message, beside its texts.
const priceSize = 128

// PutPriceOverride keeps an override in place of the one with the same setting,
// model and moment, whose id it then has. It fills ID, CreatedAt, UpdatedAt and
// Revision. A setting that does not exist is a NotFound; more overrides than
// processors can be told of are a Conflict.
func (s *Store) PutPriceOverride(ctx context.Context, o *gateway.PriceOverride) error {
	if o.Model == "" || o.Prices == "" {
		return invalid("a price override needs a model and prices")
	}
	made := *o
	made.EffectiveFrom, made.UpdatedAt = time.Unix(o.EffectiveFrom.Unix(), 0).UTC(), s.seconds()
	_, err := s.administer(ctx, "put price override", func(ctx context.Context, q querier, revision int64) (Change, error) {
		made.Revision = revision
		var before audit.View
		if made.SettingID != "" {
			if _, err := s.setting(ctx, q, made.SettingID); err != nil {
				return Change{}, err
			}
		}
		old, err := scanPrice(q.queryRow(ctx, "SELECT "+priceColumns+" FROM price_overrides WHERE setting_id = ? AND model = ? AND effective_from = ?",
			text(made.SettingID), text(made.Model), made.EffectiveFrom.Unix()))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			made.ID, made.CreatedAt = uuid.NewString(), made.UpdatedAt
		case err != nil:
			return Change{}, err
		default:
			made.ID, made.CreatedAt, before = old.ID, old.CreatedAt, audit.Show(ctx, old)
			if _, err := q.exec(ctx, "DELETE FROM price_overrides WHERE id = ?", old.ID); err != nil {
				return Change{}, err
			}
		}
		if err := checkPriceRoom(ctx, q, &made); err != nil {
			return Change{}, err
		}
		_, err = q.exec(ctx, "INSERT INTO price_overrides ("+priceColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			made.ID, text(made.SettingID), text(made.Model), made.EffectiveFrom.Unix(), text(made.Prices),
			made.CreatedAt.Unix(), made.UpdatedAt.Unix(), revision)
		return Change{Kind: KindPrices, ID: made.ID, Before: before, After: audit.Show(ctx, &made)}, err
	})
	if err != nil {
		return err
	}
	*o = made
	return nil
}

func checkPriceRoom(ctx context.Context, q querier, o *gateway.PriceOverride) error {
	var used int64
	err := q.queryRow(ctx, fmt.Sprintf("SELECT CAST(COALESCE(SUM(LENGTH(prices) + LENGTH(model) + %d), 0) AS BIGINT) FROM price_overrides", priceSize)).Scan(&used)
	if err != nil {
		return err
	}
	if used+int64(len(o.Prices)+len(o.Model)+priceSize) > maxPriceBytes {
		return conflict("there are too many price overrides: together they may have %d bytes; delete old ones", maxPriceBytes)
	}
	return nil
}

// DeletePriceOverride returns the revision from which on the override is gone.
func (s *Store) DeletePriceOverride(ctx context.Context, id string) (int64, error) {
	return s.administer(ctx, "delete price override", func(ctx context.Context, q querier, _ int64) (Change, error) {
		old, err := priceOverride(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		_, err = q.exec(ctx, "DELETE FROM price_overrides WHERE id = ?", text(id))
		return Change{Kind: KindPrices, ID: id, Before: audit.Show(ctx, old)}, err
	})
}

// PriceOverrides returns all overrides, by model, setting and descending moment.
func (s *Store) PriceOverrides(ctx context.Context) ([]*gateway.PriceOverride, error) {
	var all []*gateway.PriceOverride
	err := s.view(ctx, "read price overrides", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT "+priceColumns+" FROM price_overrides ORDER BY model, setting_id, effective_from DESC")
		if err != nil {
			return err
		}
		all, err = collect(rows, scanPrice)
		return err
	})
	return all, err
}

// PriceOverride returns one override.
func (s *Store) PriceOverride(ctx context.Context, id string) (*gateway.PriceOverride, error) {
	var o *gateway.PriceOverride
	err := s.view(ctx, "read price override", func(ctx context.Context, q querier) (err error) {
		o, err = priceOverride(ctx, q, id)
		return err
	})
	return o, err
}

func priceOverride(ctx context.Context, q querier, id string) (*gateway.PriceOverride, error) {
	o, err := scanPrice(q.queryRow(ctx, "SELECT "+priceColumns+" FROM price_overrides WHERE id = ?", text(id)))
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("price override", id)
	}
	return o, err
}

func scanPrice(row scanner) (*gateway.PriceOverride, error) {
	var o gateway.PriceOverride
	var from, created, updated int64
	if err := row.Scan(&o.ID, &o.SettingID, &o.Model, &from, &o.Prices, &created, &updated, &o.Revision); err != nil {
		return nil, err
	}
	o.EffectiveFrom, o.CreatedAt, o.UpdatedAt = time.Unix(from, 0).UTC(), fromSeconds(created), fromSeconds(updated)
	return &o, nil
}

const metaUnknownPrice = "unknown_price_policy"

// UnknownPricePolicy returns the stored policy; empty: none is stored.
func (s *Store) UnknownPricePolicy(ctx context.Context) (gateway.UnknownPricePolicy, error) {
	var p gateway.UnknownPricePolicy
	err := s.view(ctx, "read unknown-price policy", func(ctx context.Context, q querier) (err error) {
		p, err = unknownPricePolicy(ctx, q)
		return err
	})
	return p, err
}

func unknownPricePolicy(ctx context.Context, q querier) (p gateway.UnknownPricePolicy, err error) {
	err = q.queryRow(ctx, "SELECT value FROM meta WHERE name = ?", metaUnknownPrice).Scan(&p)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

// SetUnknownPricePolicy stores the policy, or none when it is empty. It returns
// the revision from which on it holds.
func (s *Store) SetUnknownPricePolicy(ctx context.Context, p gateway.UnknownPricePolicy) (int64, error) {
	if p != "" && !p.Valid() {
		return 0, invalid("the unknown-price policy is deny or allow")
	}
	return s.administer(ctx, "set unknown-price policy", func(ctx context.Context, q querier, _ int64) (Change, error) {
		old, err := unknownPricePolicy(ctx, q)
		if err == nil {
			_, err = q.exec(ctx, "DELETE FROM meta WHERE name = ?", metaUnknownPrice)
		}
		if err == nil && p != "" {
			_, err = q.exec(ctx, "INSERT INTO meta (name, value) VALUES (?, ?)", metaUnknownPrice, string(p))
		}
		return Change{Kind: KindPrices, ID: metaUnknownPrice, Before: audit.Show(ctx, old), After: audit.Show(ctx, p)}, err
	})
}
