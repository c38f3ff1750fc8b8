package main

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
)

func TestRedisOfTheVariables(t *testing.T) {
	for name, tc := range map[string]struct {
		environment string
		want        redis.Server
		tls         bool
	}{
		"a host":                {"REDIS_HOSTS=r", redis.Server{Addresses: []string{"r:6379"}}, false},
		"only a password":       {"REDIS_PASSWORD=p", redis.Server{Addresses: []string{"localhost:6379"}, Password: gateway.NewSecret("p")}, false},
		"several hosts":         {"REDIS_HOSTS=a,b:1, ::1 REDIS_PORT=2", redis.Server{Addresses: []string{"a:2", "b:1", "[::1]:2"}, Cluster: true}, false},
		"a Cluster by one host": {"REDIS_HOSTS=a REDIS_CLUSTER=true", redis.Server{Addresses: []string{"a:6379"}, Cluster: true}, false},
		"Kubernetes":            {"REDIS_HOSTS=r REDIS_PORT=tcp://10.0.0.1:1", redis.Server{Addresses: []string{"r:6379"}}, false},
		"TLS":                   {"REDIS_HOSTS=r REDIS_TLS=true REDIS_USERNAME=u", redis.Server{Addresses: []string{"r:6379"}, Username: "u"}, true},
		"a URL": {
			"REDIS_URL=rediss://u:p@r:1/3 REDIS_READ_TIME_OUT=2s",
			redis.Server{Addresses: []string{"r:1"}, Username: "u", Password: gateway.NewSecret("p"), Database: 3, ReadTimeout: 2 * time.Second}, true,
		},
		"a URL and a password": {"REDIS_URL=redis://r REDIS_PASSWORD=p", redis.Server{Addresses: []string{"r:6379"}, Password: gateway.NewSecret("p")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, c, err := parseQuietly([]string{"up"}, strings.Split(strings.ReplaceAll(tc.environment, ", ", ",\u00a0"), " "))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Redis.server()
			if err != nil {
				t.Fatal(err)
			}
			if tc.want.ReadTimeout == 0 {
				tc.want.ReadTimeout = time.Second
			}
			tc.want.WriteTimeout = 500 * time.Millisecond
			if diff := cmp.Diff(tc.want, got, compareSecrets, cmpopts.IgnoreTypes(&tls.Config{})); diff != "" {
				t.Errorf("server (-want +got):\n%s", diff)
			}
			if (got.TLS != nil) != tc.tls {
				t.Errorf("TLS = %v", got.TLS != nil)
			}
		})
	}
}
