package xds

import (
	"encoding/json"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// processorReplies matches the answers that the processor itself gave; it
// prefixes their details so.
const processorReplies = `response.code_details.startsWith("bricks_")`

// envoyReply is the body of an answer that Envoy made itself.
type envoyReply struct {
	status     uint32
	orAbove    bool // the reply is for this status and all above
	kind, code string
	message    string
	retryAfter string // seconds; empty means no header
}

// envoyReplies is searched from the top. Status codes are Envoy's and stay.
func envoyReplies() []envoyReply {
	const invalid, api = "invalid_request_error", "api_error"
	return []envoyReply{
		{400, false, invalid, "invalid_request_error", "the request is not valid HTTP or is not accepted in this form", ""},
		{404, false, invalid, "not_found", "there is nothing at this path", ""},
		{408, false, invalid, "request_timeout", "the request took too long to arrive", ""},
		{413, false, invalid, "request_too_large", "the request body is too large", ""},
		{426, false, invalid, "upgrade_required", "use HTTP/1.1 or HTTP/2", ""},
		{431, false, invalid, "request_headers_too_large", "the request headers are too large", ""},
		{502, false, api, "upstream_error", "the provider's answer is not valid HTTP", ""},
		{504, false, api, "upstream_error", "the provider did not answer in time", ""},
		{500, true, api, "service_unavailable", "the request could not be served; try again", "1"},
		{400, true, invalid, "invalid_request_error", "the request is not accepted", ""},
	}
}

// localReplies gives Envoy's own answers the shape of OpenAI's errors. Envoy
// would send plain text or nothing, on which clients fail to parse.
func localReplies() (*hcmv3.LocalReplyConfig, error) {
	own, err := anypb.New(&celv3.ExpressionFilter{Expression: processorReplies})
	if err != nil {
		return nil, err
	}
	// The first match wins, and a mapper without changes leaves a reply alone:
	// the processor's refusals are local replies too.
	mappers := []*hcmv3.ResponseMapper{{Filter: &accesslogv3.AccessLogFilter{
		FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
			ExtensionFilter: &accesslogv3.ExtensionFilter{
				Name:       "envoy.access_loggers.extension_filters.cel",
				ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: own},
			},
		},
	}}}
	for _, r := range envoyReplies() {
		m, err := r.mapper()
		if err != nil {
			return nil, err
		}
		mappers = append(mappers, m)
	}
	return &hcmv3.LocalReplyConfig{Mappers: mappers}, nil
}

func (r envoyReply) mapper() (*hcmv3.ResponseMapper, error) {
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	op := accesslogv3.ComparisonFilter_EQ
	if r.orAbove {
		op = accesslogv3.ComparisonFilter_GE
	}
	m := &hcmv3.ResponseMapper{
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{
			StatusCodeFilter: &accesslogv3.StatusCodeFilter{Comparison: &accesslogv3.ComparisonFilter{
				Op: op,
				Value: &corev3.RuntimeUInt32{
					DefaultValue: r.status,
					RuntimeKey:   "bricks.unused", // required, and nothing sets it
				},
			}},
		}},
		Body: inline(body),
		BodyFormatOverride: &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_TextFormatSource{
				TextFormatSource: inline("%LOCAL_REPLY_BODY%"),
			},
			ContentType: "application/json",
		},
	}
	if r.retryAfter != "" {
		m.HeadersToAdd = []*corev3.HeaderValueOption{{
			Header:       &corev3.HeaderValue{Key: "retry-after", Value: r.retryAfter},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}}
	}
	return m, nil
}

func (r envoyReply) body() (string, error) {
	type detail struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    string  `json:"code"`
	}
	b, err := json.Marshal(struct {
		Error detail `json:"error"`
	}{detail{r.message, r.kind, nil, r.code}})
	return string(b), err
}

func inline(s string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: s}}
}
