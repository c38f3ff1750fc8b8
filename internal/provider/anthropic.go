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
		{
			Method: "POST", Path: "/v1/complete", Operation: "text_completion", Body: JSONBody,
			Meter: MeterComplete, Streams: true, OutputLimits: []string{"max_tokens_to_sample"},
		},
		get("/v1/messages/batches", "list_batches"),
		later(post("/v1/messages/batches", "create_batch")),
		get("/v1/messages/batches/{batch_id}", "get_batch"),
		remove("/v1/messages/batches/{batch_id}", "delete_batch"),
		act("/v1/messages/batches/{batch_id}/cancel", "cancel_batch"),
		download("/v1/messages/batches/{batch_id}/results", "get_batch_results"),
		listModels,
		getModel,
		get("/v1/files", "list_files"),
		upload("/v1/files", "create_file"),
		get("/v1/files/{file_id}", "get_file"),
		remove("/v1/files/{file_id}", "delete_file"),
		download("/v1/files/{file_id}/content", "get_file_content"),
	},
	Credential: anthropicCredential,
}

// anthropicCredential sends x-api-key, which every generation of the API takes,
// unless the setting's authScheme is "bearer" (OAuth tokens, some compatible
// servers).
func anthropicCredential(c Credential) []Header {
	headers := []Header{{"x-api-key", c.APIKey}}
	if c.Params[ParamAuthScheme] == "bearer" {
		headers[0] = bearer(c.APIKey)
	}
	if c.ClientVersion == "" {
		headers = append(headers, Header{"anthropic-version", gateway.NewSecret(anthropicVersion)})
	}
	return headers
}
