package processor

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// payFailure books what a failed attempt was billed, and reports whether another
// attempt may be made. The request's reservation pays for one answer only, so
// this one needs money of its own: when there is none, the failure is the
// answer, and the request pays for it.
func (a *attempt) payFailure() bool {
	u := a.answer.reading
	if !u.HasCost {
		return true
	}
	e := a.failureEvent()
	found, ok := a.s.o.Prices.PriceAt(pricing.Query{
		At: e.CreatedAt, SettingID: e.SettingID, Provider: e.Provider, Models: []string{e.ResponseModel, e.RequestModel},
		Unlisted: provider.IsCustom(e.Provider),
	})
	if ok {
		e.PriceStatus, e.Cost = gateway.Priced, found.Price.Cost(e.Usage, a.call.terms())
	}
	accounts, others := moneyAccounts(a.ticket.Accounts)
	if len(accounts) > 0 && e.PriceStatus != gateway.Priced {
		return false // its cost is not known: the request's own rules decide
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), 5*time.Second)
	defer cancel()
	if len(accounts) == 0 || e.Cost == 0 {
		a.record(e)
		a.book(ctx, e, others)
		return true
	}
	r, err := a.s.o.Limiter.Reserve(ctx, limit.Request{ID: e.ID, Accounts: accounts, Cost: e.Cost, Least: e.Cost})
	if err != nil {
		return false
	}
	e.CreatedAt = r.At().UTC()
	a.record(e) // first, as in settle
	if err := r.Settle(ctx, e.Cost); err != nil {
		a.s.o.Logger.Error("reservation not settled", slog.String("event_id", e.ID), slog.Any("error", err))
	}
	a.book(ctx, e, others)
	return true
}

// record writes and counts the event of a failed attempt.
func (a *attempt) record(e *gateway.Event) {
	a.s.writeFinal(e)
	a.s.metrics.paid(e)
	a.s.metrics.usage.Paid(e)
}

// book charges the accounts whose money has no limit, so that their counters
// agree with the ledger too.
func (a *attempt) book(ctx context.Context, e *gateway.Event, accounts []gateway.AccountID) {
	if len(accounts) == 0 || e.Cost == 0 {
		return
	}
	if err := a.s.o.Limiter.Book(ctx, limit.Booking{ID: e.ID + "/book", Accounts: accounts, Cost: e.Cost, At: e.CreatedAt}); err != nil {
		a.s.o.Logger.Error("failed attempt not booked", slog.String("event_id", e.ID), slog.Any("error", err))
	}
}

// failureEvent is the same for an attempt however often it is made.
func (a *attempt) failureEvent() *gateway.Event {
	t, w := a.ticket, &a.answer
	e := &gateway.Event{
		ID:        uuid.NewSHA1(uuid.NameSpaceOID, []byte(t.EventID+"/"+strconv.Itoa(a.number))).String(),
		CreatedAt: a.start.UTC(), KeyID: a.key.ID, Tags: a.key.Tags, PolicyID: a.key.PolicyID,
		SettingID: a.setting.ID, Provider: a.step.Provider, Path: t.Path, Method: "POST", Operation: a.step.Operation,
		Status: w.status, RequestModel: provider.ModelOf(&a.setting.ProviderSetting, a.step.Model), ResponseModel: w.reading.Model, Usage: w.reading.Usage,
		PriceStatus: gateway.Unpriced, Incomplete: true, Latency: time.Since(a.start),
		Attempts: a.number, Streamed: w.sse, CustomID: t.CustomID, UserID: t.UserID,
		CorrelationID: t.CorrelationID, Metadata: t.Metadata, Action: gateway.ActionRetried, RouteID: t.RouteID,
	}
	for _, account := range t.Accounts {
		if account.ID != gateway.KeyAccount(t.KeyID) {
			e.Accounts = append(e.Accounts, account.ID)
		}
	}
	return e
}

// moneyAccounts are the accounts with a cost limit; others are the rest.
func moneyAccounts(all []ticketAccount) (money []limit.Account, others []gateway.AccountID) {
	for i := range all {
		if a := all[i].account(); a.Limits.HasCost() {
			money = append(money, a)
		} else {
			others = append(others, a.ID)
		}
	}
	return money, others
}
