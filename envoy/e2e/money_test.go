package e2e

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// gpt-4o-mini's prices in nano-dollars a token.
const inputPrice, outputPrice = 150, 600

func nano(u fakeprovider.Usage) int64 { return u.InputTokens*inputPrice + u.OutputTokens*outputPrice }

// nanoOf reads an amount of dollars exactly.
func nanoOf(t *testing.T, dollars json.Number) int64 {
	t.Helper()
	r, ok := new(big.Rat).SetString(dollars.String())
	if !ok {
		t.Fatalf("%q is no amount", dollars)
	}
	r.Mul(r, big.NewRat(1e9, 1))
	if !r.IsInt() {
		t.Fatalf("%s is finer than a nano-dollar", dollars)
	}
	return r.Num().Int64()
}

func dollars(nano int64) json.Number {
	return json.Number(new(big.Rat).SetFrac64(nano, 1e9).FloatString(9))
}

// number is what an environment variable says, for longer runs than by default.
func number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// limited is a request that may write 50 tokens. Of input it has three words, a
// role and 6 tokens of framing, which the fake bills as 10; 4 more are reserved
// for what OpenAI does not publish.
func limited(stream bool) string {
	return fmt.Sprintf(`{"model":"gpt-4o-mini","max_tokens":50,"stream":%t,%s}`, stream, hello)
}

const (
	inputBound   = 14
	limitedBound = inputBound*inputPrice + 50*outputPrice
	limitedCost  = 10*inputPrice + 50*outputPrice
)

// spent sums the events of the key, once as many of them as the fake answered
// are there.
func (e *env) spent(t *testing.T, k testenv.Key, answered int) (sum int64) {
	t.Helper()
	testenv.Eventually(t, waitForEvents, fmt.Sprint("events of ", answered, " answers"), func() bool {
		n := 0
		sum = 0
		for _, ev := range e.Events(url.Values{"keyIds": {k.ID}}) {
			if ev.Status == http.StatusOK {
				n++
			}
			sum += nanoOf(t, ev.Cost)
		}
		return n == answered
	})
	return sum
}

// drain asks one by one until the key's money is gone, and returns how many
// were answered. Requests that still hold money are waited for.
func (e *env) drain(t *testing.T, k testenv.Key, body string, headers ...string) (answered int) {
	t.Helper()
	testenv.Eventually(t, waitForEvents, "the money is gone", func() bool {
		a := e.post(t, chat, body, append(bearer(k), headers...)...)
		if a.status == http.StatusOK {
			answered++
			return false
		}
		code := decodeError(t, a).Error.Code
		if code == nil || *code != "budget_reserved" && (*code != "insufficient_quota" || a.header.Get("X-Should-Retry") != "false") {
			t.Fatalf("got %v %v, want insufficient_quota for good", a, a.header)
		}
		return *code == "insufficient_quota"
	})
	return answered
}

// race sends n equal requests at once and returns how many were answered.
func (e *env) race(t *testing.T, n int, k testenv.Key, body string, headers ...string) (answered int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range n {
		wg.Go(func() {
			<-start
			a, err := e.try(t.Context(), http.MethodPost, chat, body, append(bearer(k), headers...)...)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil || a.err != nil:
				t.Errorf("%v, %v", a, err)
			case a.status == http.StatusOK:
				answered++
			case a.status != http.StatusTooManyRequests:
				t.Errorf("got %v", a)
			}
		})
	}
	close(start)
	wg.Wait()
	return answered
}

// TestNoOverspend lets many clients loose on a key whose money is enough for
// ten of their requests. Never is more spent than the limit, and what is left
// in the end is less than one request needs.
func TestNoOverspend(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	const limit = 10 * limitedBound
	for _, clients := range []int{1, 8, 200, 1000} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d clients stream=%t", clients, stream), func(t *testing.T) {
				for range number(t, "BRICKS_TEST_ROUNDS", 3) {
					k := e.newKey(testenv.Object{"costLimitInUsd": dollars(limit)})
					e.fake.Reset()
					answered := e.race(t, clients, k, limited(stream), "X-Fake-Words", "50")
					// Whoever comes later gets what the first did not use.
					answered += e.drain(t, k, limited(stream), "X-Fake-Words", "50")
					bill := nano(e.fake.Bill()["gpt-4o-mini-2024-07-18"])
					spent := e.spent(t, k, answered)
					if spent != bill {
						t.Errorf("the events cost %d, the provider billed %d", spent, bill)
					}
					if spent > limit || spent < limit-limitedBound {
						t.Errorf("spent %d of %d in %d requests, want at most the limit and at least all but one request of it", spent, limit, answered)
					}
				}
			})
		}
	}
}

