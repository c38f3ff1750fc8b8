package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/oidc"
)

// config is everything that can be set from outside: variables first, flags
// over them. docs/configuration.md is its reference.
type config struct {
	Mode    string // accepted for old command lines; changes nothing
	DataDir string `env:"BRICKS_DATA_DIR"`

	AdminAddress      string `env:"ADMIN_ADDRESS"`
	ProxyAddress      string `env:"PROXY_ADDRESS"`
	MetricsAddress    string `env:"METRICS_ADDRESS"`
	EnvoyAdminAddress string `env:"ENVOY_ADMIN_ADDRESS"`

	AdminPass     gateway.Secret   `env:"ADMIN_PASS"` // one key, with the role admin
	AdminKeys     gateway.Secret   `env:"ADMIN_KEYS"` // comma-separated, each as --admin-key takes it
	AdminKeyFlags []gateway.Secret // --admin-key: replaces both

	OIDC oidcConfig `envPrefix:"ADMIN_OIDC_"`

	AdminURL string `env:"ADMIN_URL"` // where the tools find a running gateway
	AdminCA  string `env:"ADMIN_CA"`

	AdminTLSCert string `env:"ADMIN_TLS_CERT"`
	AdminTLSKey  string `env:"ADMIN_TLS_KEY"`
	ProxyTLSCert string `env:"PROXY_TLS_CERT"`
	ProxyTLSKey  string `env:"PROXY_TLS_KEY"`

	ControlAddress   []string `env:"CONTROL_ADDRESS"`
	ControlTLSCert   string   `env:"CONTROL_TLS_CERT"`
	ControlTLSKey    string   `env:"CONTROL_TLS_KEY"`
	ControlTLSCA     string   `env:"CONTROL_TLS_CA"`
	ControlAllow     []string `env:"CONTROL_ALLOW"`
	ProcessorAddress string   `env:"PROCESSOR_ADDRESS"` // empty: a Unix socket in the data directory
	NodeID           string   `env:"BRICKS_NODE_ID"`    // empty: the role and the host's name
	WithEnvoy        bool     `env:"BRICKS_WITH_ENVOY"` // of the role processor

	EnvoyPath        string   `env:"ENVOY_PATH"`
	EnvoyConcurrency int      `env:"ENVOY_CONCURRENCY"` // worker threads; 0: one a core
	AllowUpstream    []string `env:"ALLOWED_PRIVATE_UPSTREAMS"`

	LogLevel    string `env:"LOGGING_LEVEL"`
	LogProvider string `env:"LOGGING_PROVIDER"`
	Privacy     string `env:"PRIVACY"`

	ProxyTimeout   time.Duration `env:"PROXY_TIMEOUT"`
	UpdateInterval time.Duration `env:"IN_MEMORY_DB_UPDATE_INTERVAL"`
	StaleMaxAge    time.Duration `env:"STALE_CONFIG_MAX_AGE"`
	ChargeInterval time.Duration `env:"PENDING_CHARGE_INTERVAL"`
	EventConsumers int           `env:"NUMBER_OF_EVENT_MESSAGE_CONSUMERS"` // batches that go to the store at once
	EventRetention period        `env:"EVENT_RETENTION"`                   // 0: for ever
	BodyRetention  period        `env:"EVENT_BODY_RETENTION"`              // 0: as long as the events
	StatsProvider  string        `env:"STATS_PROVIDER"`
	Statsd         statsdConfig  `envPrefix:"STATSD_"`
	MetricsUsers   int           `env:"METRICS_MAX_USERS"`

	OpenAIKey gateway.Secret `env:"OPENAI_API_KEY"`

	UnknownPrice string `env:"UNKNOWN_PRICE_POLICY"` // deny or allow; one stored by the admin API wins

	Pepper            gateway.Secret `env:"BRICKS_PEPPER"`
	PepperFile        string         `env:"BRICKS_PEPPER_FILE"`
	EncryptionKey     gateway.Secret `env:"BRICKS_ENCRYPTION_KEY"`
	EncryptionKeyFile string         `env:"BRICKS_ENCRYPTION_KEY_FILE"`

	DefaultUser defaultUserConfig `envPrefix:"DEFAULT_USER_"`
	Up          upFlags           // of bricks up
	Rerate      rerateFlags       // of bricks events rerate
	SettingTest settingFlags      // of bricks settings test
	AuditVerify auditFlags        // of bricks audit verify
	PolicyScan  scanFlags         // of bricks policy scan
	PolicyTest  policyTestFlags   // of bricks policy test
	Completion  cli.Completion    // of bricks completion
	Call        callCommand       // a command of package cli; nil: the command is another

	ImportFrom      gateway.Secret  `env:"IMPORT_FROM"` // may hold a password
	ImportBricksLLM importBricksLLM // of bricks import bricksllm
	ImportLiteLLM   importLiteLLM   // of bricks import litellm
	// Variables are all there are, for the LiteLLM configuration that names some.
	Variables map[string]string

	Postgres postgresConfig `envPrefix:"POSTGRESQL_"`
	Redis    redisConfig    `envPrefix:"REDIS_"`
	Cache    cacheConfig    `envPrefix:"CACHE_"`
	Amazon   amazonConfig   `envPrefix:"AMAZON_"`
	AWS      awsConfig      `envPrefix:"AWS_"`
	Presidio presidioConfig `envPrefix:"PRESIDIO_"`
	OTel     otelConfig     `envPrefix:"OTEL_"`
	GenAI    genAIConfig
}

