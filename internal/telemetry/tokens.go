package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// tokens are the nine counters of the GenAI Gateway, whose names and labels
// dashboards know: they carry no prefix.
type tokens struct {
	total   tokenCounters
	byModel bounded[string, tokenCounters]
	byUser  bounded[userModel, tokenCounters]
}

type userModel struct{ user, model string }

// tokenCounters are those of one set of labels.
type tokenCounters struct{ prompt, completion, total prometheus.Counter }

func (c tokenCounters) add(u gateway.Usage) {
	input, output := float64(max(u.InputTokens, 0)), float64(max(u.OutputTokens, 0))
	c.prompt.Add(input)
	c.completion.Add(output)
	c.total.Add(input + output)
}

func (t *tokens) init(o Options) (all []prometheus.Collector) {
	counters := func(suffix, by string, labels ...string) func(...string) tokenCounters {
		vec := func(name, what string) *prometheus.CounterVec {
			v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name + suffix, Help: "Number of " + what + " tokens" + by + "."}, labels)
			all = append(all, v)
			return v
		}
		prompt, completion, total := vec("prompt_tokens", "prompt"), vec("completion_tokens", "completion"), vec("tokens", "total")
		return func(values ...string) tokenCounters {
			return tokenCounters{prompt.WithLabelValues(values...), completion.WithLabelValues(values...), total.WithLabelValues(values...)}
		}
	}
	t.total = counters("_total", "")()
	byModel := counters("_by_model_total", " by model", "model")
	byUser := counters("_by_user_by_model_total", " by user by model", "user", "model")
	t.byModel.max, t.byModel.make = o.MaxModels, func(model string) tokenCounters { return byModel(model) }
	t.byUser.max, t.byUser.make = max(o.MaxUsers, 0), func(k userModel) tokenCounters { return byUser(k.user, k.model) }
	return all
}

func (t *tokens) observe(e *gateway.Event) {
	if e.Usage.InputTokens+e.Usage.OutputTokens == 0 {
		return
	}
	model, _ := models(e)
	t.total.add(e.Usage)
	t.byModel.get(model, Other).add(e.Usage)
	if _, known := t.byModel.series.Load(model); !known {
		model = Other // else the pairs below would have no bound
	}
	t.byUser.get(userModel{label(e.UserID), model}, userModel{Other, model}).add(e.Usage)
}
