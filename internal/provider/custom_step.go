package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// ParamPath is what a route's step at a custom provider may give: which of its
// paths is called. Without it, the one is that ends as OpenAI's does.
const ParamPath = "path"

// streamEnd is the data that ends OpenAI's streams.
const streamEnd = "[DONE]"

// stepShape is what a custom provider's path must be like to be called by a
// route's step: clients of the route speak OpenAI's API, and nothing is
// translated.
type stepShape struct {
	suffix     string // of its path
	prompt     string // the body's member that holds the prompt
	completion string // the answer's member that holds the completion; empty: any
	endpoint   Endpoint
}

var stepShapes = map[string]*stepShape{
	gateway.OperationChat: {"/chat/completions", "messages", "choices", Endpoint{
		Method: "POST", Operation: gateway.OperationChat, Body: JSONBody, Meter: MeterOpenAI, Streams: true,
		// The older name first: it is the one that is known everywhere.
		OutputLimits: []string{"max_tokens", "max_completion_tokens"}, OutputFactors: []string{"n"},
	}},
	gateway.OperationEmbeddings: {"/embeddings", "input", "", Endpoint{
		Method: "POST", Operation: gateway.OperationEmbeddings, Body: JSONBody, Meter: MeterOpenAI,
	}},
}

// otherOperation says that a custom provider does not do an operation, though
// what it has may do another.
type otherOperation string

func (e otherOperation) Error() string { return string(e) }

// ForOperation finds the path by which c does an operation as OpenAI does it.
// The error is fit for an administrator.
func (c *Custom) ForOperation(operation string, params map[string]string) (Match, *CustomRoute, error) {
	shape, ok := stepShapes[operation]
	if !ok {
		return Match{}, nil, otherOperation("custom provider " + c.Provider.Name + " does not do " + operation)
	}
	r, err := c.stepRoute(shape, params[ParamPath])
	if err != nil {
		return Match{}, nil, err
	}
	if err := shape.check(r); err != nil {
		return Match{}, nil, fmt.Errorf("custom provider %s: %w", c.Provider.Name, err)
	}
	return Match{Provider: &c.Provider, Endpoint: &shape.endpoint, Method: r.Endpoint.Method, Path: r.Target.Path}, r, nil
}

// stepRoute is the route with this path, or with none the only one that ends as
// the shape's do.
func (c *Custom) stepRoute(shape *stepShape, path string) (*CustomRoute, error) {
	if path != "" {
		if r := c.Route(path); r != nil {
			return r, nil
		}
		return nil, fmt.Errorf("custom provider %s has no path %s", c.Provider.Name, path)
	}
	var found *CustomRoute
	for p, r := range c.routes {
		if !strings.HasSuffix(p, shape.suffix) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("custom provider %s has more than one path that ends in %s: params.path must name one", c.Provider.Name, shape.suffix)
		}
		found = r
	}
	if found == nil {
		return nil, otherOperation(fmt.Sprintf("custom provider %s has no path that ends in %s: params.path must name another", c.Provider.Name, shape.suffix))
	}
	return found, nil
}

// check says why r does not speak the language of a route's clients, as far as
// its locations tell. A completion may be told of nowhere.
func (s *stepShape) check(r *CustomRoute) error {
	if first(r.PromptLocation) != s.prompt {
		return otherOperation(fmt.Sprintf("its %s reads the prompt at %s, so it does not take a body with %s", r.Path, r.PromptLocation, s.prompt))
	}
	if r.ModelLocation != "model" {
		return fmt.Errorf("its %s reads the model at %s, so it does not take the route's body, which has it at model", r.Path, r.ModelLocation)
	}
	if r.StreamLocation != "" && r.StreamLocation != "stream" {
		return fmt.Errorf("its %s reads at %s whether to stream, so it does not take the route's body, which says so at stream", r.Path, r.StreamLocation)
	}
	if r.StreamEndWord != "" && r.StreamEndWord != streamEnd {
		return fmt.Errorf("streams of its %s end with %s, and those of the route with %s", r.Path, r.StreamEndWord, streamEnd)
	}
	for _, location := range [...]string{r.CompletionLocation, r.StreamCompletionLocation} {
		if s.completion != "" && location != "" && first(location) != s.completion {
			return fmt.Errorf("its %s answers at %s, and clients of the route read the answer in %s", r.Path, location, s.completion)
		}
	}
	return nil
}

// first is the first part of a location.
func first(location string) string {
	name, _, _ := strings.Cut(location, ".")
	return name
}

// StepOperations are those of wanted that a step with params does. The error is
// fit for an administrator: it does none, or cannot be called for one.
func (c *Custom) StepOperations(wanted []string, params map[string]string) (done []string, err error) {
	var none error
	for _, operation := range wanted {
		_, _, err := c.ForOperation(operation, params)
		var other otherOperation
		switch {
		case err == nil:
			done = append(done, operation)
		case !errors.As(err, &other):
			return nil, err
		case none == nil:
			none = err
		}
	}
	if len(done) == 0 {
		return nil, none
	}
	return done, nil
}
