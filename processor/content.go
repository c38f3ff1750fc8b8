package processor

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/provider"
)

// readsBody reports whether the processor must see the request's body.
func (x *exchange) readsBody(endOfStream bool) bool {
	switch x.match.Endpoint.Body {
	case provider.NoBody, provider.StreamedBody:
		return false
	case provider.OptionalJSON:
		return !endOfStream
	}
	return true
}

// answerUnread reports whether the answer's body passes beside the processor:
// a file's content tells nothing and may be huge.
func (x *exchange) answerUnread() bool {
	return x.match.Endpoint.RawAnswer && !x.storesAnswer()
}

// storesAnswer reports whether the answer's body is kept with the event.
func (x *exchange) storesAnswer() bool {
	return x.key != nil && x.key.ShouldLogResponse && !x.s.o.Strict
}

// checkContent refuses bodies that cannot be read, before they are uploaded.
func (x *exchange) checkContent(endOfStream bool) *refusal {
	mode := x.match.Endpoint.Body
	switch {
	case mode == provider.NoBody && !endOfStream:
		return invalid("this endpoint takes no body", "")
	case endOfStream && (mode == provider.NoBody || mode == provider.OptionalJSON):
		return nil
	case endOfStream:
		return invalid("a body is required: "+expected(mode), "")
	}
	if r := x.checkContentType(mode); r != nil {
		return r
	}
	// Encoded bodies cannot be read; an upload need not be.
	if e := x.in.contentEncoding; e != "" && !strings.EqualFold(e, "identity") && mode != provider.StreamedBody {
		return &refusal{http.StatusUnsupportedMediaType, "unsupported_media_type", "content-encoding must be identity", "", 0, nil}
	}
	size, err := strconv.ParseInt(x.in.contentLength, 10, 64)
	switch {
	case err != nil:
		size = unknownBody
	case size > int64(x.maxBody()):
		return x.tooLarge()
	}
	if mode == provider.StreamedBody {
		return nil // nobody holds it
	}
	return x.expectBody(size)
}

func expected(mode provider.BodyMode) string {
	switch {
	case mode == provider.MultipartBody:
		return "multipart/form-data with a boundary"
	case mode.Multipart():
		return "application/json, or multipart/form-data with a boundary"
	}
	return "application/json"
}

func (x *exchange) checkContentType(mode provider.BodyMode) *refusal {
	if mode == provider.StreamedBody || x.in.contentType == "" && mode.JSON() {
		return nil
	}
	t, params, err := mime.ParseMediaType(x.in.contentType)
	if err == nil && isUTF8(params["charset"]) && (mode.JSON() && t == "application/json" || mode.Multipart() && t == multipartType && params["boundary"] != "") {
		return nil
	}
	return &refusal{http.StatusUnsupportedMediaType, "unsupported_media_type", "content-type must be " + expected(mode), "", 0, nil}
}

// isUTF8 reports whether a body that names this charset is UTF-8, as all that is
// read here is taken for.
func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") || strings.EqualFold(charset, "us-ascii")
}

const multipartType = "multipart/form-data"

// boundary is the multipart boundary of the request's body, empty when it is JSON.
func (in *inbound) boundary() string {
	t, params, err := mime.ParseMediaType(in.contentType)
	if err != nil || t != multipartType {
		return ""
	}
	return params["boundary"]
}

// maxBody is the largest body of this request in bytes.
func (x *exchange) maxBody() int {
	switch e := x.match.Endpoint; {
	case e.Body == provider.StreamedBody:
		return provider.MaxStreamed
	case e.Body.Multipart() && x.in.boundary() != "":
		return provider.MaxMultipart
	}
	return x.s.o.MaxBody
}

func (x *exchange) tooLarge() *refusal {
	return &refusal{
		http.StatusRequestEntityTooLarge, "request_too_large",
		fmt.Sprintf("the body may have at most %d bytes", x.maxBody()), "", 0, nil,
	}
}

// read reads the body as the endpoint wants it.
func (x *exchange) read(body []byte) (call, *refusal) {
	var (
		c call
		r *refusal
	)
	if len(body) == 0 && x.match.Endpoint.Body == provider.OptionalJSON {
		c.factor = 1 // there is none after all
	} else if boundary := x.in.boundary(); boundary != "" && x.match.Endpoint.Body.Multipart() {
		c, r = readMultipart(body, boundary, x.match.Endpoint)
	} else {
		c, r = readCall(body, x.match.Endpoint)
	}
	if x.match.Deployment != "" {
		c.model = x.match.Deployment // whatever the body says
	}
	return c, r
}

// useModel puts the chosen setting's model in the place of the name that the
// client used.
func (x *exchange) useModel() {
	model := provider.ModelOf(&x.setting.ProviderSetting, x.call.model)
	x.call.model, x.event.RequestModel = model, model
}

// asksUsage reports whether the gateway asks for the usage that the client did
// not ask for.
func (x *exchange) asksUsage() bool {
	if !x.call.stream || !x.match.Endpoint.StreamUsage || x.call.usageAsked {
		return false
	}
	return !x.match.Dated() || !x.call.dataSources && provider.TakesStreamUsage(x.apiVersion())
}

// apiVersion is the client's, else the setting's.
func (x *exchange) apiVersion() string {
	for _, pair := range strings.Split(x.in.query, "&") {
		if value, ok := strings.CutPrefix(pair, provider.VersionParameter+"="); ok {
			return value
		}
	}
	return x.setting.Params[provider.ParamAPIVersion]
}

// upstreamPath is the path and query at the provider.
func (x *exchange) upstreamPath() string {
	path, query := x.setting.PathPrefix+x.match.Path, x.in.query
	if x.custom != nil {
		query = x.custom.query(query, x.setting.APIKey)
	}
	version := x.setting.Params[provider.ParamAPIVersion]
	if version != "" && x.match.Dated() && !slices.ContainsFunc(strings.Split(query, "&"), func(pair string) bool {
		return strings.HasPrefix(pair, provider.VersionParameter+"=")
	}) {
		if query != "" {
			query += "&"
		}
		query += provider.VersionParameter + "=" + version
	}
	if query != "" {
		path += "?" + query
	}
	return path
}