// TestUsersShareNoMoney: an end user's limit holds over keys, and end users that
// nobody described are limited from their first request on, many at once.
func TestUsersShareNoMoney(t *testing.T) {
	const limit = 3 * limitedBound
	e := newEnv(t, testenv.Options{Env: []string{"DEFAULT_USER_COST_LIMIT_IN_USD=" + dollars(limit).String()}})
	one, other := e.newKey(testenv.Object{"tags": []string{"org"}}), e.newKey(testenv.Object{"tags": []string{"org"}})
	id := e.newUser(testenv.Object{"userId": "known", "tags": []string{"org"}, "costLimitInUsdOverTime": dollars(limit), "costLimitInUsdUnit": "mo"})
	var wg sync.WaitGroup
	answered := make([]int, 4)
	for i, c := range []struct {
		key  testenv.Key
		user string
	}{{one, "known"}, {other, "known"}, {one, "first seen"}, {other, "first seen"}} {
		wg.Go(func() {
			answered[i] = e.race(t, 50, c.key, limited(i%2 == 0), "X-User-Id", c.user, "X-Fake-Words", "50")
		})
	}
	wg.Wait()
	spent := map[string]int64{}
	for i, k := range []testenv.Key{one, other} {
		e.spent(t, k, answered[i]+answered[i+2])
		for _, ev := range e.Events(url.Values{"keyIds": {k.ID}}) {
			name := ev.UserID
			if name == "first seen" { // for each key by itself
				name += k.ID
			}
			spent[name] += nanoOf(t, ev.Cost)
		}
	}
	for user, sum := range spent {
		if sum > limit || sum < limitedCost {
			t.Errorf("%s spent %d, want at most %d", user, sum, limit)
		}
	}
	if len(spent) != 3 {
		t.Errorf("spent %v, want three users'", spent)
	}
	if o := e.Do(http.MethodGet, "/api/reporting/users/"+id, nil); o["runningRequests"] != 0.0 || o["costInUsd"] == 0.0 {
		t.Errorf("standing = %v", o)
	}
	e.verifyLedger(t)
}

// TestAProviderThatBillsMore than was reserved: the requests in flight may cost
// more, and then the key stops.
func TestAProviderThatBillsMore(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	const limit = 10 * limitedBound
	k := e.newKey(testenv.Object{"costLimitInUsd": dollars(limit)})
	overbilled := []string{"X-Fake-Words", "50", "X-Fake-Reasoning-Tokens", "1000"}
	answered := e.race(t, 50, k, limited(false), overbilled...)
	if answered > 10 {
		t.Errorf("%d requests were let through on money for ten", answered)
	}
	if spent := e.spent(t, k, answered); spent != int64(answered)*(limitedCost+1000*outputPrice) {
		t.Errorf("spent %d in %d requests", spent, answered)
	}
	if a := e.post(t, chat, limited(false), bearer(k)...); a.status != http.StatusTooManyRequests {
		t.Errorf("behind the limit: got %v", a)
	}
}

