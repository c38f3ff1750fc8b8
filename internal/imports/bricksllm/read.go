// Package bricksllm reads a BricksLLM installation's PostgreSQL database for an
// import. It knows the tables as release 1.40 has them, and older ones that lack
// some columns. It changes nothing there and reads everything at one moment.
//
// BricksLLM keeps the SHA-256 of a key's secret in hexadecimal, or the secret
// itself where the key says isKeyNotHashed. Credentials of providers are in clear,
// unless it ran with an encryption service, whose text cannot be told from a
// credential: then they are imported as they are and work nowhere.
package bricksllm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/imports"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Source names this kind of source.
const Source = "bricksllm"

// Read reads all that can be imported. url says where the database is, as libpq
// takes it, and now is the moment that windows of limits are counted for.
func Read(ctx context.Context, url gateway.Secret, now time.Time) ([]*imports.Object, error) {
	config, err := pgx.ParseConfig(url.Reveal())
	if err != nil {
		return nil, errors.New("the address of BricksLLM's database is no PostgreSQL URL") // pgx's error quotes it
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to BricksLLM's database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("read BricksLLM's database: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // there is nothing to commit
	d := &database{tx: tx, now: now.UTC(), keys: map[string]bool{}, settings: map[string]bool{}}
	return d.objects(ctx)
}

// database is one reading of the tables.
type database struct {
	tx       pgx.Tx
	now      time.Time
	settings map[string]bool // ids there are
	keys     map[string]bool
	ofKeys   map[string]sums // by key id
	ofUsers  map[string]sums // by what clients call the user
}

// tables are read in the order in which their rows refer to one another.
func (d *database) objects(ctx context.Context) (all []*imports.Object, err error) {
	if d.ofKeys, err = d.spent(ctx, "key_id"); err == nil {
		d.ofUsers, err = d.spent(ctx, "user_id")
	}
	if err != nil {
		return nil, err
	}
	for _, t := range []struct {
		table  string
		object func(*imports.Record) *imports.Object
	}{
		{"custom_providers", customProvider},
		{"provider_settings", d.setting},
		{"policies", policy},
		{"keys", d.key},
		{"users", d.user},
		{"routes", route},
	} {
		records, err := d.records(ctx, t.table)
		if err != nil {
			return nil, fmt.Errorf("read BricksLLM's %s: %w", t.table, err)
		}
		for _, r := range records {
			o := t.object(r)
			o.Lost = append(o.Lost, r.Rest()...)
			all = append(all, o)
		}
	}
	return all, nil
}

// records reads a table whatever its columns are, oldest first. One that is not
// there was made by a later release.
func (d *database) records(ctx context.Context, table string) (records []*imports.Record, err error) {
	if there, err := d.has(ctx, table, "created_at"); err != nil || !there {
		return nil, err
	}
	rows, err := d.tx.Query(ctx, "SELECT to_jsonb(t)::text FROM "+pgx.Identifier{table}.Sanitize()+" t ORDER BY created_at, to_jsonb(t)::text")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*imports.Record, error) {
		var text string
		if err := row.Scan(&text); err != nil {
			return nil, err
		}
		return imports.NewRecord([]byte(text))
	})
}

func (d *database) has(ctx context.Context, table, column string) (there bool, err error) {
	err = d.tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false)) AND table_name = $1 AND column_name = $2)",
		table, column).Scan(&there)
	return there, err
}

// sums are what events cost since ever, and in the present windows.
type sums struct {
	total  gateway.NanoUSD
	window map[gateway.Unit]gateway.NanoUSD
}

func (s sums) spent(unit gateway.Unit) imports.Spent {
	return imports.Spent{Total: s.total, InWindow: s.window[unit], Unit: unit}
}

// spent sums the costs of events by a column.
func (d *database) spent(ctx context.Context, column string) (map[string]sums, error) {
	all := map[string]sums{}
	if there, err := d.has(ctx, "events", column); err != nil || !there {
		return all, err
	}
	units := []gateway.Unit{gateway.Minute, gateway.Hour, gateway.Day, gateway.Month}
	query, args := "SELECT "+column+", COALESCE(SUM(cost), 0)::bigint", []any{}
	for i, unit := range units {
		start, _ := limit.Window(unit, d.now)
		query += fmt.Sprintf(", COALESCE(SUM(cost) FILTER (WHERE created_at >= $%d), 0)::bigint", i+1)
		args = append(args, start.Unix())
	}
	// Dollars in a double are rounded up to the next nano-dollar: a budget is never
	// less used than it was.
	query += " FROM (SELECT " + column + ", created_at, CEIL(ROUND(cost_in_usd::numeric * 1000000000, 3)) AS cost FROM events WHERE " + column + " <> '') e GROUP BY " + column
	rows, err := d.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("sum BricksLLM's events: %w", err)
	}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var id string
		var total int64
		in := make([]int64, len(units))
		err := row.Scan(&id, &total, &in[0], &in[1], &in[2], &in[3])
		s := sums{gateway.NanoUSD(total), map[gateway.Unit]gateway.NanoUSD{}}
		for i, unit := range units {
			s.window[unit] = gateway.NanoUSD(in[i])
		}
		all[id] = s
		return struct{}{}, err
	})
	return all, err
}
