package processor

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// userAccounts are those of the users that match, or the default one for an end
// user that none describes, if defaults are set. They are in the order of their
// ids, and known once the end user is: from the header x-user-id on, or the body.
func (x *exchange) userAccounts() []limit.Account {
	var accounts []limit.Account
	for _, u := range x.users {
		accounts = append(accounts, limit.Account{ID: gateway.UserAccount(u.ID), Label: userLabel(u.UserID), Limits: u.Limits()})
	}
	if d := x.s.o.DefaultUser; len(accounts) == 0 && x.matched && d.Any() {
		accounts = []limit.Account{{ID: gateway.DefaultAccount(x.key.ID, x.event.UserID), Label: userLabel(x.event.UserID), Limits: d}}
	}
	slices.SortFunc(accounts, func(a, b limit.Account) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return accounts
}

func userLabel(name string) string { return "user " + quoted(name) }

func quoted(name string) string { return `"` + clip(name) + `"` }

// matchUsers finds the users that bind the request's end user, and refuses what
// any of them does not allow. The model is checked with the key's.
func (x *exchange) matchUsers() *refusal {
	name := x.event.UserID
	if name == "" || x.matched {
		return nil
	}
	users, err := x.s.o.Config.Users(x.ctx, x.key, name)
	if gateway.KindOf(err) == gateway.Forbidden {
		return notAllowed("more users match " + quoted(name) + " than the gateway can check")
	}
	if err != nil {
		return unavailable("the gateway cannot check users right now")
	}
	x.users, x.matched = users, true
	for _, a := range x.userAccounts() {
		x.accounts = append(x.accounts, a)
		x.event.Accounts = append(x.event.Accounts, a.ID)
	}
	for _, u := range users {
		switch {
		case u.Revoked:
			return notAllowed(userLabel(name) + " is revoked")
		case !u.ExpiresAt.IsZero() && !x.start.Before(u.ExpiresAt):
			return notAllowed(userLabel(name) + " has expired")
		}
	}
	for _, u := range users {
		if !pathAllowed(u.AllowedPaths, x.in.method, x.in.path) {
			return &refusal{http.StatusForbidden, "path_not_allowed", userLabel(name) + " may not call " + x.in.method + " " + x.in.path, "", 0, nil}
		}
	}
	return nil
}

// notAllowed is not a 401: the key is good, and another one would not help.
func notAllowed(message string) *refusal {
	return &refusal{http.StatusForbidden, "user_not_allowed", message, "user", 0, nil}
}

// checkUserModel refuses a model that one of the users may not use.
func (x *exchange) checkUserModel() *refusal {
	for _, u := range x.users {
		if len(u.AllowedModels) > 0 && !slices.Contains(u.AllowedModels, x.call.model) {
			return &refusal{http.StatusForbidden, "model_not_allowed", userLabel(u.UserID) + " may not use model " + clip(x.call.model), "model", 0, nil}
		}
	}
	return nil
}
