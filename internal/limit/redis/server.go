package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Server says where Redis is. Several addresses, or Cluster, mean a Redis
// Cluster of which these are some nodes.
type Server struct {
	Addresses    []string // host:port
	Cluster      bool
	Username     string
	Password     gateway.Secret
	Database     int
	TLS          *tls.Config   // nil: plain
	ReadTimeout  time.Duration // 1 s if 0; calls on the request path have less
	WriteTimeout time.Duration // 500 ms if 0
	PoolSize     int           // connections to a node; 10 a core if 0
}

// ParseURL reads redis://user:password@host:port/database; rediss:// is the same
// with TLS. The error does not hold the password.
func ParseURL(url gateway.Secret) (Server, error) {
	o, err := goredis.ParseURL(url.Reveal())
	if err != nil {
		return Server{}, errors.New("is no redis:// or rediss:// URL")
	}
	if o.Network != "tcp" {
		return Server{}, errors.New("only redis:// and rediss:// are known")
	}
	return Server{
		Addresses: []string{o.Addr}, Username: o.Username, Password: gateway.NewSecret(o.Password), Database: o.DB, TLS: o.TLSConfig,
	}, nil
}

// Client returns a client of the server with a pool of its own. Whoever asks for
// it closes it.
func (s Server) Client() goredis.UniversalClient {
	read, write := s.ReadTimeout, s.WriteTimeout
	if read == 0 {
		read = time.Second
	}
	if write == 0 {
		write = 500 * time.Millisecond
	}
	o := &goredis.UniversalOptions{
		Addrs: s.Addresses, IsClusterMode: s.Cluster, Username: s.Username, Password: s.Password.Reveal(), DB: s.Database, TLSConfig: s.TLS,
		PoolSize: s.PoolSize, ReadTimeout: read, WriteTimeout: write, DialTimeout: time.Second, PoolTimeout: time.Second,
		ContextTimeoutEnabled: true,
		MaxRetries:            1, MinRetryBackoff: -1, MaxRetryBackoff: -1, DialerRetries: 1,
		MaxRedirects:          2,
		FailingTimeoutSeconds: 1,
		DisableIdentity:       true,
		PipelinePoolSize:      -1,
	}
	return goredis.NewUniversalClient(o)
}

// ErrUnfit is the error of Check for a server that must not count money.
var ErrUnfit = errors.New("this Redis cannot hold limits")

// Check reports whether the server may be used: at least version 6.2, and
// without eviction, which would forget what was spent. The error is ErrUnfit if
// it may not, else the server cannot be asked. A server that does not show its
// configuration is used, with a warning in the log.
func (l *Limiter) Check(ctx context.Context) error {
	err := l.eachMaster(ctx, func(ctx context.Context, c *goredis.Client) error {
		info, err := c.InfoMap(ctx, "server").Result()
		if err != nil {
			return fmt.Errorf("ask Redis for its version: %w", err)
		}
		if v := info["Server"]["redis_version"]; !atLeast(v, 6, 2) {
			return fmt.Errorf("%w: it has version %s, and 6.2 is needed", ErrUnfit, v)
		}
		policy, err := c.ConfigGet(ctx, "maxmemory-policy").Result()
		if isReply(err) || err == nil && policy["maxmemory-policy"] == "" {
			l.o.Logger.Warn("Redis does not show its configuration: make sure that its maxmemory-policy is noeviction", "error", err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("ask Redis for its maxmemory-policy: %w", err)
		}
		if p := policy["maxmemory-policy"]; p != "noeviction" {
			return fmt.Errorf("%w: its maxmemory-policy is %s, so that it forgets counters when memory is short; set it to noeviction", ErrUnfit, p)
		}
		return nil
	})
	switch {
	case err == nil:
		l.unfit.Store(nil)
	case errors.Is(err, ErrUnfit):
		l.unfit.Store(&err)
	}
	return err
}

// eachMaster calls f for the server, or for each master of the Cluster.
func (l *Limiter) eachMaster(ctx context.Context, f func(context.Context, *goredis.Client) error) error {
	switch c := l.client.(type) {
	case *goredis.ClusterClient:
		return c.ForEachMaster(ctx, f)
	case *goredis.Client:
		return f(ctx, c)
	}
	return fmt.Errorf("unknown client %T", l.client)
}

// isReply reports whether the server answered, with an error of its own.
func isReply(err error) bool {
	_, ok := errors.AsType[goredis.Error](err)
	return ok
}

func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, errA := strconv.Atoi(parts[0])
	b, errB := strconv.Atoi(parts[1])
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}
