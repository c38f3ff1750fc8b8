package gateway

import "time"

// PolicyAction is what a policy does with a value that it finds.
type PolicyAction string

// The actions, the gentlest first.
const (
	PolicyAllow  PolicyAction = "allow"            // not looked for
	PolicyWarn   PolicyAction = "allow_but_warn"   // counted in the event
	PolicyRedact PolicyAction = "allow_but_redact" // replaced by [TYPE]
	PolicyBlock  PolicyAction = "block"            // the request is refused
)

// AllTypes in Policy.Rules stands for every type that has no rule of its own.
const AllTypes = "all"

// Detectors that a policy may name.
const (
	DetectorEmbedded   = "embedded" // in process, without network
	DetectorComprehend = "comprehend"
	DetectorPresidio   = "presidio"
)

// Policy says what happens to personal data and secrets in the requests of the
// keys that name it, and in their answers.
type Policy struct {
	ID        string
	Name      string
	Tags      []string
	CreatedAt time.Time // whole seconds, UTC
	UpdatedAt time.Time

	Rules map[string]PolicyAction // by a type's name or AllTypes
	Regex []RegexRule             // all of them apply

	ApplyToResponse   bool     // look at answers too
	RestoreInResponse bool     // put redacted values back into the answer
	OnError           string   // when a detector fails: OnErrorBlock, OnErrorAllow or empty for block
	Detectors         []string // empty: the embedded one

	// Revision is the store's revision of the last change to this policy.
	Revision int64
}

// What a policy does while one of its detectors fails.
const (
	OnErrorBlock = "block"
	OnErrorAllow = "allow" // without what that detector would have found
)

// RegexRule finds what a regular expression matches.
type RegexRule struct {
	Definition string // RE2
	Action     PolicyAction
}
