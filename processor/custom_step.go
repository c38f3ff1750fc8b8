package processor

import (
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/token"
)

// A step of a route may be at a custom provider that speaks OpenAI's API. What
// it is asked and how it answers is then like any other step's: only where it
// is, and how it takes its credential, is its own.

// stepTarget is where a step leads.
type stepTarget struct {
	match  provider.Match
	query  string
	custom *customCall // nil: the provider is one of the gateway's own
}

// stepTarget finds what a step calls for an operation. The error's kind is
// Unavailable when custom providers are not known yet.
func (s *Server) stepTarget(name, operation string, params map[string]string) (t stepTarget, err error) {
	if p, ok := provider.Get(name); ok {
		t.match, t.query, err = p.ForOperation(operation, params)
		return t, err
	}
	p, err := s.o.Config.CustomProvider(name)
	if err != nil {
		return t, err
	}
	m, r, err := p.ForOperation(operation, params)
	if err != nil {
		return t, err
	}
	return stepTarget{match: m, custom: &customCall{provider: p, route: r}}, nil
}

// streamingSteps drops the steps at custom paths that do not stream.
func (x *exchange) streamingSteps() *refusal {
	return x.keepSteps(func(s *routeStep) *refusal {
		if s.custom != nil && s.custom.route.StreamLocation == "" {
			return invalid("no step of this route streams", "stream")
		}
		return nil
	})
}

// boundCustom takes the bound off a step's quote when the request gives no
// maximum: what a custom provider then writes at most is not known, and no
// maximum is made up for it that it may not know.
func (s *routeStep) boundCustom(c *call) {
	if s.custom != nil && len(s.match.Endpoint.OutputLimits) > 0 && c.maximum == 0 && !s.price.Free() {
		s.quote.bounded, s.quote.assumed = false, false
	}
}

// estimatedInput counts the input's tokens where nobody reports them. Of a custom
// step it is the prompt's, as of a call of the custom provider itself.
func (x *exchange) estimatedInput() int64 {
	if x.step != nil && x.step.custom != nil && x.call.body != nil {
		if prompt, ok := at(x.call.body, x.step.custom.route.PromptLocation); ok {
			return token.Output(x.call.model, appendText(nil, prompt, 0))
		}
	}
	return x.call.estimatedInput(x.match.Provider.Name)
}

// leadStep makes the attempt's setting lead to the custom path, and reports
// whether it can.
func (a *attempt) leadStep() bool {
	if a.custom == nil {
		return true
	}
	led := a.custom.lead(a.setting)
	if led == nil {
		return false
	}
	a.setting, a.query = led, a.custom.query("", led.APIKey)
	return true
}