// TestMaximumIsLowered to what the money allows, in every spelling, and not
// below 16 tokens.
func TestMaximumIsLowered(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for given, want := range map[string]string{
		`"max_tokens":1000`:            `"max_tokens":40`,
		`"max_completion_tokens":1000`: `"max_completion_tokens":40`,
		`"max_tokens":null`:            `"max_tokens":40`,
		``:                             `{"max_completion_tokens":40,`,
	} {
		body := `{"model":"gpt-4o-mini",` + given
		if given != "" {
			body += ","
		}
		body += hello + "}"
		k := e.newKey(testenv.Object{"costLimitInUsd": dollars(inputBound*inputPrice + 40*outputPrice + 599)})
		e.fake.Reset()
		a := e.post(t, chat, body, append(bearer(k), "X-Fake-Words", "60")...)
		if a.status != http.StatusOK || a.header.Get("X-Bricks-Max-Output-Tokens") != "40" {
			t.Errorf("%s: got %v %v, want a maximum of 40", given, a, a.header)
			continue
		}
		forwarded := string(e.forwarded(t).Body)
		if !strings.Contains(forwarded, want) || !strings.HasSuffix(forwarded, hello+"}") {
			t.Errorf("%s: forwarded %s, want %s and nothing else changed", given, forwarded, want)
		}
		if spent := e.spent(t, k, 1); spent != 10*inputPrice+40*outputPrice {
			t.Errorf("%s: spent %d", given, spent)
		}
	}
	for tokens, status := range map[int64]int{16: http.StatusOK, 15: http.StatusTooManyRequests} {
		k := e.newKey(testenv.Object{"costLimitInUsd": dollars(inputBound*inputPrice + tokens*outputPrice)})
		if a := e.post(t, chat, limited(false), bearer(k)...); a.status != status {
			t.Errorf("money for %d tokens: got %v, want %d", tokens, a, status)
		}
	}
}

// TestStreamBehindItsMaximum: a provider that writes on behind the maximum may do
// so as long as there is money. Then the client gets a finish event and the end
// marker.
func TestStreamBehindItsMaximum(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	endless := []string{"X-Fake-Maximum", "ignored", "X-Fake-Words", "5000", "X-Fake-Pace", "100us"}
	rich := e.newKey(testenv.Object{"costLimitInUsd": 1})
	a := e.post(t, chat, limited(true), append(bearer(rich), endless...)...)
	if a.err != nil || strings.Count(string(a.body), "word") < 4900 {
		t.Errorf("with money: %d words, %v", strings.Count(string(a.body), "word"), a.err)
	}
	for path, c := range map[string]struct {
		body, end string
		price     int64 // nano-dollars a token of output
	}{
		chat: {limited(true), `"finish_reason":"length"}]}` + "\n\ndata: [DONE]\n\n", outputPrice},
		messages: {`{"model":"claude-haiku-4-5","max_tokens":50,"stream":true,` + hello + `}`,
			"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", 5000},
		"/api/providers/openai/v1/completions": {`{"model":"gpt-3.5-turbo-instruct","max_tokens":50,"stream":true,"prompt":"hello"}`,
			`"finish_reason":"length","logprobs":null}]}` + "\n\ndata: [DONE]\n\n", 2000},
		"/api/providers/openai/v1/responses": {`{"model":"gpt-4o-mini","max_output_tokens":50,"stream":true,"input":"hello"}`,
			`"output":[],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"usage":null}}` + "\n\n", outputPrice},
	} {
		limit := 2000 * c.price
		poor := e.newKey(testenv.Object{"costLimitInUsd": dollars(limit)})
		a = e.post(t, path, c.body, append(bearer(poor), endless...)...)
		words := strings.Count(string(a.body), "word")
		if !strings.HasSuffix(string(a.body), c.end) || words < 1000 || words > 2100 {
			t.Errorf("%s: %d words and the end %q", path, words, a.body[max(0, len(a.body)-300):])
		}
		ev := e.AwaitEvent(poor, a.eventID())
		if ev.RefusalCode != "insufficient_quota" || !ev.Incomplete || !ev.Estimated || nanoOf(t, ev.Cost) > limit*11/10 {
			t.Errorf("%s: event = %+v", path, ev)
		}
	}
	// The provider's side is broken off too: it does not write all of its words.
	testenv.Eventually(t, 10*time.Second, "the upstream call is cut", func() bool {
		for _, r := range e.fake.Requests() {
			if strings.Contains(r.Header.Get("X-Fake-Maximum"), "ignored") && strings.Count(string(r.Answer), "word") < 4000 {
				return true
			}
		}
		return false
	})
}
