package provider

import "github.com/bricks-gateway/bricks/internal/gateway"

var openAI = Provider{
	Name:    "openai",
	BaseURL: "https://api.openai.com",
	Errors:  OpenAIErrors,
	Endpoints: []Endpoint{
		{
			Method: "POST", Path: "/v1/chat/completions", Operation: "chat", Body: JSONBody,
			Meter: MeterOpenAI, Streams: true, StreamUsage: true,
			OutputLimits: []string{"max_completion_tokens", "max_tokens"}, OutputFactors: []string{"n"},
		},
		{Method: "POST", Path: "/v1/embeddings", Operation: "embeddings", Body: JSONBody, Meter: MeterOpenAI},
		{Method: "GET", Path: "/v1/models", Operation: "list_models"},
		{Method: "GET", Path: "/v1/models/{model}", Operation: "get_model"},
	},
	Credential: func(c Credential) []Header {
		return []Header{bearer(c.APIKey)}
	},
}

func bearer(key gateway.Secret) Header {
	return Header{"authorization", gateway.NewSecret("Bearer " + key.Reveal())}
}
