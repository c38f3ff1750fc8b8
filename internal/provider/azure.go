package provider

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// Names of a setting's parameters, beside the credential.
const (
	ParamURL          = "url"          // where the provider is
	ParamAuthScheme   = "authScheme"   // how the credential is sent
	ParamResourceName = "resourceName" // azure: the host's first label
	ParamAPIVersion   = "apiVersion"   // azure: for calls that name none
	ParamModelMap     = "modelMap"     // azure: JSON object, deployment to model
)

// azure has three forms of every path: below a deployment and dated, dated
// alone, and v1, which is OpenAI's own behind /openai.
var azure = Provider{
	Name:       "azure",
	Errors:     OpenAIErrors,
	Endpoints:  azureEndpoints(),
	Credential: azureCredential,
}

// azureCredential sends api-key, or for the authScheme "bearer" an Entra token.
func azureCredential(c Credential) []Header {
	if c.Params[ParamAuthScheme] == "bearer" {
		return []Header{bearer(c.APIKey)}
	}
	return []Header{{"api-key", c.APIKey}}
}

// deployable are the operations that exist below a deployment.
var deployable = []string{
	"/chat/completions", "/completions", "/embeddings",
	"/audio/speech", "/audio/transcriptions", "/audio/translations", "/images/generations", "/images/edits",
}

// undeployed are the families of dated paths without a deployment.
var undeployed = []string{"/responses", "/models", "/files", "/uploads", "/batches", "/assistants", "/threads", "/vector_stores"}

func azureEndpoints() []Endpoint {
	var rows []Endpoint
	for _, list := range [][]Endpoint{openAIModels, openAIStored, openAIAssistants} {
		for _, e := range list {
			operation := strings.TrimPrefix(e.Path, "/v1")
			if operation == "/moderations" {
				continue // Azure has none
			}
			v1 := e
			v1.Path = "/openai" + e.Path
			rows = append(rows, v1)
			dated := e
			switch {
			case e.Method == "POST" && contains(deployable, operation):
				dated.Path, dated.ModelOptional = "/openai/deployments/{deployment}"+operation, true
				rows = append(rows, dated)
			case belowAny(undeployed, operation):
				dated.Path = "/openai" + operation
				rows = append(rows, dated)
			}
		}
	}
	return rows
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func belowAny(families []string, path string) bool {
	for _, f := range families {
		if path == f || strings.HasPrefix(path, f+"/") {
			return true
		}
	}
	return false
}

// azureOrigin is the public origin of a resource.
func azureOrigin(resource string) string { return "https://" + resource + ".openai.azure.com" }

// Dated reports whether a path of Azure's needs an api-version.
func (m Match) Dated() bool {
	return m.Provider == &azure && !strings.HasPrefix(m.Path, "/openai/v1/")
}

// ModelOf is the model behind the name that a client used. With Azure the name
// is a deployment's: the setting's modelMap says what is deployed there, and
// without an entry the name stands for itself.
func ModelOf(s *gateway.ProviderSetting, name string) string {
	if list := s.Params[ParamModelMap]; list != "" && s.Provider == azure.Name {
		if m, ok := jsonscan.Get([]byte(list), name); ok {
			if model, ok := m.String(); ok && model != "" {
				return model
			}
		}
	}
	return name
}

// firstStreamUsage is the first dated version that takes stream_options.
// Versions are dates, so that they sort as text.
const firstStreamUsage = "2024-09-01"

// TakesStreamUsage reports whether a dated call with this api-version may ask
// for usage in its stream. An older one would be refused for it.
func TakesStreamUsage(apiVersion string) bool {
	return len(apiVersion) >= len(firstStreamUsage) && apiVersion[:len(firstStreamUsage)] >= firstStreamUsage
}
