package processor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

func fullTicket(now time.Time) *ticket {
	return &ticket{
		EventID: "e", Digest: make([]byte, 32), KeyID: "k", RouteID: "r", Revision: 7, Deadline: now.Add(time.Minute).UnixMilli(),
		Steps: []ticketStep{
			{Position: 1, Provider: "openai", Model: `mo"del`, SettingID: "s", Operation: "chat", Params: map[string]string{"deploymentId": "d"}, Retries: 2, Timeout: 500, Maximum: 16},
			{Position: 3, Provider: "openai", Model: "m", SettingID: "s2", Operation: "chat", Timeout: 1},
		},
		Path: "/api/route/x", CustomID: "c", UserID: "ü", CorrelationID: "i", Metadata: `{"a":1}`,
		Accounts: ticketAccounts([]limit.Account{{ID: "key:k", Label: "key", Limits: gateway.Limits{
			CostLimit: 4_000_001, CostLimitOverTime: 3, CostLimitUnit: gateway.Day, RateLimitOverTime: 5, RateLimitUnit: gateway.Second, MaxParallelRequests: 2,
		}}}),
	}
}

func TestATicketIsReadAsItWasSigned(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	want := fullTicket(now)
	got, err := readTicket(want.sign([]byte("key")), []byte("key"), now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ticket differs (-want +got):\n%s", diff)
	}
	account := limit.Account{ID: "key:k", Label: "key", Limits: gateway.Limits{CostLimit: 4_000_001, CostLimitOverTime: 3, CostLimitUnit: gateway.Day}}
	if diff := cmp.Diff(account, got.Accounts[0].account()); diff != "" {
		t.Errorf("account differs (-want +got):\n%s", diff)
	}
}

func TestATicketOfAnotherOrAnotherTimeIsRefused(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	good := fullTicket(now).sign([]byte("key"))
	body, signature, _ := strings.Cut(good, ".")
	other, _, _ := strings.Cut((&ticket{KeyID: "other", Deadline: 1 << 60}).sign([]byte("key")), ".")
	for name, c := range map[string]struct {
		text, key string
		at        time.Time
	}{
		"none":                {"", "key", now},
		"no signature":        {body, "key", now},
		"an empty signature":  {body + ".", "key", now},
		"another's signature": {other + "." + signature, "key", now},
		"another key":         {good, "another", now},
		"no key":              {good, "", now},
		"over":                {good, "key", now.Add(time.Minute)},
		"text behind":         {good + "AA", "key", now},
		"not base64":          {"!!." + signature, "key", now},
		"signed with no key":  {fullTicket(now).sign(nil), "", now},
	} {
		want := errTicket
		if name == "over" {
			want = errTicketOver // its holder is told that the time is over
		}
		if got, err := readTicket(c.text, []byte(c.key), c.at); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// Every single changed byte.
	for i := range len(good) {
		changed := []byte(good)
		changed[i] ^= 1
		if got, err := readTicket(string(changed), []byte("key"), now); err == nil && i != len(good)-1 {
			t.Errorf("byte %d: %+v", i, got)
		}
	}
}

func TestPlacesOfAttempts(t *testing.T) {
	k := &ticket{Steps: []ticketStep{{Retries: 1}, {}, {Retries: 2}}}
	want := []try{{0, 0, false}, {0, 1, false}, {1, 0, false}, {2, 0, false}, {2, 1, false}, {2, 2, true}}
	if k.tries() != len(want) {
		t.Errorf("%d tries", k.tries())
	}
	for i, w := range want {
		if got, ok := k.place(i + 1); !ok || got != w {
			t.Errorf("attempt %d: %+v, %v; want %+v", i+1, got, ok, w)
		}
	}
	for _, n := range []int{-1, 0, 7, 100} {
		if got, ok := k.place(n); ok {
			t.Errorf("attempt %d: %+v", n, got)
		}
	}
}
