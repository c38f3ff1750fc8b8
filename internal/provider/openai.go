package provider

import (
	"slices"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

var openAI = Provider{
	Name:       "openai",
	BaseURL:    "https://api.openai.com",
	Errors:     OpenAIErrors,
	Endpoints:  slices.Concat(openAIMisprinted, openAIModels, openAIStored, openAIAssistants),
	Credential: bearerCredential,
}

// bearerCredential is what OpenAI and the servers that are compatible with it
// want. A setting without a credential, which some of those need none of, sends
// none.
func bearerCredential(c Credential) []Header {
	if c.APIKey.Empty() {
		return nil
	}
	return []Header{bearer(c.APIKey)}
}

func bearer(key gateway.Secret) Header {
	return Header{"authorization", gateway.NewSecret("Bearer " + key.Reveal())}
}

var (
	chatCompletions = Endpoint{
		Method: "POST", Path: "/v1/chat/completions", Operation: "chat", Body: JSONBody,
		Meter: MeterOpenAI, Streams: true, StreamUsage: true,
		OutputLimits: []string{"max_completion_tokens", "max_tokens"}, OutputFactors: []string{"n"},
	}
	completions = Endpoint{
		Method: "POST", Path: "/v1/completions", Operation: "text_completion", Body: JSONBody,
		Meter: MeterOpenAI, Streams: true, StreamUsage: true,
		OutputLimits: []string{"max_tokens"}, OutputFactors: []string{"n", "best_of", "prompt"},
	}
	embeddings = Endpoint{Method: "POST", Path: "/v1/embeddings", Operation: "embeddings", Body: JSONBody, Meter: MeterOpenAI}
	listModels = get("/v1/models", "list_models")
	getModel   = get("/v1/models/{model}", "get_model")
)

// unseenResponse are the fields of a response that lead to input kept elsewhere.
var unseenResponse = []string{"previous_response_id", "conversation", "prompt"}

// openAIModels are the calls in which a model works, and the list of models.
var openAIModels = []Endpoint{
	chatCompletions,
	completions,
	embeddings,
	{Method: "POST", Path: "/v1/moderations", Operation: "moderation", Body: JSONBody, ModelOptional: true},
	listModels,
	getModel,

	{
		Method: "POST", Path: "/v1/responses", Operation: "responses", Body: JSONBody, Meter: MeterResponses,
		Streams: true, ModelOptional: true, OutputLimits: []string{"max_output_tokens"}, Unseen: unseenResponse,
	},
	post("/v1/responses/input_tokens", "count_tokens"),
	{
		Method: "POST", Path: "/v1/responses/compact", Operation: "compact_response", Body: JSONBody, Meter: MeterResponses,
		OutputLimits: []string{"max_output_tokens"}, OutputRigid: true, Unseen: unseenResponse,
	},
	get("/v1/responses/{response_id}", "get_response"),
	remove("/v1/responses/{response_id}", "delete_response"),
	act("/v1/responses/{response_id}/cancel", "cancel_response"),
	get("/v1/responses/{response_id}/input_items", "list_input_items"),

	{Method: "POST", Path: "/v1/images/generations", Operation: "image_generation", OutputFactors: []string{"n"}, Body: JSONBody, Meter: MeterImages, Streams: true, ModelOptional: true},
	{Method: "POST", Path: "/v1/images/edits", Operation: "image_edit", OutputFactors: []string{"n"}, Body: JSONOrMultipart, Meter: MeterImages, Streams: true, ModelOptional: true},
	{Method: "POST", Path: "/v1/images/variations", Operation: "image_variation", OutputFactors: []string{"n"}, Body: MultipartBody, Meter: MeterImages, ModelOptional: true},

	{Method: "POST", Path: "/v1/audio/speech", Operation: "speech", Body: JSONBody, Meter: MeterSpeech},
	{Method: "POST", Path: "/v1/audio/transcriptions", Operation: "transcription", Body: MultipartBody, Meter: MeterTranscription, Streams: true},
	{Method: "POST", Path: "/v1/audio/translations", Operation: "translation", Body: MultipartBody, Meter: MeterTranscription},
}

// openAIMisprinted are paths of the reference that the provider spells
// otherwise. Its other misprints fall together with paths that exist.
var openAIMisprinted = []Endpoint{
	{
		Method: "POST", Path: "/v1/audios/translations", Upstream: "/v1/audio/translations",
		Operation: "translation", Body: MultipartBody, Meter: MeterTranscription,
	},
	{
		Method: "POST", Path: "/v1/files/{file_id}", UpstreamMethod: "DELETE", Operation: "delete_file",
	},
	{
		Method: "POST", Path: "/v1/files/{file_id}/content", Operation: "modify_message", Body: JSONBody, ModelOptional: true,
	},
}
