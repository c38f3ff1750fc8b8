package provider

// vLLM serves OpenAI's API on a host of one's own: the setting names it.
var vLLM = Provider{
	Name:       "vllm",
	Errors:     OpenAIErrors,
	Endpoints:  []Endpoint{chatCompletions, completions, embeddings, listModels, getModel},
	Credential: bearerCredential,
}

// deepInfra has OpenAI's API below /v1/openai.
var deepInfra = Provider{
	Name:       "deepinfra",
	BaseURL:    "https://api.deepinfra.com",
	Errors:     OpenAIErrors,
	Endpoints:  elsewhere("/v1/openai", chatCompletions, completions, embeddings, listModels),
	Credential: bearerCredential,
}

// elsewhere are rows whose /v1 is prefix at the provider.
func elsewhere(prefix string, rows ...Endpoint) []Endpoint {
	for i := range rows {
		rows[i].Upstream = prefix + rows[i].Path[len("/v1"):]
	}
	return rows
}
