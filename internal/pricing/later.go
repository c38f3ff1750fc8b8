package pricing

import "github.com/bricks-gateway/bricks/internal/gateway"

// PriceLater finds the price of work that e charges after the answer to the
// request for it. e's request model is what its deployment ran by then; its
// response model may be a deployment's name, of the setting whose parameters are
// params.
func (b *Book) PriceLater(e *gateway.Event, params map[string]string) (Found, bool) {
	return b.PriceAt(Query{
		At: e.CreatedAt, SettingID: e.SettingID, Provider: e.Provider,
		Models: []string{e.ResponseModel, MappedModel(params, e.ResponseModel), e.RequestModel},
	})
}

// Charge sets what e's usage costs at this price and terms, and all that an event
// keeps of its price. ok is what the price was found with: without one, e is
// unpriced.
func (f Found) Charge(e *gateway.Event, t Terms, ok bool) {
	e.Cost, e.PriceStatus, e.PriceTerms = 0, gateway.Unpriced, t.String()
	if !ok || !f.Covers(e.Usage, t) {
		return
	}
	e.PriceStatus = gateway.Priced
	e.Cost = f.Cost(e.Usage, t)
	// A tier that the price list does not know is charged at the dearest price.
	e.Estimated = e.Estimated || !f.Knows(t)
	if f.Model != e.ResponseModel && f.Model != e.RequestModel {
		e.PriceModel = f.Model
	}
}
