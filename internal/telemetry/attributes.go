package telemetry

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Names of the OpenTelemetry semantic conventions, version 1.41. Those for
// generative AI are in development still.
const (
	serviceName     = semconv.ServiceNameKey
	serviceVersion  = semconv.ServiceVersionKey
	serviceInstance = semconv.ServiceInstanceIDKey

	httpMethod    = semconv.HTTPRequestMethodKey
	httpRoute     = semconv.HTTPRouteKey
	httpStatus    = semconv.HTTPResponseStatusCodeKey
	errorKind     = semconv.ErrorTypeKey
	userID        = semconv.UserIDKey
	serverAddress = semconv.ServerAddressKey
	serverPort    = semconv.ServerPortKey

	genAIOperation     = semconv.GenAIOperationNameKey
	genAIProvider      = semconv.GenAIProviderNameKey
	genAIRequestModel  = semconv.GenAIRequestModelKey
	genAIResponseModel = semconv.GenAIResponseModelKey
	genAIFinishReasons = semconv.GenAIResponseFinishReasonsKey
	genAIStream        = semconv.GenAIRequestStreamKey
	genAIFirstChunk    = semconv.GenAIResponseTimeToFirstChunkKey
	genAIInputTokens   = semconv.GenAIUsageInputTokensKey
	genAIOutputTokens  = semconv.GenAIUsageOutputTokensKey
	genAICacheRead     = semconv.GenAIUsageCacheReadInputTokensKey
	genAICacheWrite    = semconv.GenAIUsageCacheCreationInputTokensKey
	genAIReasoning     = semconv.GenAIUsageReasoningOutputTokensKey
	genAIInput         = semconv.GenAIInputMessagesKey
	genAIOutput        = semconv.GenAIOutputMessagesKey
	genAIInstructions  = semconv.GenAISystemInstructionsKey
)

// Names of our own.
const (
	bricksEventID       attribute.Key = "bricks.event.id"
	bricksKeyID         attribute.Key = "bricks.key.id"
	bricksPolicyID      attribute.Key = "bricks.policy.id"
	bricksRouteID       attribute.Key = "bricks.route.id"
	bricksSettingID     attribute.Key = "bricks.setting.id"
	bricksAction        attribute.Key = "bricks.action"
	bricksCache         attribute.Key = "bricks.cache"
	bricksAttempts      attribute.Key = "bricks.attempts"
	bricksAttempt       attribute.Key = "bricks.attempt"
	bricksStep          attribute.Key = "bricks.step"
	bricksCost          attribute.Key = "bricks.cost.usd"
	bricksCostRemaining attribute.Key = "bricks.cost.remaining.usd"
	bricksRateRemaining attribute.Key = "bricks.requests.remaining"
	bricksIncomplete    attribute.Key = "bricks.incomplete"
)

func usd(n gateway.NanoUSD) float64 { return float64(n) / float64(gateway.USD) }

func (a *attributes) usage(u *gateway.Usage) {
	for _, count := range [...]struct {
		key attribute.Key
		n   int64
	}{
		{genAIInputTokens, u.InputTokens}, {genAIOutputTokens, u.OutputTokens},
		{genAICacheRead, u.CacheReadTokens}, {genAICacheWrite, u.CacheWrite5mTokens + u.CacheWrite1hTokens},
		{genAIReasoning, u.ReasoningTokens},
	} {
		if count.n > 0 {
			a.number(count.key, count.n)
		}
	}
}

// server says where a call went.
func (a *attributes) server(authority string) {
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		host = authority
	}
	a.text(serverAddress, host)
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		a.number(serverPort, int64(n)) //nolint:gosec // a port fits
	}
}

// outcome says how it went, and reports whether it went wrong. problem is one
// of the gateway's own codes, or empty.
func (a *attributes) outcome(status int, problem string, incomplete bool) (failed bool) {
	if status > 0 {
		a.number(httpStatus, int64(status))
	}
	switch {
	case problem != "":
	case status == 0:
		problem = noAnswer
	case status == 499:
		problem = clientGone
	case status >= 400:
		problem = errorType(status)
	}
	if incomplete {
		*a = append(*a, bricksIncomplete.Bool(true))
	}
	a.text(errorKind, problem)
	return problem != ""
}

// Kinds of errors that no status tells.
const (
	noAnswer   = "no_answer"
	clientGone = "client_gone"
)

// knownMethod is the method, or the conventions' word for one that clients made up.
func knownMethod(method string) string {
	if slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch, http.MethodHead, http.MethodOptions}, method) {
		return method
	}
	return "_OTHER"
}

// messages adds what is not empty, as the JSON that the conventions ask for.
func (a *attributes) messages(set func(string) attribute.KeyValue, v any) {
	b, err := json.Marshal(v)
	if err != nil || string(b) == "null" || string(b) == "[]" {
		return // strings always encode
	}
	*a = append(*a, set(string(b)))
}
