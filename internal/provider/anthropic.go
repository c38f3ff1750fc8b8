package provider

import "github.com/bricks-gateway/bricks/internal/gateway"

// anthropicVersion is sent when the client names no version of its own. It is
// the oldest one, which every answer shape we read belongs to.
const anthropicVersion = "2023-06-01"

var anthropic = Provider{
	Name:    "anthropic",
	BaseURL: "https://api.anthropic.com",
	Errors:  AnthropicErrors,
	Endpoints: []Endpoint{
		{
			Method: "POST", Path: "/v1/messages", Operation: "chat", Body: JSONBody,
			Meter: MeterAnthropic, Streams: true, OutputLimits: []string{"max_tokens"},
		},
		{Method: "POST", Path: "/v1/messages/count_tokens", Operation: "count_tokens", Body: JSONBody},
		{Method: "GET", Path: "/v1/models", Operation: "list_models"},
		{Method: "GET", Path: "/v1/models/{model}", Operation: "get_model"},
	},
	Credential: anthropicCredential,
}

// anthropicCredential sends x-api-key, which every generation of the API takes,
// unless the setting's authScheme is "bearer" (OAuth tokens, some compatible
// servers).
func anthropicCredential(c Credential) []Header {
	headers := []Header{{"x-api-key", c.APIKey}}
	if c.Params["authScheme"] == "bearer" {
		headers[0] = bearer(c.APIKey)
	}
	if c.ClientVersion == "" {
		headers = append(headers, Header{"anthropic-version", gateway.NewSecret(anthropicVersion)})
	}
	return headers
}
