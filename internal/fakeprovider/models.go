package fakeprovider

import (
	"net/http"
	"regexp"
	"strings"
)

// openAIModels and anthropicModels map what can be asked for to what answers.
var (
	openAIModels = map[string]string{
		"gpt-4o-mini": "gpt-4o-mini-2024-07-18", "gpt-4o": "gpt-4o-2024-08-06", "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
		"gpt-3.5-turbo": "gpt-3.5-turbo-0125", "gpt-5-mini": "gpt-5-mini-2025-08-07",
		"gpt-3.5-turbo-instruct": "gpt-3.5-turbo-instruct", "gpt-image-1": "gpt-image-1", "gpt-image-1.5": "gpt-image-1.5",
		"tts-1": "tts-1", "gpt-4o-mini-tts": "gpt-4o-mini-tts", "whisper-1": "whisper-1", "gpt-4o-transcribe": "gpt-4o-transcribe",
		"omni-moderation-latest":                "omni-moderation-2024-09-26",
		"meta-llama/Meta-Llama-3.1-8B-Instruct": "meta-llama/Meta-Llama-3.1-8B-Instruct",
		"text-embedding-3-small":                "text-embedding-3-small", "text-embedding-3-large": "text-embedding-3-large",
	}
	anthropicModels = map[string]string{
		"claude-2.1":        "claude-2.1",
		"claude-sonnet-4-5": "claude-sonnet-4-5-20250929", "claude-haiku-4-5": "claude-haiku-4-5-20251001",
	}
	modelOrder = []string{
		"gpt-4o-mini", "gpt-4o", "gpt-4.1-nano", "gpt-3.5-turbo", "gpt-5-mini", "text-embedding-3-small", "text-embedding-3-large",
		"claude-sonnet-4-5", "claude-haiku-4-5",
	}
	dated = regexp.MustCompile(`-(\d{4}-\d\d-\d\d|\d{8}|\d{4})$`)
)

func known(model string) bool {
	base := dated.ReplaceAllString(model, "")
	return strings.HasPrefix(model, "fake-") || openAIModels[model] != "" || anthropicModels[model] != "" ||
		openAIModels[base] == model || anthropicModels[base] == model
}

func answerModel(model string) string {
	for _, table := range []map[string]string{openAIModels, anthropicModels} {
		if as := table[model]; as != "" {
			return as
		}
	}
	return model
}

func (x *exchange) models() error {
	if len(x.body) > 0 {
		return violation("%s %s with %d bytes", x.r.Method, x.path, len(x.body))
	}
	if err := x.fault.failure(); err != nil {
		return err
	}
	if !x.wait() {
		return nil
	}
	own := openAIModels
	describe := func(m string) any {
		return ordered{{"id", m}, {"object", "model"}, {"created", created}, {"owned_by", "system"}}
	}
	if x.anthropic {
		own = anthropicModels
		describe = func(m string) any {
			return ordered{{"type", "model"}, {"id", m}, {"display_name", "Fake " + m}, {"created_at", "2025-09-29T00:00:00Z"}}
		}
	}
	if id := strings.TrimPrefix(x.path, "/v1/models/"); id != x.path {
		if own[id] == "" {
			return &apiError{status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found", message: "The model '" + id + "' does not exist"}
		}
		x.sendJSON(http.StatusOK, describe(id))
		return nil
	}
	var data []any
	var ids []string
	for _, m := range modelOrder {
		if own[m] != "" {
			data, ids = append(data, describe(m)), append(ids, m)
		}
	}
	if x.anthropic {
		x.sendJSON(http.StatusOK, ordered{{"data", data}, {"has_more", false}, {"first_id", ids[0]}, {"last_id", ids[len(ids)-1]}})
	} else {
		x.sendJSON(http.StatusOK, ordered{{"object", "list"}, {"data", data}})
	}
	return nil
}
