package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

var (
	strong         = strings.Repeat("k", 32)
	compareSecrets = cmp.Comparer(func(a, b gateway.Secret) bool { return a.Reveal() == b.Reveal() })
	equateEmpty    = cmpopts.EquateEmpty()
)

func parseQuietly(args, environment []string) (string, config, error) {
	return parse(args, environment, io.Discard, io.Discard)
}

func TestParseGood(t *testing.T) {
	for name, tc := range map[string]struct {
		args, environment []string
		change            func(*config)
	}{
		"nothing set": {nil, nil, func(*config) {}},
		"every flag": {
			[]string{
				"--data-dir=/d", "--admin-address=:1", "--proxy-address", "[::1]:2", "--metrics-address=localhost:3",
				"--envoy-admin-address=127.0.0.1:4", "--admin-key=" + strong, "--admin-key=viewer[a b]=" + strong,
				"--envoy-path=/e", "--allow-upstream=10.0.0.0/8", "--allow-upstream=vllm.lan:80",
				"--log-level=trace", "-p", "strict", "-m", "production",
			}, nil,
			func(c *config) {
				c.DataDir, c.AdminAddress, c.ProxyAddress, c.MetricsAddress = "/d", ":1", "[::1]:2", "localhost:3"
				c.EnvoyAdminAddress, c.EnvoyPath, c.Mode = "127.0.0.1:4", "/e", "production"
				c.AdminKeyFlags = []gateway.Secret{gateway.NewSecret(strong), gateway.NewSecret("viewer[a b]=" + strong)}
				c.AllowUpstream = []string{"10.0.0.0/8", "vllm.lan:80"}
				c.LogLevel, c.Privacy = "trace", "strict"
			},
		},
		"variables": {
			nil,
			[]string{
				"BRICKS_DATA_DIR=/d", "PROXY_ADDRESS=0.0.0.0:80", "ADMIN_PASS=p,q", "ADMIN_KEYS=a,b", "ALLOWED_PRIVATE_UPSTREAMS=a:1, b:2",
				"PROXY_TIMEOUT=30s", "IN_MEMORY_DB_UPDATE_INTERVAL=250ms", "NUMBER_OF_EVENT_MESSAGE_CONSUMERS=7",
				"EVENT_RETENTION=90d", "EVENT_BODY_RETENTION=36h",
				"LOGGING_LEVEL=fatal", "LOGGING_PROVIDER=stdout", "STATS_PROVIDER=datadog", "PRIVACY=strict",
				"OPENAI_API_KEY=sk-1", "ENVOY_PATH=/e", "STALE_CONFIG_MAX_AGE=5m", "PENDING_CHARGE_INTERVAL=10s", "ENVOY_CONCURRENCY=2", "UNKNOWN=1", "METRICS_MAX_USERS=0", "STATSD_HOST=agent", "STATSD_PORT=9125", "UNKNOWN_PRICE_POLICY=allow",
			},
			func(c *config) {
				c.DataDir, c.ProxyAddress, c.EnvoyPath, c.EnvoyConcurrency = "/d", "0.0.0.0:80", "/e", 2
				c.AdminPass, c.AdminKeys = gateway.NewSecret("p,q"), gateway.NewSecret("a,b")
				c.AllowUpstream = []string{"a:1", "b:2"}
				c.ProxyTimeout, c.UpdateInterval, c.StaleMaxAge = 30*time.Second, 250*time.Millisecond, 5*time.Minute
				c.ChargeInterval = 10 * time.Second
				c.EventRetention, c.BodyRetention = period(2160*time.Hour), period(36*time.Hour)
				c.EventConsumers, c.LogLevel, c.StatsProvider, c.Privacy, c.MetricsUsers = 7, "fatal", "datadog", "strict", 0
				c.Statsd = statsdConfig{"agent", "9125"}
				c.OpenAIKey, c.UnknownPrice = gateway.NewSecret("sk-1"), "allow"
			},
		},
		"flags win": {
			[]string{"--data-dir=/flag", "--admin-key=" + strong, "--allow-upstream=f:1"},
			[]string{"BRICKS_DATA_DIR=/variable", "ADMIN_PASS=x", "ALLOWED_PRIVATE_UPSTREAMS=v:1"},
			func(c *config) {
				c.DataDir, c.AllowUpstream, c.AdminPass = "/flag", []string{"f:1"}, gateway.NewSecret("x")
				c.AdminKeyFlags = []gateway.Secret{gateway.NewSecret(strong)}
			},
		},
		"an empty variable is not set":       {nil, []string{"PROXY_TIMEOUT=", "REDIS_HOSTS=", "POSTGRESQL_HOSTS=", "LOGGING_LEVEL="}, func(*config) {}},
		"the port of a service called redis": {nil, []string{"REDIS_PORT=tcp://10.0.0.1:6379"}, func(c *config) { c.Redis.Port = "tcp://10.0.0.1:6379" }},
		"PostgreSQL with the least": {
			nil, []string{"POSTGRESQL_USERNAME=u"},
			func(c *config) {
				c.Postgres.Hosts, c.Postgres.Username, c.Postgres.SSLMode = []string{"localhost"}, "u", "disable"
			},
		},
		"PostgreSQL with everything": {
			nil,
			[]string{
				"POSTGRESQL_HOSTS=a,b", "POSTGRESQL_PORT=1", "POSTGRESQL_USERNAME=u", "POSTGRESQL_PASSWORD=p", "POSTGRESQL_DB_NAME=d",
				"POSTGRESQL_SSL_ENABLED=true", "POSTGRESQL_READ_TIME_OUT=1s", "POSTGRESQL_WRITE_TIME_OUT=2s",
			},
			func(c *config) {
				c.Postgres = postgresConfig{
					Hosts: []string{"a", "b"}, Port: 1, Username: "u", Password: gateway.NewSecret("p"), Database: "d",
					SSLMode: "require", SSLEnabled: true, ReadTimeout: time.Second, WriteTimeout: 2 * time.Second,
				}
			},
		},
		"PostgreSQL settings without PostgreSQL": {
			nil, []string{"POSTGRESQL_PORT=1", "POSTGRESQL_SSL_ENABLED=true"},
			func(c *config) { c.Postgres.Port, c.Postgres.SSLEnabled = 1, true },
		},
	} {
		t.Run(name, func(t *testing.T) {
			command, got, err := parseQuietly(append([]string{"up"}, tc.args...), tc.environment)
			if err != nil || command != "up" {
				t.Fatalf("parse: command %q, %v", command, err)
			}
			want := defaults()
			tc.change(&want)
			if diff := cmp.Diff(want, got, compareSecrets, equateEmpty); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseBad(t *testing.T) {
	for name, tc := range map[string]struct {
		args, environment []string
		want              []string // each in the one message
	}{
		"no command":                   {[]string{}, nil, []string{"expected one of"}},
		"unknown command":              {[]string{"down"}, nil, []string{"down"}},
		"unknown flag":                 {[]string{"up", "--colour"}, nil, []string{"--colour"}},
		"malformed duration":           {[]string{"up"}, []string{"PROXY_TIMEOUT=10"}, []string{"PROXY_TIMEOUT"}},
		"malformed number in a group":  {[]string{"up"}, []string{"POSTGRESQL_PORT=x"}, []string{"POSTGRESQL_PORT"}},
		"negative duration":            {[]string{"up"}, []string{"PROXY_TIMEOUT=-1s"}, []string{"PROXY_TIMEOUT"}},
		"short retention":              {[]string{"up"}, []string{"EVENT_RETENTION=23h", "EVENT_BODY_RETENTION=-1h"}, []string{"EVENT_RETENTION", "EVENT_BODY_RETENTION"}},
		"retention without a unit":     {[]string{"up"}, []string{"EVENT_RETENTION=90", "EVENT_BODY_RETENTION=1.5d"}, []string{"EVENT_RETENTION", "EVENT_BODY_RETENTION"}},
		"no consumers":                 {[]string{"up"}, []string{"NUMBER_OF_EVENT_MESSAGE_CONSUMERS=0"}, []string{"CONSUMERS"}},
		"address without a port":       {[]string{"up", "--proxy-address=127.0.0.1"}, nil, []string{"--proxy-address"}},
		"address with a name":          {[]string{"up", "--metrics-address=example.org:1"}, nil, []string{"--metrics-address", "IP address"}},
		"port too large":               {[]string{"up", "--admin-address=127.0.0.1:65536"}, nil, []string{"--admin-address", "65535"}},
		"Envoy admin for everyone":     {[]string{"up", "--envoy-admin-address=0.0.0.0:1"}, nil, []string{"--envoy-admin-address", "loopback"}},
		"admin for everyone, no key":   {[]string{"up", "--admin-address=:8001"}, nil, []string{"no admin key"}},
		"admin for everyone, weak key": {[]string{"up", "--admin-address=:8001", "--admin-key=short"}, nil, []string{"fewer than 32 bytes"}},
		"weak key in a role":           {[]string{"up", "--admin-address=:8001", "--admin-key=viewer=" + strong[:31]}, nil, []string{"fewer than 32 bytes"}},
		"empty admin key":              {[]string{"up", "--admin-key=viewer[a]="}, nil, []string{"admin key 1", "empty"}},
		"admin key, no tag":            {[]string{"up", "--admin-key=admin[ ]=" + strong}, nil, []string{"admin key 1", "without a tag"}},
		"admin key, tags with commas":  {[]string{"up"}, []string{"ADMIN_KEYS=admin[a,b]=" + strong}, []string{"role[tag tag]=key"}},
		"certificate without a key":    {[]string{"up", "--proxy-tls-cert=/c"}, nil, []string{"--proxy-tls-cert and --proxy-tls-key"}},
		"certificate that is not there": {
			[]string{"up", "--admin-tls-cert=/nowhere/c", "--admin-tls-key=/nowhere/k"}, nil, []string{"--admin-tls-cert", "/nowhere/c"},
		},
		"upstream without a port": {[]string{"up", "--allow-upstream=vllm"}, nil, []string{"--allow-upstream", "vllm"}},
		"unknown level":           {[]string{"up", "--log-level=loud"}, nil, []string{"--log-level", "loud"}},
		"unknown privacy":         {[]string{"up", "-p", "high"}, nil, []string{"--privacy", "high"}},
		"no port":                 {[]string{"up"}, []string{"STATSD_PORT=none"}, []string{"STATSD_PORT"}},
		"negative users":          {[]string{"up"}, []string{"METRICS_MAX_USERS=-1"}, []string{"METRICS_MAX_USERS"}},
		"unknown statistics":      {[]string{"up"}, []string{"STATS_PROVIDER=graphite"}, []string{"STATS_PROVIDER"}},
		"unknown price policy":    {[]string{"up"}, []string{"UNKNOWN_PRICE_POLICY=guess"}, []string{"UNKNOWN_PRICE_POLICY", "guess"}},
		"two Redis":               {[]string{"up"}, []string{"REDIS_HOSTS=r", "REDIS_URL=redis://r"}, []string{"REDIS_HOSTS", "REDIS_URL"}},
		"malformed Redis timeout": {[]string{"up"}, []string{"REDIS_READ_TIME_OUT=1"}, []string{"REDIS_READ_TIME_OUT"}},
		"Redis modes":             {[]string{"up"}, []string{"REDIS_HOSTS=r", "REDIS_LOST_COST_LIMITS=local", "REDIS_LOST_RATE_LIMITS=x"}, []string{"REDIS_LOST_COST_LIMITS", "REDIS_LOST_RATE_LIMITS"}},
		"Redis port":              {[]string{"up"}, []string{"REDIS_HOSTS=r", "REDIS_PORT=0"}, []string{"REDIS_PORT"}},
		"Redis authority":         {[]string{"up"}, []string{"REDIS_HOSTS=r", "REDIS_CA_FILE=/nowhere/ca"}, []string{"/nowhere/ca"}},
		"PostgreSQL without user": {[]string{"up"}, []string{"POSTGRESQL_HOSTS=db"}, []string{"POSTGRESQL_USERNAME"}},
		"unknown SSL mode":        {[]string{"up"}, []string{"POSTGRESQL_USERNAME=u", "POSTGRESQL_SSL_MODE=on"}, []string{"POSTGRESQL_SSL_MODE"}},
		"all faults at once": {
			[]string{"up", "--colour=red", "--shape", "--log-level=loud"}, []string{"PROXY_TIMEOUT=soon", "PRIVACY=high", "ADMIN_ADDRESS=x"},
			[]string{"--log-level", "--colour", "--shape", "PROXY_TIMEOUT", "--privacy", "--admin-address"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := parseQuietly(tc.args, tc.environment)
			if err == nil {
				t.Fatal("parse accepts it")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error shows a secret: %q", err)
			}
		})
	}
}

func TestHelpIsNoFault(t *testing.T) {
	var out strings.Builder
	_, _, err := parse([]string{"--help"}, []string{"PROXY_TIMEOUT=soon"}, &out, io.Discard)
	if !errors.Is(err, errHelp) || !strings.Contains(out.String(), "--proxy-address") {
		t.Errorf("parse = %v, printed %q", err, out.String())
	}
}

func TestVersionNeedsNoConfiguration(t *testing.T) {
	if command, _, err := parseQuietly([]string{"version"}, []string{"PROXY_TIMEOUT=soon"}); err != nil || command != "version" {
		t.Errorf("parse = %q, %v", command, err)
	}
}

func TestAdminKeys(t *testing.T) {
	key := func(name string, role admin.Role, text string, tags ...string) admin.AdminKey {
		return admin.AdminKey{Key: gateway.NewSecret(text), Name: name, Role: role, Tags: tags}
	}
	for name, tc := range map[string]struct {
		args, environment []string
		want              []admin.AdminKey
	}{
		"none": {nil, nil, nil},
		"ADMIN_PASS is one key, whatever it holds": {
			nil, []string{"ADMIN_PASS=viewer=a,b"}, []admin.AdminKey{key("ADMIN_PASS", admin.RoleAdmin, "viewer=a,b")},
		},
		"ADMIN_KEYS is a list": {
			nil, []string{"ADMIN_KEYS=one, viewer=two,admin[x  y]=three=,"},
			[]admin.AdminKey{
				key("ADMIN_KEYS, key 1", admin.RoleAdmin, "one"), key("ADMIN_KEYS, key 2", admin.RoleViewer, "two"),
				key("ADMIN_KEYS, key 3", admin.RoleAdmin, "three=", "x", "y"),
			},
		},
		"flags replace variables": {
			[]string{"--admin-key=a,b", "--admin-key=viewer[x]=c"}, []string{"ADMIN_PASS=p", "ADMIN_KEYS=q"},
			[]admin.AdminKey{key("--admin-key, key 1", admin.RoleAdmin, "a,b"), key("--admin-key, key 2", admin.RoleViewer, "c", "x")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, c, err := parseQuietly(append([]string{"up"}, tc.args...), tc.environment)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.adminKeys()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, compareSecrets, equateEmpty); diff != "" {
				t.Errorf("admin keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogLevels(t *testing.T) {
	for name, want := range map[string]string{
		"panic": "ERROR", "fatal": "ERROR", "error": "ERROR", "warn": "WARN", "info": "INFO", "debug": "DEBUG", "trace": "DEBUG", "INFO": "INFO",
	} {
		got, err := logLevel(name)
		if err != nil || got.String() != want {
			t.Errorf("logLevel(%q) = %v, %v; want %s", name, got, err, want)
		}
	}
}
