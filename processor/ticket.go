package processor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Headers between a request and its attempts. Client and provider copies are
// removed, and none of them leaves Envoy.
const (
	ticketHeader  = "x-bricks-ticket"  // request → attempt
	attemptHeader = "x-bricks-attempt" // attempt → request: which one answered
	stepHeader    = "x-bricks-step"    // attempt → request: of which step
	retryHeader   = "x-bricks-retry"   // attempt → Envoy: make another
	backoffHeader = "x-bricks-backoff" // attempt → Envoy: so many seconds later
)

// loopCluster leads a request to its attempts.
const loopCluster = "loop"

// ticket is what a request hands to its attempts. An attempt may be served by
// another processor, and after the route has changed: all it needs is in here,
// but for the key and the credentials, which it looks up by what is in here.
type ticket struct {
	EventID  string `json:"e"`
	Digest   []byte `json:"d"` // of the key
	KeyID    string `json:"k"`
	RouteID  string `json:"r"`
	Revision int64  `json:"v"` // of the route
	// Deadline ends the time that the client waits for a first byte, over all
	// attempts, and the ticket with it. Unix milliseconds.
	Deadline int64        `json:"t"`
	Steps    []ticketStep `json:"s"`

	// For the event of an attempt that failed but was billed.
	Path          string          `json:"p"`
	Accounts      []ticketAccount `json:"a"`
	CustomID      string          `json:"c,omitempty"`
	UserID        string          `json:"u,omitempty"`
	CorrelationID string          `json:"i,omitempty"`
	Metadata      string          `json:"m,omitempty"`
}

// ticketAccount is an account with its limits of money, in nano-dollars: those
// are all that a failed attempt is charged to.
type ticketAccount struct {
	ID       gateway.AccountID `json:"i"`
	Label    string            `json:"l"`
	Total    int64             `json:"t,omitempty"`
	OverTime int64             `json:"o,omitempty"`
	Unit     gateway.Unit      `json:"u,omitempty"`
}

func ticketAccounts(all []limit.Account) []ticketAccount {
	var out []ticketAccount
	for _, a := range all {
		l := a.Limits
		out = append(out, ticketAccount{a.ID, a.Label, int64(l.CostLimit), int64(l.CostLimitOverTime), l.CostLimitUnit})
	}
	return out
}

func (a *ticketAccount) account() limit.Account {
	return limit.Account{ID: a.ID, Label: a.Label, Limits: gateway.Limits{
		CostLimit: gateway.NanoUSD(a.Total), CostLimitOverTime: gateway.NanoUSD(a.OverTime), CostLimitUnit: a.Unit,
	}}
}

// ticketStep is a step as this request takes it.
type ticketStep struct {
	Position  int               `json:"n"` // in the route
	Provider  string            `json:"p"`
	Model     string            `json:"m"`
	SettingID string            `json:"s"`
	Operation string            `json:"o"`
	Params    map[string]string `json:"a,omitempty"`
	Retries   int               `json:"r,omitempty"`
	Timeout   int64             `json:"t"`           // of a try, milliseconds
	Maximum   int64             `json:"x,omitempty"` // of output tokens; 0: as asked
}

var (
	errTicket     = errors.New("the ticket is not one of ours")
	errTicketOver = errors.New("the ticket's time is over")
)

// sign spells t for a header: the body and its HMAC-SHA-256 under key.
func (t *ticket) sign(key []byte) string {
	body, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(ticketMAC(key, text))
}

// readTicket takes what sign made with the same key. From its deadline on the
// error is errTicketOver.
func readTicket(text string, key []byte, now time.Time) (*ticket, error) {
	body, signature, ok := strings.Cut(text, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if !ok || err != nil || len(key) == 0 || !hmac.Equal(given, ticketMAC(key, body)) {
		return nil, errTicket
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return nil, errTicket
	}
	t := new(ticket)
	if err := json.Unmarshal(raw, t); err != nil {
		return nil, errTicket
	}
	if now.UnixMilli() >= t.Deadline {
		return nil, errTicketOver
	}
	return t, nil
}

func ticketMAC(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// tries is how many attempts there are at most.
func (t *ticket) tries() int {
	n := 0
	for i := range t.Steps {
		n += 1 + t.Steps[i].Retries
	}
	return n
}

// try is one attempt's place: attempt is counted from 1 over all steps.
type try struct {
	step  int // in ticket.Steps
	retry int // 0: the step's first
	last  bool
}

// place finds the attempt with this number.
func (t *ticket) place(attempt int) (try, bool) {
	rest := attempt - 1
	for i := range t.Steps {
		if n := 1 + t.Steps[i].Retries; rest >= n {
			rest -= n
			continue
		}
		return try{step: i, retry: rest, last: attempt == t.tries()}, attempt > 0
	}
	return try{}, false
}
