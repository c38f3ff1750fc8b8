package provider

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// Fault is what is wrong with one field of a setting.
type Fault struct{ Field, Message string }

// authSchemes are the ways in which a credential can be sent, the usual one
// first. A provider that is not here has one way only.
var authSchemes = map[string][]string{
	"anthropic": {"x-api-key", "bearer"},
	"azure":     {"api-key", "bearer"},
}

// UsualScheme is the authScheme that a setting of the provider need not name.
func UsualScheme(provider string) string {
	if known := authSchemes[provider]; known != nil {
		return known[0]
	}
	return ""
}

// CheckSetting lists what s lacks, and what it has that its provider does not
// know. The form of a url, and whether it may be called, is not its business.
// An unknown provider is the caller's to refuse.
func CheckSetting(s *gateway.ProviderSetting) (faults []Fault) {
	fault := func(field, message string) { faults = append(faults, Fault{field, message}) }
	if s.APIKey.Empty() && s.Provider != vLLM.Name {
		fault("apiKey", "is required")
	}
	if s.Provider == vLLM.Name && s.Params[ParamURL] == "" {
		fault(ParamURL, "is required for vllm: where the server is")
	}
	if scheme := s.Params[ParamAuthScheme]; scheme != "" {
		switch known := authSchemes[s.Provider]; {
		case known == nil:
			fault(ParamAuthScheme, "is for anthropic and azure only")
		case !slices.Contains(known, scheme):
			fault(ParamAuthScheme, "must be "+strings.Join(known, " or "))
		}
	}
	if s.Provider == azure.Name {
		return append(faults, checkAzure(s.Params)...)
	}
	for _, field := range []string{ParamResourceName, ParamAPIVersion, ParamModelMap} {
		if s.Params[field] != "" {
			fault(field, "is for azure only")
		}
	}
	return faults
}

func checkAzure(params map[string]string) (faults []Fault) {
	fault := func(field, message string) { faults = append(faults, Fault{field, message}) }
	switch resource := params[ParamResourceName]; {
	case resource == "" && params[ParamURL] == "":
		fault(ParamResourceName, "is required for azure, unless a url is given")
	case resource != "" && !resourceName(resource):
		fault(ParamResourceName, "must be letters, digits and inner dashes, at most 63: what stands before .openai.azure.com")
	}
	if v := params[ParamAPIVersion]; v != "" && !apiVersion.MatchString(v) {
		fault(ParamAPIVersion, "must be a version such as 2024-10-21 or 2025-04-01-preview")
	}
	if list := params[ParamModelMap]; list != "" {
		err := jsonscan.Object([]byte(list), func(m jsonscan.Member) bool {
			if model, ok := m.String(); !ok || model == "" || m.Name == "" || len(model) > 256 {
				fault(ParamModelMap, "must name a model for each deployment")
				return false
			}
			return true
		})
		if err != nil {
			fault(ParamModelMap, "must be an object of deployments and their models")
		}
	}
	return faults
}

var (
	apiVersion = regexp.MustCompile(`^(\d{4}-\d\d-\d\d(-[a-z0-9]+)?|preview|latest)$`)
	resource   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

// resourceName reports whether name can be one label of a host: nothing else may
// get into the host by it.
func resourceName(name string) bool { return resource.MatchString(name) }
