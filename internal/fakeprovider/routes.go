package fakeprovider

import (
	"net/http"
	"strings"
)

// handler answers one call.
type handler func(*exchange) error

type row struct {
	method, path string // {name} stands for one segment
	handle       handler
}

var openAIRows = append([]row{
	{"POST", "/v1/chat/completions", asJSON((*exchange).chat)},
	{"POST", "/v1/completions", asJSON((*exchange).completions)},
	{"POST", "/v1/embeddings", asJSON((*exchange).embeddings)},
	{"POST", "/v1/moderations", asJSON((*exchange).moderations)},
	{"GET", "/v1/models", (*exchange).models},
	{"GET", "/v1/models/{model}", (*exchange).models},
	{"POST", "/v1/responses", asJSON((*exchange).responses)},
	{"POST", "/v1/responses/input_tokens", asJSON((*exchange).responseInputTokens)},
	{"POST", "/v1/responses/compact", asJSON((*exchange).compact)},
	{"POST", "/v1/images/generations", asJSON((*exchange).generateImages)},
	{"POST", "/v1/images/edits", (*exchange).editImages},
	{"POST", "/v1/images/variations", (*exchange).varyImages},
	{"POST", "/v1/audio/speech", asJSON((*exchange).speech)},
	{"POST", "/v1/audio/transcriptions", (*exchange).transcribe},
	{"POST", "/v1/audio/translations", (*exchange).translate},
	{"POST", "/v1/files", (*exchange).createFile},
	{"GET", "/v1/files/{file_id}/content", (*exchange).fileContent},
	{"POST", "/v1/uploads/{upload_id}/parts", (*exchange).createPart},
	{"POST", "/v1/threads/runs", asJSON((*exchange).run)},
	{"POST", "/v1/threads/{thread_id}/runs", asJSON((*exchange).run)},
	{"POST", "/v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", asJSON((*exchange).run)},
}, storedRows...)

var anthropicRows = []row{
	{"POST", "/v1/messages", asJSON((*exchange).messages)},
	{"POST", "/v1/messages/count_tokens", asJSON((*exchange).countTokens)},
	{"POST", "/v1/complete", asJSON((*exchange).complete)},
	{"GET", "/v1/models", (*exchange).models},
	{"GET", "/v1/models/{model}", (*exchange).models},
	{"GET", "/v1/messages/batches", list("message_batch")},
	{"POST", "/v1/messages/batches", asJSON((*exchange).createMessageBatch)},
	{"GET", "/v1/messages/batches/{id}", looked("message_batch")},
	{"DELETE", "/v1/messages/batches/{id}", one("message_batch_deleted")},
	{"POST", "/v1/messages/batches/{id}/cancel", acted("message_batch")},
	{"GET", "/v1/messages/batches/{id}/results", (*exchange).batchResults},
	{"GET", "/v1/files", list("file")},
	{"POST", "/v1/files", (*exchange).createFile},
	{"GET", "/v1/files/{id}", one("file")},
	{"DELETE", "/v1/files/{id}", one("file_deleted")},
	{"GET", "/v1/files/{id}/content", (*exchange).fileContent},
}

// handler finds the row of the request's path.
func (x *exchange) handler() (handler, error) {
	rows := openAIRows
	if x.anthropic {
		rows = anthropicRows
	}
	status := http.StatusNotFound
	for _, r := range rows {
		params, ok := fits(r.path, x.path)
		if !ok {
			continue
		}
		if r.method == x.r.Method {
			x.params = params
			return r.handle, nil
		}
		status = http.StatusMethodNotAllowed
	}
	return nil, &apiError{status: status, kind: "invalid_request_error", message: "Invalid URL (" + x.r.Method + " " + x.path + ")", violation: true}
}

func fits(template, path string) (map[string]string, bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i, w := range want {
		switch {
		case strings.HasPrefix(w, "{") && got[i] != "":
			params[strings.Trim(w, "{}")] = got[i]
		case w != got[i]:
			return nil, false
		}
	}
	return params, true
}

// deployments are Azure's names for models; others stand for themselves.
var deployments = map[string]string{"my-deployment": "gpt-4o-mini"}

func deployedModel(name string) string {
	if model := deployments[name]; model != "" {
		return model
	}
	return name
}

var (
	belowDeployment = []string{
		"/chat/completions", "/completions", "/embeddings", "/audio/speech", "/audio/transcriptions", "/audio/translations",
		"/images/generations", "/images/edits",
	}
	datedAlone = []string{"/responses", "/models", "/files", "/uploads", "/batches", "/assistants", "/threads", "/vector_stores"}
)

// locate brings paths of Azure's and DeepInfra's into OpenAI's form, and refuses
// what those would not find.
func (x *exchange) locate() error {
	if rest, ok := strings.CutPrefix(x.path, "/v1/openai/"); ok { // DeepInfra
		x.path = "/v1/" + rest
		return nil
	}
	if !x.azure {
		return nil
	}
	rest := strings.TrimPrefix(x.path, "/openai")
	notFound := &apiError{status: http.StatusNotFound, kind: "", code: "404", message: "Resource not found"}
	if below, ok := strings.CutPrefix(rest, "/v1/"); ok {
		x.path = "/v1/" + below
		if v := x.r.URL.Query().Get("api-version"); v != "" && v != "preview" && v != "latest" {
			return notFound
		}
		return nil
	}
	if len(x.r.URL.Query().Get("api-version")) < len("2006-01-02") {
		return notFound
	}
	if below, ok := strings.CutPrefix(rest, "/deployments/"); ok {
		deployment, operation, _ := strings.Cut(below, "/")
		for _, known := range belowDeployment {
			if "/"+operation == known {
				x.path, x.model = "/v1"+known, deployedModel(deployment)
				return nil
			}
		}
		return notFound
	}
	for _, family := range datedAlone {
		if rest == family || strings.HasPrefix(rest, family+"/") {
			x.path = "/v1" + rest
			return nil
		}
	}
	return notFound
}
