package gateway

import "time"

// Usage is what a provider's answer consumed, normalised over providers:
// InputTokens includes cached, cache-writing, audio and image tokens,
// OutputTokens includes reasoning, audio and image tokens.
type Usage struct {
	InputTokens          int64
	CacheReadTokens      int64 // with CacheReadAudioTokens
	CacheWrite5mTokens   int64
	CacheWrite1hTokens   int64 // and what is kept for longer
	OutputTokens         int64
	ReasoningTokens      int64
	AudioInputTokens     int64 // with CacheReadAudioTokens
	AudioOutputTokens    int64
	CacheReadAudioTokens int64
	ImageInputTokens     int64
	ImageOutputTokens    int64

	// Billed by the piece, where the provider counts no tokens.
	Images       int64
	Milliseconds int64 // of sound or video
	Characters   int64
	Queries      int64 // of rerank and search models
	Pages        int64

	WebSearches int64 // made by the provider's own tool, beside the tokens
}

// Add adds what v consumed.
func (u *Usage) Add(v Usage) {
	u.InputTokens += v.InputTokens
	u.CacheReadTokens += v.CacheReadTokens
	u.CacheWrite5mTokens += v.CacheWrite5mTokens
	u.CacheWrite1hTokens += v.CacheWrite1hTokens
	u.OutputTokens += v.OutputTokens
	u.ReasoningTokens += v.ReasoningTokens
	u.AudioInputTokens += v.AudioInputTokens
	u.AudioOutputTokens += v.AudioOutputTokens
	u.CacheReadAudioTokens += v.CacheReadAudioTokens
	u.ImageInputTokens += v.ImageInputTokens
	u.ImageOutputTokens += v.ImageOutputTokens
	u.Images += v.Images
	u.Milliseconds += v.Milliseconds
	u.Characters += v.Characters
	u.Queries += v.Queries
	u.Pages += v.Pages
	u.WebSearches += v.WebSearches
}

// PriceStatus says how an event's cost came to be.
type PriceStatus string

// An unpriced event cost something that the gateway knows no price for. What a
// pending one costs is not known yet: it becomes free once events of its Job are
// charged in its place.
const (
	Priced   PriceStatus = "priced"
	Unpriced PriceStatus = "unpriced"
	Free     PriceStatus = "free" // nothing billable happened
	Pending  PriceStatus = "pending"
)

// What an event's policy did.
const (
	ActionAllowed  = "allowed"
	ActionWarned   = "warned" // something was found that passed
	ActionRedacted = "redacted"
	ActionBlocked  = "blocked"
)

// ActionCharged marks an event that charges what an earlier request, whose id is
// its correlation id, has cost at last. It is no request of its own.
const ActionCharged = "charged"

// ActionRetried marks the event of an attempt that failed but was billed: the
// request that it was made for has an event of its own.
const ActionRetried = "retried"

// Event is the record of one request of a known key: the ledger's row.
// The id is made once at admission; writing an event again changes nothing.
type Event struct {
	ID        string // UUID
	CreatedAt time.Time
	KeyID     string
	Accounts  []AccountID // of the users whose limits applied; the key's own is not in it
	Tags      []string    // the key's tags at the time
	SettingID string
	Provider  string
	Path      string // the public path
	Method    string
	Operation string // chat, embeddings, …
	Status    int    // HTTP status that the client saw; 499: it left before the end

	RequestModel  string
	ResponseModel string // empty: as the request's
	Usage         Usage
	Cost          NanoUSD
	PriceStatus   PriceStatus
	// PriceModel is the name that was looked up in the price list where it is
	// neither model above: what a deployment or an image size is priced as.
	PriceModel string
	// PriceTerms is what else chose the price, as pricing.Terms spells it: the
	// service tier, or "batch". Empty: the standard price.
	PriceTerms string
	Estimated  bool // usage was not (all) reported by the provider
	Incomplete bool // the answer did not reach its end

	Latency          time.Duration
	TimeToFirstToken time.Duration // 0: unknown
	Attempts         int
	Streamed         bool

	CustomID      string
	UserID        string
	CorrelationID string
	Metadata      string // JSON object or empty
	Action        string // allowed, warned, redacted, blocked, cached, retried, charged
	PolicyID      string
	// Findings counts what the policy found, by the type's name or "regex"; never
	// the values.
	Findings     map[string]int64
	RouteID      string
	RefusalCode  string // why the gateway refused; empty when it did not
	RefusedCount int    // requests this refusal stands for; 0 when not refused
	// Job is where the provider tells the state of the work that was billed after
	// the answer: path and query below the setting's origin and prefix.
	Job string

	Request  []byte // only when the key asks for it
	Response []byte
}

// Model is the model that priced the event.
func (e *Event) Model() string {
	if e.ResponseModel != "" {
		return e.ResponseModel
	}
	return e.RequestModel
}
