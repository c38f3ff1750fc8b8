package comprehend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// plainCode is an error code as AWS gives it. Anything else could be a part of a
// text that came back.
var plainCode = regexp.MustCompile(`^[A-Za-z0-9.]{1,64}$`)

// describe says what went wrong in words that are safe to log: the SDK's own
// hold what the server says, which may repeat the text.
func describe(err error) error {
	for _, end := range []error{context.DeadlineExceeded, context.Canceled, errAnswerTooLong} {
		if errors.Is(err, end) {
			return fmt.Errorf("ask comprehend: %w", end)
		}
	}
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		code, status := answer.ErrorCode(), 0
		if !plainCode.MatchString(code) {
			code = "UnknownError"
		}
		if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
			status = resp.HTTPStatusCode()
		}
		switch code {
		case "TextSizeLimitExceededException", "InvalidRequestException":
			return fmt.Errorf("ask comprehend: %s, status %d: %w", code, status, pii.ErrRefused)
		}
		return fmt.Errorf("ask comprehend: %s, status %d", code, status)
	}
	if failed, ok := errors.AsType[*url.Error](err); ok { // the connection
		return fmt.Errorf("ask comprehend: %w", failed.Err)
	}
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		if status := resp.HTTPStatusCode(); status != http.StatusOK {
			return fmt.Errorf("ask comprehend: an answer that cannot be read, status %d", status)
		}
		return errors.New("ask comprehend: an answer that cannot be read")
	}
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return errors.New("ask comprehend: an answer that cannot be read")
	}
	// Left are errors from before anything was sent, such as no credential.
	return fmt.Errorf("ask comprehend: %w", err)
}
