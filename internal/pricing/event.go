package pricing

import (
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// PriceEvent is what an event costs by this book, at the time when it was made.
// params are those of its provider setting now. ok is false when that cannot be
// said: there is no price, or the event was booked at an estimate of its cost
// and holds no usage.
func (b *Book) PriceEvent(e *gateway.Event, params map[string]string) (cost gateway.NanoUSD, ok bool) {
	if e.Estimated && e.Usage == (gateway.Usage{}) {
		return 0, false
	}
	names := []string{e.PriceModel, e.ResponseModel, e.RequestModel}
	if e.PriceStatus != gateway.Priced { // its model was a deployment's name, maybe
		names = append(names[:1], Names(params, e.ResponseModel, e.RequestModel)...)
	}
	f, ok := b.PriceAt(Query{At: e.CreatedAt, SettingID: e.SettingID, Provider: e.Provider, Models: names, Unlisted: provider.IsCustom(e.Provider)})
	terms := ParseTerms(e.PriceTerms)
	text := ok && e.Usage.Images > 0 && !f.lists(image) && !f.ForImageTokens()
	if !ok || text || !f.Covers(e.Usage, terms) {
		return 0, false
	}
	return f.Cost(e.Usage, terms), true
}
