package provider

import (
	"fmt"
	"net/http"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// probes are each provider's cheapest call that needs the credential: the list
// of models.
var probes = map[string]string{
	"openai":    "/v1/models",
	"vllm":      "/v1/models",
	"deepinfra": "/v1/openai/models",
	"anthropic": "/v1/models",
	"azure":     "/openai/models",
}

// probeVersion is the api-version for Azure when the setting has none.
const probeVersion = "2024-10-21"

// Probe is the path, query and headers of the call that tests a setting. ok is
// false for an unknown provider.
func Probe(s *gateway.ProviderSetting) (target string, headers []Header, ok bool) {
	p, known := Get(s.Provider)
	path, listed := probes[s.Provider]
	if !known || !listed {
		return "", nil, false
	}
	if p == &azure {
		version := s.Params[ParamAPIVersion]
		if version == "" {
			version = probeVersion
		}
		path += "?api-version=" + version
	}
	return path, p.Credential(Credential{APIKey: s.APIKey, Params: s.Params}), true
}

// ProbeResult is how a provider answered a test.
type ProbeResult struct {
	Status  int // HTTP; 0: there was no answer
	Problem string
	Latency time.Duration
}

// OK reports whether the provider took the credential. One that says that the
// rate is too high knows it.
func (r ProbeResult) OK() bool {
	return r.Status >= 200 && r.Status < 300 || r.Status == http.StatusTooManyRequests
}

// Hint says what the result means and what to do about it.
func (r ProbeResult) Hint() string {
	switch s := r.Status; {
	case s == 0:
		return r.Problem
	case s < 300:
		return "The provider takes the credential."
	case s < 400:
		return "The host answers with a redirect, which the gateway does not follow: check url."
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return "The provider refuses the credential: check apiKey, and authScheme where the setting has one."
	case s == http.StatusTooManyRequests:
		return "The provider knows the credential, but its rate or its budget is used up for now."
	case s == http.StatusNotFound || s == http.StatusMethodNotAllowed:
		return "The host answers, but has no list of models where this provider has it: check url or resourceName."
	case s >= 500:
		return fmt.Sprintf("The provider fails with %d: try again later.", s)
	}
	return fmt.Sprintf("The provider refuses the test with %d.", r.Status)
}
