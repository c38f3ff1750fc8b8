package xds

import (
	"net/http"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// ownReply matches what the processor answered: it shapes its bodies itself and
// marks its answers by their details.
const ownReply = `response.code_details.startsWith("bricks_")`

// localReply is an answer that Envoy makes by itself, in the words of the
// gateway. It stands for status, or for flags (Envoy's response flags) whatever
// the status was.
type localReply struct {
	status    int
	flags     []string
	answer    int // the status that the client gets; status if 0
	openAI    string
	anthropic string
	code      string
	message   string
}

// The first that matches counts.
var localReplyTable = []localReply{
	{
		flags: []string{"UT"}, answer: http.StatusGatewayTimeout,
		openAI: "api_error", anthropic: "api_error", code: "upstream_error", message: "the provider did not answer in time",
	},
	{
		flags: []string{"UF", "UH", "UC", "UR", "LR", "UPE", "DF"}, answer: http.StatusBadGateway,
		openAI: "api_error", anthropic: "api_error", code: "upstream_error", message: "the provider cannot be reached",
	},
	{
		flags: []string{"NC", "UO"}, answer: http.StatusServiceUnavailable,
		openAI: "api_error", anthropic: "overloaded_error", code: "service_unavailable", message: "the gateway cannot take this request now; try again",
	},
	invalidReply(http.StatusBadRequest, "invalid_request_error", "the request is not valid HTTP"),
	{
		status: http.StatusNotFound,
		openAI: "invalid_request_error", anthropic: "not_found_error", code: "not_found", message: "no such path",
	},
	invalidReply(http.StatusRequestTimeout, "request_timeout", "the request did not arrive in time"),
	{
		status: http.StatusRequestEntityTooLarge,
		openAI: "invalid_request_error", anthropic: "request_too_large", code: "request_too_large", message: "the request body is too large",
	},
	invalidReply(http.StatusRequestURITooLong, "uri_too_long", "the path is too long"),
	invalidReply(http.StatusUpgradeRequired, "upgrade_required", "use HTTP/1.1 or HTTP/2"),
	invalidReply(http.StatusRequestHeaderFieldsTooLarge, "headers_too_large", "the request headers are too large"),
	invalidReply(http.StatusForbidden, "upgrade_not_allowed", "the gateway does not serve upgrades"),
	{
		status: http.StatusBadGateway,
		openAI: "api_error", anthropic: "api_error", code: "upstream_error", message: "the provider's answer cannot be read",
	},
	unavailableReply(http.StatusInternalServerError),
	unavailableReply(http.StatusServiceUnavailable),
	unavailableReply(http.StatusGatewayTimeout), // the processor did not answer in time
}

func invalidReply(status int, code, message string) localReply {
	return localReply{status: status, openAI: "invalid_request_error", anthropic: "invalid_request_error", code: code, message: message}
}

func unavailableReply(status int) localReply {
	return localReply{
		status: status, answer: http.StatusServiceUnavailable,
		openAI: "api_error", anthropic: "overloaded_error", code: "service_unavailable", message: "the gateway cannot take this request now; try again",
	}
}

func localReplies() (*hcmv3.LocalReplyConfig, error) {
	own, err := pack(&celv3.ExpressionFilter{Expression: ownReply})
	if err != nil {
		return nil, err
	}
	mappers := []*hcmv3.ResponseMapper{{Filter: &accesslogv3.AccessLogFilter{
		FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{ExtensionFilter: &accesslogv3.ExtensionFilter{
			Name:       "envoy.access_loggers.extension_filters.cel",
			ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: own},
		}},
	}}}
	for _, r := range localReplyTable {
		anthropic, err := r.mapper(and(r.filter(), anthropicCall()), map[string]any{
			"type":  "error",
			"error": map[string]any{"type": r.anthropic, "message": r.message},
		})
		if err != nil {
			return nil, err
		}
		openAI, err := r.mapper(r.filter(), map[string]any{
			"error": map[string]any{"message": r.message, "type": r.openAI, "param": nil, "code": r.code},
		})
		if err != nil {
			return nil, err
		}
		mappers = append(mappers, anthropic, openAI)
	}
	return &hcmv3.LocalReplyConfig{Mappers: mappers}, nil
}

func (r localReply) mapper(filter *accesslogv3.AccessLogFilter, body map[string]any) (*hcmv3.ResponseMapper, error) {
	format, err := structpb.NewStruct(body)
	if err != nil {
		return nil, err
	}
	m := &hcmv3.ResponseMapper{
		Filter: filter,
		BodyFormatOverride: &corev3.SubstitutionFormatString{
			Format:      &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: format},
			ContentType: "application/json",
		},
		HeadersToAdd: []*corev3.HeaderValueOption{setHeader("x-content-type-options", "nosniff"), eventID()},
	}
	if r.answer != 0 {
		m.StatusCode = wrapperspb.UInt32(uint32(r.answer)) //nolint:gosec // a status
	}
	if r.code == "service_unavailable" {
		m.HeadersToAdd = append(m.HeadersToAdd, setHeader("retry-after", "1"))
	}
	return m, nil
}

func (r localReply) filter() *accesslogv3.AccessLogFilter {
	if len(r.flags) > 0 {
		return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
			ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: r.flags},
		}}
	}
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{
		StatusCodeFilter: &accesslogv3.StatusCodeFilter{Comparison: &accesslogv3.ComparisonFilter{
			Op: accesslogv3.ComparisonFilter_EQ,
			Value: &corev3.RuntimeUInt32{
				DefaultValue: uint32(r.status), //nolint:gosec // a status
				RuntimeKey:   "bricks.local_reply",
			},
		}},
	}}
}

// anthropicCall matches calls of Anthropic's API before and after the processor
// rewrote the path: its clients must send anthropic-version.
func anthropicCall() *accesslogv3.AccessLogFilter {
	path := &routev3.HeaderMatcher{
		Name: ":path",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "/api/providers/anthropic/"},
		}},
	}
	version := &routev3.HeaderMatcher{
		Name:                 "anthropic-version",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true},
	}
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_OrFilter{
		OrFilter: &accesslogv3.OrFilter{Filters: []*accesslogv3.AccessLogFilter{headerFilter(path), headerFilter(version)}},
	}}
}

func headerFilter(m *routev3.HeaderMatcher) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_HeaderFilter{
		HeaderFilter: &accesslogv3.HeaderFilter{Header: m},
	}}
}

func and(filters ...*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{
		AndFilter: &accesslogv3.AndFilter{Filters: filters},
	}}
}

// RequestMetadata is the namespace in which the processor names a forwarded
// request's event.
const RequestMetadata = "bricks.request"

// eventID names the event on answers to forwarded requests that Envoy gives past
// the processor: the provider broke off when its headers had passed already. The
// request's own headers do not tell it any more, since nothing of ours reaches a
// provider. Without an event there is no header.
func eventID() *corev3.HeaderValueOption {
	return setHeader("x-bricks-event-id", "%DYNAMIC_METADATA("+RequestMetadata+":event_id)%")
}

func setHeader(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
