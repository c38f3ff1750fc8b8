package pricing

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// ParamModelMap is the parameter of a provider setting that says which model
// each deployment runs: a JSON object {"deployment":"model"}.
const ParamModelMap = "modelMap"

// MappedModel is the model that a setting's parameters say a deployment runs;
// empty when they do not.
func MappedModel(params map[string]string, deployment string) string {
	text := params[ParamModelMap]
	if text == "" {
		return ""
	}
	m, ok := jsonscan.Get([]byte(text), deployment)
	if !ok {
		return ""
	}
	model, _ := m.String()
	return model
}

// Names are the names to price a request by, best first: the answer's model,
// what the setting says the asked-for deployment runs, the request's model.
func Names(params map[string]string, responseModel, requestModel string) []string {
	return []string{responseModel, MappedModel(params, requestModel), requestModel}
}

// ImageNames are the names of an image model in the price list, which has some
// by quality and size ("hd/1024-x-1024/dall-e-3"), best first. size is as
// requests spell it: "1024x1024".
func ImageNames(model, quality, size string) []string {
	var names []string
	if w, h, ok := strings.Cut(size, "x"); ok {
		size = w + "-x-" + h + "/"
		if quality != "" {
			names = append(names, quality+"/"+size+model)
		}
		names = append(names, size+model)
	}
	if quality != "" {
		names = append(names, quality+"/"+model)
	}
	return append(names, model)
}
