package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/measured"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
)

// startLimits makes the limiter, and watches what it counts.
func (s *system) startLimits(ctx context.Context) error {
	events := ledger{s.spool, s.spend}
	s.limiter = memory.New(events, nil)
	if g := &s.config.GenAI; g.LimitTokens {
		s.tokens = memory.NewTokenWindow(g.MaxPromptTokens, g.window(), nil)
	}
	if s.config.Redis.enabled() {
		if err := s.startRedis(ctx, events); err != nil {
			return err
		}
	}
	s.limiter = measured.New(s.limiter, s.registry)
	w := newLedgerWatch(s.limiter, events, s.logger, s.registry)
	s.onStop(s.workers.start("ledger watch", w.run))
	return nil
}

// bookEvents tells the limits of what was booked behind them: an administrator's
// corrections, and charges for what a request started.
func (s *system) bookEvents(ctx context.Context, events []*gateway.Event) error {
	for _, e := range events {
		accounts := append([]gateway.AccountID{gateway.KeyAccount(e.KeyID)}, e.Accounts...)
		if err := s.limiter.Book(ctx, limit.Booking{ID: e.ID, Accounts: accounts, Cost: e.Cost, At: e.CreatedAt}); err != nil {
			return err
		}
	}
	return nil
}

// lookAtLimits is for an admin API or a control plane that runs alone: it shows
// and corrects what processors count in Redis, and counts nothing itself. What they count in their
// own processes it cannot see.
func (s *system) lookAtLimits(context.Context) error {
	if !s.config.Redis.enabled() {
		return nil
	}
	l, err := s.newRedis(ledger{spender: s.spend})
	s.limiter = l
	return err
}

func (s *system) newRedis(events limit.Ledger) (*redis.Limiter, error) {
	server, err := s.config.Redis.server()
	if err != nil {
		return nil, err
	}
	l := redis.New(redis.Options{
		Server: server, Ledger: events, Logger: s.logger, Registerer: s.registry, Timeout: s.config.Redis.CallTimeout,
		LostCost: redis.WhenLost(s.config.Redis.LostCost), LostRate: redis.WhenLost(s.config.Redis.LostRate),
	})
	s.onStopTry("close redis", l.Close)
	return l, nil
}

// startRedis makes the limiter one in Redis, which is checked, and runs until
// the stop. A Redis that cannot be reached now is waited for in the background.
func (s *system) startRedis(ctx context.Context, events limit.Ledger) error {
	l, err := s.newRedis(events)
	if err != nil {
		return err
	}
	checking, cancel := context.WithTimeout(ctx, redisCheckTimeout)
	defer cancel()
	if err := l.Check(checking); errors.Is(err, redis.ErrUnfit) {
		return err
	} else if err != nil {
		s.logger.Error("Redis cannot be reached yet, limits are checked as if it were lost", "error", err)
	}
	s.onStop(s.workers.start("limits", l.Run))
	s.limiter = l
	if g := &s.config.GenAI; g.LimitTokens {
		s.tokens = l.TokenWindow(g.MaxPromptTokens, g.window())
	}
	for _, b := range s.unbooked {
		if err := l.Book(ctx, b); err != nil {
			return fmt.Errorf("book what an earlier process left: %w", err)
		}
	}
	s.unbooked = nil
	return nil
}

// recover notes what an earlier process spent: counters that outlive a process
// may not know of it. Booking again what they know changes nothing.
func (s *system) recover(e *gateway.Event) {
	if s.config.Redis.enabled() && e.Cost > 0 && e.KeyID != "" {
		s.unbooked = append(s.unbooked, limit.Booking{
			ID: e.ID, Accounts: append([]gateway.AccountID{gateway.KeyAccount(e.KeyID)}, e.Accounts...), Cost: e.Cost, At: e.CreatedAt,
		})
	}
}

const redisCheckTimeout = 5 * time.Second

// server is the Redis that the variables describe.
func (r *redisConfig) server() (redis.Server, error) {
	var s redis.Server
	if !r.URL.Empty() {
		if r.Hosts != "" {
			return s, errors.New("REDIS_URL and REDIS_HOSTS exclude each other")
		}
		parsed, err := redis.ParseURL(r.URL)
		if err != nil {
			return s, fmt.Errorf("REDIS_URL %w", err)
		}
		s = parsed
	} else {
		port, err := r.port()
		if err != nil {
			return s, err
		}
		for host := range strings.SplitSeq(cmp.Or(r.Hosts, "localhost"), ",") {
			if host = strings.TrimSpace(host); host == "" {
				continue
			}
			if _, _, err := net.SplitHostPort(host); err != nil {
				host = net.JoinHostPort(strings.Trim(host, "[]"), port)
			}
			s.Addresses = append(s.Addresses, host)
		}
		if len(s.Addresses) == 0 {
			return s, errors.New("REDIS_HOSTS names no host")
		}
	}
	s.Cluster = r.Cluster || len(s.Addresses) > 1
	if s.Cluster && s.Database != 0 {
		return s, errors.New("REDIS_URL: a Redis Cluster has database 0 only")
	}
	s.Username = cmp.Or(s.Username, r.Username)
	if s.Password.Empty() {
		s.Password = r.Password
	}
	s.ReadTimeout, s.WriteTimeout, s.PoolSize = r.ReadWithin, r.WriteWithin, r.PoolSize
	return s, r.secure(&s)
}

// port is REDIS_PORT; what Kubernetes puts there is the default.
func (r *redisConfig) port() (string, error) {
	if r.Port == "" || strings.Contains(r.Port, "://") {
		return "6379", nil
	}
	if n, err := strconv.ParseUint(r.Port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("REDIS_PORT: %q is not a port", r.Port)
	}
	return r.Port, nil
}

// secure adds TLS where it is asked for.
func (r *redisConfig) secure(s *redis.Server) error {
	if s.TLS == nil && (r.TLS || r.CAFile != "") {
		if !r.URL.Empty() {
			return errors.New("REDIS_URL: rediss:// is needed for TLS")
		}
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if r.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		return fmt.Errorf("REDIS_CA_FILE: %w", err)
	}
	s.TLS.RootCAs = x509.NewCertPool()
	if !s.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("REDIS_CA_FILE: %s holds no certificate", r.CAFile)
	}
	return nil
}

func (r *redisConfig) validate() error {
	if !r.enabled() {
		return nil
	}
	_, err := r.server()
	faults := []error{err}
	if r.ReadWithin <= 0 || r.WriteWithin <= 0 || r.CallTimeout <= 0 {
		faults = append(faults, errors.New("REDIS_READ_TIME_OUT, REDIS_WRITE_TIME_OUT and REDIS_CALL_TIME_OUT must be above zero"))
	}
	if r.LostCost != "closed" && r.LostCost != "open" {
		faults = append(faults, fmt.Errorf("REDIS_LOST_COST_LIMITS: %q is neither closed nor open", r.LostCost))
	}
	switch r.LostRate {
	case "local", "closed", "open":
	default:
		faults = append(faults, fmt.Errorf("REDIS_LOST_RATE_LIMITS: %q is none of local, closed and open", r.LostRate))
	}
	return errors.Join(faults...)
}
