// Package imports takes keys, provider settings, users, policies and routes over
// from another gateway. It is the vocabulary: packages below it read one kind of
// source each and say of every object what it is to become, and adopt makes them.
//
// What a source restricts and this gateway cannot is never dropped in silence: the
// object is refused, unless the operator names the field and says that it may go.
package imports

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// Kind is what an object becomes here.
type Kind string

// The kinds, in the order in which they refer to one another.
const (
	CustomProvider Kind = "custom provider"
	Setting        Kind = "provider setting"
	Policy         Kind = "policy"
	Key            Kind = "key"
	User           Kind = "user"
	Route          Kind = "route"
)

// Object is one object of the source, and what it is to become.
type Object struct {
	Kind Kind
	Name string // for people; no secret
	ID   string // here, a UUID
	Body any    // what the admin API is sent to make it
	// Prices are those of a setting, by model.
	Prices map[string]Prices

	// Hash is the SHA-256 of a key's secret; nil: the body has the secret.
	Hash *secrets.Digest
	// ExpiresAt ends a key or a user whose time began before it was imported; zero: as
	// the body says.
	ExpiresAt time.Time
	Spent     Spent

	// Notes say what is different here and cannot do harm.
	Notes []string
	// Lost says what the object has and would not have here.
	Lost []Lost
}

// Lost is something that this gateway has no counterpart for: without it the
// object would allow more, or do something else.
type Lost struct {
	Field string // as the source calls it
	Why   string // and what to do
	Final bool   // nobody can do without it
}

// Lose notes a loss.
func (o *Object) Lose(field, why string) { o.Lost = append(o.Lost, Lost{Field: field, Why: why}) }

// Refuse notes a loss that nobody can do without.
func (o *Object) Refuse(field, why string) {
	o.Lost = append(o.Lost, Lost{Field: field, Why: why, Final: true})
}

// Note notes a difference.
func (o *Object) Note(text string) { o.Notes = append(o.Notes, text) }

// Prices are dollars a token, as decimal numbers.
type Prices map[string]json.Number

// Spent is what a key or a user has cost so far.
type Spent struct {
	Total gateway.NanoUSD
	// InWindow is the part of Total that belongs to the present window of Unit.
	InWindow gateway.NanoUSD
	Unit     gateway.Unit // of the cost limit over time; empty: none
}

// NewID is the id here of what the source calls id: the same one if it is a UUID,
// so that what refers to it stays right, else one that is the same in every
// import.
func NewID(source string, kind Kind, id string) string {
	if u, err := uuid.Parse(id); err == nil && len(id) == 36 {
		return u.String()
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("bricks import "+source+" "+string(kind)+" "+id)).String()
}