// callCommand runs a command that does nothing but call a running gateway.
type callCommand func(ctx context.Context, e *cli.Env) error

// oidcConfig lets the admin API take tokens of an OpenID provider as soon as the
// issuer or the audience is given.
type oidcConfig struct {
	Issuer    string `env:"ISSUER"`
	Audience  string `env:"AUDIENCE"`
	RoleClaim string `env:"ROLE_CLAIM"`
	TagsClaim string `env:"TAGS_CLAIM"`
}

func (o *oidcConfig) enabled() bool { return o.Issuer != "" || o.Audience != "" }

// verifier is nil when there is no provider.
func (o *oidcConfig) verifier(logger *slog.Logger) (*oidc.Verifier, error) {
	if !o.enabled() {
		return nil, nil
	}
	v, err := oidc.New(oidc.Options{Issuer: o.Issuer, Audience: o.Audience, RoleClaim: o.RoleClaim, TagsClaim: o.TagsClaim, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("ADMIN_OIDC_ISSUER, ADMIN_OIDC_AUDIENCE: %w", err)
	}
	return v, nil
}

// postgresConfig takes the place of the embedded store as soon as the host,
// the user, the password or the database is given.
type postgresConfig struct {
	Hosts        []string       `env:"HOSTS"`
	Port         int            `env:"PORT"`
	Username     string         `env:"USERNAME"`
	Password     gateway.Secret `env:"PASSWORD"`
	Database     string         `env:"DB_NAME"`
	SSLMode      string         `env:"SSL_MODE"`
	SSLEnabled   bool           `env:"SSL_ENABLED"` // older spelling of SSL_MODE=require
	ReadTimeout  time.Duration  `env:"READ_TIME_OUT"`
	WriteTimeout time.Duration  `env:"WRITE_TIME_OUT"`
}

func (p *postgresConfig) enabled() bool {
	return len(p.Hosts) > 0 || p.Username != "" || !p.Password.Empty() || p.Database != ""
}

// redisConfig takes the place of counters in the process as soon as the hosts,
// the URL or the password is given. REDIS_PORT alone does not: Kubernetes sets it
// for every service that is called redis.
type redisConfig struct {
	Hosts       string         `env:"HOSTS"`
	URL         gateway.Secret `env:"URL"` // may hold a password
	Port        string         `env:"PORT"`
	Username    string         `env:"USERNAME"`
	Password    gateway.Secret `env:"PASSWORD"`
	Cluster     bool           `env:"CLUSTER"`
	TLS         bool           `env:"TLS"`
	CAFile      string         `env:"CA_FILE"`
	ReadWithin  time.Duration  `env:"READ_TIME_OUT"` // names of their own, see variableOf
	WriteWithin time.Duration  `env:"WRITE_TIME_OUT"`
	CallTimeout time.Duration  `env:"CALL_TIME_OUT"`    // of one call that a request waits for
	LostCost    string         `env:"LOST_COST_LIMITS"` // what limits do while Redis is away
	LostRate    string         `env:"LOST_RATE_LIMITS"`

	PoolSize int // of RATE_LIMITING_REDIS_POOL_SIZE; 0: the client's own
}

func (r *redisConfig) enabled() bool {
	return r.Hosts != "" || !r.URL.Empty() || !r.Password.Empty()
}

// defaults is the configuration with nothing set from outside.
func defaults() config {
	return config{
		DataDir:           "./data",
		AdminAddress:      "127.0.0.1:8001",
		ProxyAddress:      "127.0.0.1:8002",
		MetricsAddress:    "127.0.0.1:9090",
		EnvoyAdminAddress: "127.0.0.1:0",
		AdminURL:          "http://127.0.0.1:8001",
		OIDC:              oidcConfig{RoleClaim: oidc.DefaultRoleClaim, TagsClaim: oidc.DefaultTagsClaim},
		LogLevel:          "info",
		LogProvider:       "stdout",
		Privacy:           "off",
		ProxyTimeout:      600 * time.Second,
		UpdateInterval:    time.Second,
		StaleMaxAge:       time.Hour,
		ChargeInterval:    2 * time.Second,
		EventConsumers:    3,
		Statsd:            statsdConfig{ServerHost: "localhost"},
		MetricsUsers:      1_000,
		UnknownPrice:      string(gateway.DenyUnknownPrice),
		Postgres: postgresConfig{
			Port:         5432,
			ReadTimeout:  2 * time.Minute,
			WriteTimeout: 5 * time.Second,
		},
		Cache:    cacheConfig{Bytes: 64 << 20, AnswerBytes: 1 << 20},
		Amazon:   amazonConfig{RequestTimeout: 5 * time.Second, ConnectionTimeout: 10 * time.Second, TextLanguage: "en"},
		Presidio: presidioConfig{Timeout: 5 * time.Second, ScoreThreshold: 0.5, Language: "en"},
		GenAI:    genAIConfig{WindowMinutes: 60, MaxPromptTokens: 1000, UserHeader: "user"},
		Redis: redisConfig{
			ReadWithin:  time.Second,
			WriteWithin: 500 * time.Millisecond,
			CallTimeout: 50 * time.Millisecond,
			LostCost:    "closed",
			LostRate:    "local",
		},
	}
}
