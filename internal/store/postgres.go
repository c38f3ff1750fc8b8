package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Advisory locks of PostgreSQL are numbers that all who share a database agree
// on. These are the first bytes of "bricks", and which lock.
const (
	lockMigrate         = 0x627269636b73_01
	lockSingleProcessor = 0x627269636b73_02
)

// postgresConnections bounds the pool: admin calls, config reads and event
// batches are few, and PostgreSQL's own limit is 100 by default.
const postgresConnections = 10

// PostgresConfig says where the database is. Durations of 0 mean no deadline of
// our own.
type PostgresConfig struct {
	Hosts    []string // names, addresses or directories of Unix sockets, each with an optional :port; the first that takes writes is used
	Port     int      // 0: 5432
	User     string
	Password gateway.Secret
	Database string
	SSLMode  string // as libpq's sslmode; empty: disable

	ReadTimeout  time.Duration
	WriteTimeout time.Duration
}

// OpenPostgres connects, and brings the schema up to date under an advisory
// lock, so that several processes may start at once.
func OpenPostgres(ctx context.Context, c PostgresConfig, o Options) (*Store, error) {
	s, err := newStore(o)
	if err != nil {
		return nil, err
	}
	config, err := c.parse()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.dialect = postgresDialect
	s.readTimeout, s.writeTimeout = c.ReadTimeout, c.WriteTimeout
	s.backend = &postgresBackend{config: config, logger: s.logger}
	s.read = stdlib.OpenDB(*config)
	s.read.SetMaxOpenConns(postgresConnections)
	s.read.SetMaxIdleConns(postgresConnections)
	s.read.SetConnMaxIdleTime(5 * time.Minute)
	s.write = s.read
	if err := s.preparePostgres(ctx); err != nil {
		return nil, errors.Join(s.explain("open database "+c.Database, err), s.Close())
	}
	return s, nil
}

// preparePostgres migrates and claims while it holds the advisory lock.
func (s *Store) preparePostgres(ctx context.Context) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(lockMigrate)); err != nil {
		return err
	}
	err = s.migrate(ctx)
	if err == nil {
		err = s.claim(ctx)
	}
	if err == nil {
		err = s.beginAudit(ctx)
	}
	_, errUnlock := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(lockMigrate))
	return errors.Join(err, errUnlock)
}

// parse makes pgx's configuration. The password is set afterwards, so that no
// error can repeat it.
func (c PostgresConfig) parse() (*pgx.ConnConfig, error) {
	if len(c.Hosts) == 0 {
		return nil, errors.New("no PostgreSQL host")
	}
	port := c.Port
	if port == 0 {
		port = 5432
	}
	var hosts, ports []string
	for _, host := range c.Hosts {
		hostPort := strconv.Itoa(port)
		if h, p, err := net.SplitHostPort(host); err == nil {
			host, hostPort = h, p
		}
		hosts, ports = append(hosts, host), append(ports, hostPort)
	}
	mode := c.SSLMode
	if mode == "" {
		mode = "disable"
	}
	settings := [][2]string{
		{"host", strings.Join(hosts, ",")}, {"port", strings.Join(ports, ",")}, {"user", c.User},
		{"dbname", c.Database}, {"sslmode", mode}, {"connect_timeout", "5"}, {"application_name", "bricks"},
	}
	if len(hosts) > 1 {
		settings = append(settings, [2]string{"target_session_attrs", "read-write"})
	}
	var b strings.Builder
	for _, kv := range settings {
		fmt.Fprintf(&b, "%s='%s' ", kv[0], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(kv[1]))
	}
	config, err := pgx.ParseConfig(b.String())
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL configuration: %w", err)
	}
	config.Password = c.Password.Reveal()
	return config, nil
}

type postgresBackend struct {
	config *pgx.ConnConfig
	logger *slog.Logger
}

// insertEvents sends one array for each column: one statement and one round
// trip for any number of events, and it can skip those that are there, which
// COPY cannot.
func (b *postgresBackend) insertEvents(ctx context.Context, tx *sql.Tx, rows []eventRows) ([]string, error) {
	arrays, args := make([]string, len(eventColumns)), make([]any, len(eventColumns))
	for i, column := range eventColumns {
		values := make([]any, len(rows))
		for j, row := range rows {
			values[j] = row.event[i]
		}
		args[i] = values
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, column.kind)
	}
	written, err := tx.QueryContext(ctx, "INSERT INTO events ("+eventColumnNames+") SELECT * FROM unnest("+strings.Join(arrays, ", ")+") ON CONFLICT DO NOTHING RETURNING id", args...)
	if err != nil {
		return nil, err
	}
	ids, err := collect(written, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, err
	}
	return ids, insertAccounts(ctx, tx, rows, ids)
}

// insertRows sends one array for each column, as insertEvents does.
func (b *postgresBackend) insertRows(ctx context.Context, tx *sql.Tx, into table, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	arrays, args := make([]string, len(into.columns)), make([]any, len(into.columns))
	for i, kind := range into.kinds {
		values := make([]any, len(rows))
		for j, row := range rows {
			values[j] = row[i]
		}
		args[i], arrays[i] = values, fmt.Sprintf("$%d::%s[]", i+1, kind)
	}
	_, err := tx.ExecContext(ctx, into.insertInto()+"SELECT * FROM unnest("+strings.Join(arrays, ", ")+") "+into.conflict, args...)
	return err
}

// insertAccounts writes the accounts of those events that have just been
// written: the others have theirs already.
func insertAccounts(ctx context.Context, tx *sql.Tx, rows []eventRows, written []string) error {
	isNew := make(map[string]bool, len(written))
	for _, id := range written {
		isNew[id] = true
	}
	columns := make([][]any, 4)
	for _, row := range rows {
		for _, account := range row.accounts {
			if !isNew[account[0].(string)] {
				continue
			}
			for i, v := range account {
				columns[i] = append(columns[i], v)
			}
		}
	}
	if len(columns[0]) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO event_accounts ("+accountColumnNames+") SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])",
		columns[0], columns[1], columns[2], columns[3])
	return err
}
