package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entry is what the options of the GenAI entry come to.
type entry struct {
	Listens, Upstream, Metrics string
	Limit                      bool
	Minutes, Tokens            int64
	Header, Redis              string
	Pool                       int
}

func TestGenAIOptions(t *testing.T) {
	standard := entry{"127.0.0.1:8080", "https://api.openai.com:443", "127.0.0.1:9090", false, 60, 1000, "user", "", 0}
	for name, tc := range map[string]struct {
		args, environment []string
		change            func(*entry)
	}{
		"the least": {[]string{"--openai-domain=api.openai.com", "--openai-tls"}, nil, func(*entry) {}},
		"all flags": {
			[]string{
				"--openai-tls", "--openai-port", "8443", "--openai-domain", "LLM.example.com", "--http-proxy-port", "8081", "--http-proxy-metrics-port", "9091",
				"--enable-rate-limiting", "--rate-limiting-redis-connection-string", "redis://:hunter2@r:1/2", "--rate-limiting-redis-pool-size", "7",
				"--rate-limiting-window-duration-size-min", "5", "--rate-limiting-max-prompt-tokens", "50", "--rate-limiting-user-header-key", "X-End-User",
			}, nil,
			func(e *entry) {
				*e = entry{"127.0.0.1:8081", "https://llm.example.com:8443", "127.0.0.1:9091", true, 5, 50, "x-end-user", "redis://:hunter2@r:1/2", 7}
			},
		},
		"all variables": {
			nil, []string{
				"OPENAI_TLS=true", "OPENAI_PORT=8443", "OPENAI_DOMAIN=llm.example.com", "HTTP_PROXY_PORT=8081", "HTTP_PROXY_METRICS_PORT=9091",
				"ENABLE_RATE_LIMITING=true", "RATE_LIMITING_REDIS_CONNECTION_STRING=redis://r", "RATE_LIMITING_REDIS_POOL_SIZE=7",
				"RATE_LIMITING_WINDOW_DURATION_SIZE_MIN=5", "RATE_LIMITING_MAX_PROMPT_TOKENS=50", "RATE_LIMITING_USER_HEADER_KEY=x-end-user",
			},
			func(e *entry) {
				*e = entry{"127.0.0.1:8081", "https://llm.example.com:8443", "127.0.0.1:9091", true, 5, 50, "x-end-user", "redis://r", 7}
			},
		},
		"plain, on another port": {
			[]string{"--openai-domain=10.0.0.7", "--openai-port=8000"}, nil, func(e *entry) { e.Upstream = "http://10.0.0.7:8000" },
		},
		"an address":                 {[]string{"--openai-domain=api.openai.com", "--openai-tls"}, []string{"GENAI_ADDRESS=:80"}, func(e *entry) { e.Listens = "0.0.0.0:80" }},
		"an address and its port":    {[]string{"--openai-domain=api.openai.com", "--openai-tls"}, []string{"GENAI_ADDRESS=[::1]:80", "HTTP_PROXY_PORT=80"}, func(e *entry) { e.Listens = "[::1]:80" }},
		"the metrics' address too":   {[]string{"--openai-domain=api.openai.com", "--openai-tls", "--metrics-address=0.0.0.0:9", "--http-proxy-metrics-port=9"}, nil, func(e *entry) { e.Metrics = "0.0.0.0:9" }},
		"the same Redis twice":       {[]string{"--openai-domain=api.openai.com", "--openai-tls", "--enable-rate-limiting"}, []string{"REDIS_URL=redis://r", "RATE_LIMITING_REDIS_CONNECTION_STRING=redis://r"}, func(e *entry) { e.Limit, e.Redis = true, "redis://r" }},
		"Redis, and nothing limited": {[]string{"--openai-domain=api.openai.com", "--openai-tls"}, []string{"RATE_LIMITING_REDIS_CONNECTION_STRING=redis://r"}, func(*entry) {}},
		"services that Kubernetes names": {
			[]string{"--openai-domain=api.openai.com", "--openai-tls"},
			[]string{"OPENAI_PORT=tcp://10.0.0.1:443", "HTTP_PROXY_PORT=tcp://10.0.0.1:1", "HTTP_PROXY_METRICS_PORT=tcp://10.0.0.1:2"}, func(*entry) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, c, err := parseQuietly(append([]string{"up"}, tc.args...), tc.environment)
			if err != nil {
				t.Fatal(err)
			}
			g := &c.GenAI
			listens, err := g.address()
			if err != nil {
				t.Fatal(err)
			}
			upstream, err := g.upstream()
			if err != nil {
				t.Fatal(err)
			}
			got := entry{
				listens.String(), strings.TrimPrefix(upstream.Cluster(), "upstream/"), c.MetricsAddress, g.LimitTokens, g.WindowMinutes, g.MaxPromptTokens,
				g.UserHeader, c.Redis.URL.Reveal(), c.Redis.PoolSize,
			}
			got.Upstream = strings.Replace(got.Upstream, "/", "://", 1)
			want := standard
			tc.change(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGenAIFaults(t *testing.T) {
	on := []string{"--openai-domain=api.openai.com", "--openai-tls"}
	for name, tc := range map[string]struct {
		args, environment []string
		want              string
	}{
		"limits without the entry":     {[]string{"--enable-rate-limiting"}, nil, "--openai-domain switches on"},
		"an address without the entry": {[]string{"--genai-address=127.0.0.1:1"}, nil, "--openai-domain switches on"},
		"plain HTTP at 443":            {[]string{"--openai-domain=api.openai.com"}, nil, "--openai-tls"},
		"every address":                {[]string{"--openai-domain=0.0.0.0", "--openai-port=1"}, nil, "--openai-domain"},
		"a URL":                        {[]string{"--openai-domain=https://api.openai.com", "--openai-tls"}, nil, "--openai-domain"},
		"a path":                       {[]string{"--openai-domain=api.openai.com/v1", "--openai-tls"}, nil, "--openai-domain"},
		"a port in the domain":         {[]string{"--openai-domain=api.openai.com:443", "--openai-tls"}, nil, "--openai-domain"},
		"a user in the domain":         {[]string{"--openai-domain=someone@api.openai.com", "--openai-tls"}, nil, "--openai-domain"},
		"no port":                      {append([]string{"--openai-port=0"}, on...), nil, "--openai-port"},
		"two ports":                    {on, []string{"GENAI_ADDRESS=:80", "HTTP_PROXY_PORT=81"}, "different ports: 80 and 81"},
		"two ports of the metrics":     {[]string{"--metrics-address=:80", "--http-proxy-metrics-port=81"}, nil, "different ports: 80 and 81"},
		"no address":                   {append([]string{"--genai-address=example.org:1"}, on...), nil, "--genai-address"},
		"no bool":                      {on, []string{"ENABLE_RATE_LIMITING=perhaps"}, "ENABLE_RATE_LIMITING"},
		"no minutes":                   {append([]string{"--rate-limiting-window-duration-size-min=0"}, on...), nil, "--rate-limiting-window-duration-size-min"},
		"no tokens":                    {append([]string{"--rate-limiting-max-prompt-tokens=0"}, on...), nil, "--rate-limiting-max-prompt-tokens"},
		"a negative pool":              {append([]string{"--rate-limiting-redis-pool-size=-1"}, on...), nil, "--rate-limiting-redis-pool-size"},
		"two Redis":                    {append([]string{"--enable-rate-limiting"}, on...), []string{"REDIS_HOSTS=r", "RATE_LIMITING_REDIS_CONNECTION_STRING=redis://:hunter2@r"}, "different Redis"},
		"no Redis":                     {append([]string{"--enable-rate-limiting", "--rate-limiting-redis-connection-string=hunter2"}, on...), nil, "REDIS_URL"},
		"a credential's header":        {append([]string{"--rate-limiting-user-header-key=Authorization"}, on...), nil, "--rate-limiting-user-header-key"},
		"a connection's header":        {append([]string{"--rate-limiting-user-header-key=te"}, on...), nil, "--rate-limiting-user-header-key"},
		"a header that is removed":     {append([]string{"--rate-limiting-user-header-key=x-forwarded-user"}, on...), nil, "--rate-limiting-user-header-key"},
		"no header":                    {append([]string{"--rate-limiting-user-header-key=user name"}, on...), nil, "--rate-limiting-user-header-key"},
		"a header that Envoy refuses":  {append([]string{"--rate-limiting-user-header-key=user_id"}, on...), nil, "--rate-limiting-user-header-key"},
		"no name of a header":          {append([]string{"--rate-limiting-user-header-key="}, on...), nil, "--rate-limiting-user-header-key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := parseQuietly(append([]string{"up"}, tc.args...), tc.environment)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("parse: %v, want %q", err, tc.want)
			}
		})
	}
}

// TestGenAIOptionsAreDocumented: each variable and each flag.
func TestGenAIOptionsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[genAIConfig]()) {
		names = append(names, f.Tag.Get("env"))
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[genAIFlags]()) {
		names = append(names, "--"+f.Tag.Get("name"))
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/configuration.md lacks %s", name)
		}
	}
}
