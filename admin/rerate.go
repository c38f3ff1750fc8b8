package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

const (
	// ratePage is how many events are read and corrected in one transaction.
	ratePage = 500
	// maxRatedModels bounds the answer: models are named by clients.
	maxRatedModels = 1000
	otherModels    = "(others)"
)

type rerateBody struct {
	From  int64          `json:"from" minimum:"0" maximum:"253402300799" doc:"Events from this Unix second on."`
	To    int64          `json:"to" minimum:"0" maximum:"253402300799" doc:"Events before this Unix second."`
	Apply optional[bool] `json:"apply,omitzero" doc:"Book the differences as corrections; otherwise only show them."`
}

// rated sums events that were priced again.
type rated struct {
	Count      int64 `json:"count" doc:"Events that were priced or unpriced."`
	Kept       int64 `json:"kept" doc:"Of these, what keeps its cost: without a price, or booked at an estimate without usage."`
	Changed    int64 `json:"changed" doc:"Events whose cost differs."`
	Booked     usd   `json:"booked" doc:"What they cost so far, earlier corrections included."`
	Recomputed usd   `json:"recomputed" doc:"What they cost by the prices as they are now for their time."`
	Difference usd   `json:"difference"`
}

// ratedModel is rated for one model.
type ratedModel struct {
	Model      string `json:"model"`
	Provider   string `json:"provider"`
	Count      int64  `json:"count"`
	Kept       int64  `json:"kept"`
	Changed    int64  `json:"changed"`
	Booked     usd    `json:"booked"`
	Recomputed usd    `json:"recomputed"`
	Difference usd    `json:"difference"`
}

type rerateAnswer struct {
	From           int64        `json:"from"`
	To             int64        `json:"to"`
	Applied        bool         `json:"applied" doc:"Whether the differences are booked."`
	Total          rated        `json:"total"`
	Models         []ratedModel `json:"models" doc:"The same by model, the largest difference first; at most 1000, then (others)."`
	Unacknowledged []string     `json:"unacknowledged,omitempty" doc:"Which counters have not learnt of the corrections yet; the ledger has them."`
}

func (r *rated) add(one store.Rerated) {
	r.Count++
	if one.Kept {
		r.Kept++
	}
	if one.Booked != one.Recomputed {
		r.Changed++
	}
	r.Booked += usd(one.Booked)
	r.Recomputed += usd(one.Recomputed)
	r.Difference = r.Recomputed - r.Booked
}

// rerate goes page by page. What was booked before a failure stays booked, and
// a repeated call goes on where it stopped: corrected events differ no more.
func (a *api) rerate(ctx context.Context, c *call) (any, error) {
	in, err := decode[rerateBody](c)
	if err != nil {
		return nil, err
	}
	if in.From > in.To {
		return nil, badInput.faulty([]fault{{Pointer: "/from", Detail: "must not be after to"}})
	}
	price, err := a.pricer(ctx)
	if err != nil {
		return nil, err
	}
	answer := rerateAnswer{From: in.From, To: in.To, Applied: in.Apply.Value}
	models := map[[2]string]*rated{}
	query := store.Rerate{Start: unixTime(in.From), End: unixTime(in.To), Limit: ratePage, Price: price, Apply: in.Apply.Value}
	for {
		page, corrections, next, err := a.Store.RerateEvents(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			answer.Total.add(one)
			sumOf(models, one.Event).add(one)
		}
		if len(corrections) > 0 && a.Corrections != nil {
			// Committed: whoever counts must learn of it, client or not.
			if err := a.Corrections(context.WithoutCancel(ctx), corrections); err != nil {
				a.Logger.ErrorContext(ctx, "limits were not told of corrections", "corrections", len(corrections), "error", err)
				answer.Unacknowledged = []string{"limits"}
			}
		}
		if query.After = next; next == (store.EventCursor{}) {
			break
		}
	}
	answer.Models = byDifference(models)
	return answer, nil
}

// pricer prices events by the prices and settings as they are now.
func (a *api) pricer(ctx context.Context) (func(*gateway.Event) (gateway.NanoUSD, bool), error) {
	b, err := a.book(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := a.Store.Settings(ctx, nil)
	if err != nil {
		return nil, err
	}
	params := map[string]map[string]string{}
	for _, s := range settings {
		params[s.ID] = s.Params
	}
	return func(e *gateway.Event) (gateway.NanoUSD, bool) { return b.PriceEvent(e, params[e.SettingID]) }, nil
}

func sumOf(models map[[2]string]*rated, e *gateway.Event) *rated {
	name := [2]string{e.Model(), e.Provider}
	if models[name] == nil && len(models) >= maxRatedModels {
		name = [2]string{otherModels, ""}
	}
	if models[name] == nil {
		models[name] = &rated{}
	}
	return models[name]
}

func byDifference(models map[[2]string]*rated) []ratedModel {
	out := make([]ratedModel, 0, len(models))
	for _, name := range slices.SortedFunc(maps.Keys(models), func(x, y [2]string) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) }) {
		r := models[name]
		out = append(out, ratedModel{name[0], name[1], r.Count, r.Kept, r.Changed, r.Booked, r.Recomputed, r.Difference})
	}
	slices.SortStableFunc(out, func(x, y ratedModel) int {
		return cmp.Compare(max(y.Difference, -y.Difference), max(x.Difference, -x.Difference))
	})
	return out
}
