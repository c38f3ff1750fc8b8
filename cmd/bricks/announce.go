package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
)

// announce prints the ready line, the only line on standard output that is not
// a log record, and a text for people on standard error.
func (s *system) announce(stdout, stderr io.Writer) error {
	line, err := json.Marshal(s.readyLine())
	if err != nil {
		return fmt.Errorf("write ready line: %w", err)
	}
	s.warn()
	if _, err := io.WriteString(stderr, s.welcome()); err != nil {
		return fmt.Errorf("write welcome: %w", err)
	}
	// Last: who waits for this line may read all that came before it.
	if _, err := stdout.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write ready line: %w", err)
	}
	return nil
}

// readyLine names what this process, and its Envoy, listen on.
func (s *system) readyLine() any {
	line := struct {
		Event     string `json:"event"`
		Role      string `json:"role,omitempty"`
		Admin     string `json:"admin,omitempty"`
		Proxy     string `json:"proxy,omitempty"`
		GenAI     string `json:"genai,omitempty"`
		Metrics   string `json:"metrics"`
		Control   string `json:"control,omitempty"`
		Processor string `json:"processor,omitempty"`
	}{Event: "ready", Role: s.role, Metrics: s.metricsAddress.String(), Control: s.controlAddress, Processor: s.processorAddress}
	if s.role == "" || s.role == "admin" {
		line.Admin = s.adminAddress.String()
	}
	if s.role == "" || s.withEnvoy {
		line.Proxy = s.proxyAddress.String()
		if s.genAIAddress.IsValid() {
			line.GenAI = s.genAIAddress.String()
		}
	}
	return line
}

// warn says what is legal but should not go unnoticed.
func (s *system) warn() {
	for _, server := range []struct {
		name    string
		address netip.AddrPort
		cert    string
	}{
		{"admin", s.adminAddress, s.config.AdminTLSCert},
		{"proxy", s.proxyAddress, s.config.ProxyTLSCert},
		{"genai", s.genAIAddress, s.config.ProxyTLSCert},
	} {
		if !server.address.IsValid() || s.role != "" && s.role != server.name {
			continue
		}
		if !server.address.Addr().IsLoopback() && server.cert == "" {
			s.logger.Warn("keys cross the network in plain text: give a certificate, or keep TLS in front",
				"server", server.name, "address", server.address.String())
		}
	}
	s.warnGenAI()
}

func (s *system) welcome() string {
	if s.role != "" {
		return s.roleWelcome()
	}
	if s.demo != nil {
		return s.demo.welcome
	}
	adminURL := url(s.adminAddress, s.config.AdminTLSCert)
	proxyURL := url(s.proxyAddress, s.config.ProxyTLSCert)
	auth := ""
	who := "The admin API has no key and answers on this machine only."
	if keys, err := s.config.adminKeys(); err == nil && (len(keys) > 0 || s.config.OIDC.enabled()) {
		auth, who = " -H \"X-API-KEY: $ADMIN_KEY\"", "The admin API asks for one of your admin keys."
	}
	text := fmt.Sprintf(`
Bricks is ready.
  proxy    %[1]s
  admin    %[2]s   (OpenAPI: /api/openapi.json)
  metrics  http://%[3]s/metrics
%[5]s

1. Store your provider's key:
   curl%[4]s %[2]s/api/provider-settings -H 'content-type: application/json' \
     -d '{"provider":"openai","setting":{"apikey":"YOUR_OPENAI_KEY"}}'
2. Make a key of the gateway, with the id from the first answer:
   curl%[4]s -X PUT %[2]s/api/key-management/keys -H 'content-type: application/json' \
     -d '{"name":"My first key","tags":["first"],"settingIds":["ID_FROM_ABOVE"]}'
3. Call the model, with the key from the second answer:
   curl %[1]s/api/providers/openai/v1/chat/completions -H 'content-type: application/json' \
     -H 'authorization: Bearer KEY_FROM_ABOVE' \
     -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'

`, proxyURL, adminURL, reachable(s.metricsAddress), auth, who)
	if s.genAIAddress.IsValid() {
		text += fmt.Sprintf("The GenAI entry takes OpenAI's API, with your provider's own key, at %s\n\n", url(s.genAIAddress, s.config.ProxyTLSCert))
	}
	if !s.withEnvoy {
		text += s.startEnvoyHint()
	}
	return text
}

func (s *system) startEnvoyHint() string {
	return fmt.Sprintf("Start Envoy, as the same user, with: envoy --disable-hot-restart -c %s\n\n",
		filepath.Join(s.runtimeDir, "bootstrap.json"))
}

func (s *system) roleWelcome() string {
	text := fmt.Sprintf("Bricks %s is ready.\n", s.role)
	if s.role == "processor" && !s.withEnvoy {
		text += s.startEnvoyHint()
	}
	return text
}

func url(a netip.AddrPort, cert string) string {
	scheme := "http"
	if cert != "" {
		scheme = "https"
	}
	return scheme + "://" + reachable(a).String()
}
