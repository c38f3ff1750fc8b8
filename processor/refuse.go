package processor

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/provider"
)

type limitError = limit.Refusal

type header struct{ name, value string }

// refusal is an answer of our own instead of the provider's.
type refusal struct {
	status     int
	code       string
	message    string // fit for the client
	param      string
	retryAfter time.Duration // 0: no header
	headers    []header
}

// anonymous is the one answer for no, unknown and ambiguous keys: it tells
// nothing about which keys exist.
func anonymous() *refusal {
	return &refusal{
		http.StatusUnauthorized, "invalid_api_key",
		"no valid API key was given: send one Bricks key as Authorization: Bearer, x-api-key or api-key", "", 0, nil,
	}
}

func invalid(message, param string) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_request_error", message, param, 0, nil}
}

func unavailable(message string) *refusal {
	return &refusal{http.StatusServiceUnavailable, "service_unavailable", message + "; try again", "", time.Second, nil}
}

// refuse ends the request with r and records it when the key is known.
func (x *exchange) refuse(r *refusal) *extprocv3.ProcessingResponse {
	x.s.metrics.refused.WithLabelValues(r.code).Inc()
	x.s.metrics.found(&x.event)
	x.event.Status = r.status
	x.event.RefusalCode = r.code
	if x.key != nil {
		x.event.PriceStatus = gateway.Free
		x.event.Latency = time.Since(x.start)
		x.event.RefusedCount = 1
		x.s.refusals.add(&x.event)
	}
	x.phase = phaseRefused
	return x.immediate(r)
}

func (x *exchange) immediate(r *refusal) *extprocv3.ProcessingResponse {
	headers := []*corev3.HeaderValueOption{
		set("content-type", "application/json"),
		set("x-content-type-options", "nosniff"),
		set("x-bricks-event-id", x.event.ID),
	}
	if r.retryAfter > 0 {
		seconds := int64((r.retryAfter + time.Second - 1) / time.Second)
		headers = append(headers, set("retry-after", strconv.FormatInt(seconds, 10)))
	}
	if x.phase == phaseAnswering {
		headers = append(headers, x.routeHeaders()...)
	}
	for _, h := range r.headers {
		headers = append(headers, set(h.name, h.value))
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extprocv3.ImmediateResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(r.status)},
			Headers: &extprocv3.HeaderMutation{SetHeaders: headers},
			Body:    x.errorBody(r),
			Details: "bricks_" + r.code,
		},
	}}
}

type openAIError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

type anthropicError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// errorBody shapes r like the called API's own errors.
func (x *exchange) errorBody(r *refusal) []byte {
	var body any
	if x.match.Provider != nil && x.match.Provider.Errors == provider.AnthropicErrors {
		body = struct {
			Type  string         `json:"type"`
			Error anthropicError `json:"error"`
		}{"error", anthropicError{anthropicType(r.status), r.message}}
	} else {
		e := openAIError{Message: r.message, Type: openAIType(r.status), Code: r.code}
		if r.param != "" {
			e.Param = &r.param
		}
		body = struct {
			Error openAIError `json:"error"`
		}{e}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings always encode
	}
	return b
}

func openAIType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

func anthropicType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusServiceUnavailable:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

func set(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, RawValue: []byte(value)},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
