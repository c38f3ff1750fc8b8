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

// What the list has prices of images by, for requests that leave the choice to
// the provider.
var (
	imageQualities = []string{"", "low", "medium", "high", "standard", "hd"}
	imageSizes     = []string{"256x256", "512x512", "1024x1024", "1024x1536", "1536x1024", "1024x1792", "1792x1024"}
)

// ImageAt is PriceAt for an image of a quality and size as requests spell them
// ("hd", "1024x1024"); for one that is empty or "auto" the dearest holds.
// Found.Model is then the name with both, as in "hd/1024-x-1024/dall-e-3".
func (b *Book) ImageAt(q Query, quality, size string) (Found, bool) {
	for i, model := range q.Models {
		if model == "" {
			continue
		}
		if d, ok := b.override(q, model, q.Models[i+1:]); ok {
			return Found{Price: d.price, Model: model, Override: d.id}, d.price != nil
		}
		var most Found
		for _, s := range choice(size, imageSizes) {
			for _, w := range choice(quality, imageQualities) {
				name := strings.Replace(s, "x", "-x-", 1) + "/" + model
				if w != "" {
					name = w + "/" + name
				}
				listed, p, ok := b.list.find(q.Provider, name)
				if ok && (most.Price == nil || p.imageRate() > most.imageRate()) {
					most = Found{Price: p, Model: name, Listed: listed}
				}
			}
		}
		if most.Price != nil {
			return most, true
		}
	}
	return b.PriceAt(q)
}

func (p *Price) imageRate() int64 { return pick(p.schedules[0].bands, 0)[image] }

func choice(wanted string, all []string) []string {
	if wanted == "" || wanted == "auto" {
		return all
	}
	return []string{wanted}
}
