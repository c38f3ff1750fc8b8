package fakeprovider

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

var imageFields = map[string]check{
	"model": isString, "prompt": isString, "n": integer(1, 10), "size": isString, "quality": isString, "style": isString,
	"response_format": oneOf("url", "b64_json"), "user": isString, "background": isString, "moderation": isString,
	"output_format": oneOf("png", "jpeg", "webp"), "output_compression": integer(0, 100), "stream": isBool, "partial_images": integer(0, 3),
	"images": isArray, "mask": isObject, "input_fidelity": oneOf("high", "low"),
}

// imageOutput is what one image costs in the fake's tokens.
const imageOutput = 100

type imageRequest struct {
	model, prompt string
	n, given      int64
	stream        bool
}

func (x *exchange) generateImages(o object) error { return x.imagesOfJSON(o, 0) }

func (x *exchange) imagesOfJSON(o object, given int64) error {
	x.deployed(o)
	if err := o.fields(imageFields); err != nil {
		return err
	}
	r := imageRequest{model: text(o["model"]), prompt: text(o["prompt"]), n: max(1, o.int("n")), given: given, stream: o.bool("stream")}
	if r.prompt == "" {
		return badRequest("prompt", "Missing required parameter: 'prompt'.")
	}
	return x.answerImages(r)
}

// editImages takes a form, or JSON that names its images.
func (x *exchange) editImages() error {
	if strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/json") {
		return asJSON(func(x *exchange, o object) error {
			images, err := o.objects("", "images")
			if err != nil || len(images) == 0 {
				return badRequest("images", "Missing required parameter: 'images'.")
			}
			return x.imagesOfJSON(o, int64(len(images)))
		})(x)
	}
	return x.imagesOfForm("prompt")
}

func (x *exchange) varyImages() error { return x.imagesOfForm("") }

func (x *exchange) imagesOfForm(required string) error {
	f, err := x.form()
	if err != nil {
		return err
	}
	if required != "" && f.fields[required] == "" {
		return badRequest(required, "Missing required parameter: '%s'.", required)
	}
	if len(f.files["image"]) == 0 {
		return badRequest("image", "Missing required parameter: 'image'.")
	}
	r := imageRequest{model: f.fields["model"], prompt: f.fields["prompt"], n: 1, given: int64(len(f.files["image"])), stream: f.fields["stream"] == "true"}
	if x.model != "" {
		r.model = x.model
	}
	if n := f.fields["n"]; n != "" {
		if r.n, err = strconv.ParseInt(n, 10, 64); err != nil || r.n < 1 || r.n > 10 {
			return badRequest("n", "Invalid 'n'.")
		}
	}
	return x.answerImages(r)
}

// answerImages bills 1 token a word of the prompt, 85 a given image and 100 an
// image made.
func (x *exchange) answerImages(r imageRequest) error {
	if r.model == "" {
		r.model = "gpt-image-1"
	}
	if err := x.begin(r.model); err != nil || !x.wait() {
		return err
	}
	pixel := base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\nfake"))
	x.pending = Usage{Model: answerModel(r.model), InputTokens: words(r.prompt) + imageTokens*r.given, OutputTokens: imageOutput * r.n}
	usage := ordered{
		{"input_tokens", x.pending.InputTokens}, {"input_tokens_details", ordered{{"text_tokens", words(r.prompt)}, {"image_tokens", imageTokens * r.given}}},
		{"output_tokens", x.pending.OutputTokens}, {"output_tokens_details", ordered{{"text_tokens", 0}, {"image_tokens", x.pending.OutputTokens}}},
		{"total_tokens", x.pending.InputTokens + x.pending.OutputTokens},
	}
	if r.stream {
		kind := "image_generation"
		if r.given > 0 {
			kind = "image_edit"
		}
		s := &stream{x: x}
		s.add(kind+".partial_image", encode(ordered{{"type", kind + ".partial_image"}, {"b64_json", pixel}, {"partial_image_index", 0}, {"created_at", created}}))
		s.add(kind+".completed", encode(ordered{{"type", kind + ".completed"}, {"b64_json", pixel}, {"created_at", created}, {"usage", usage}}))
		s.send()
		return nil
	}
	var data []any
	for range r.n {
		data = append(data, ordered{{"b64_json", pixel}})
	}
	answer := ordered{{"created", created}, {"data", data}}
	if x.fault.usage != "none" {
		answer = append(answer, member{"usage", usage})
	}
	x.sendJSON(http.StatusOK, answer)
	return nil
}
