package event

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// clean returns a copy of e that every encoding and database can hold. Text
// comes from clients: one event with bytes that protobuf (no UTF-8) or
// PostgreSQL (NUL) refuses would stand in the way of all behind it, for ever.
func clean(e *gateway.Event) *gateway.Event {
	c := *e
	c.CreatedAt = c.CreatedAt.UTC().Truncate(time.Microsecond) // as it comes back from disk
	for _, s := range [...]*string{
		&c.ID, &c.KeyID, &c.SettingID, &c.Provider, &c.Path, &c.Method, &c.Operation, &c.RequestModel, &c.ResponseModel,
		&c.CustomID, &c.UserID, &c.CorrelationID, &c.Metadata, &c.Action, &c.PolicyID, &c.RouteID, &c.RefusalCode,
	} {
		if !storable(*s) {
			*s = cleanText(*s)
		}
	}
	if slices.ContainsFunc(c.Tags, func(t string) bool { return !storable(t) }) {
		c.Tags = slices.Clone(c.Tags)
		for i := range c.Tags {
			c.Tags[i] = cleanText(c.Tags[i])
		}
	}
	for name := range c.Findings {
		if !storable(name) {
			c.Findings = cleanNames(c.Findings)
			break
		}
	}
	return &c
}

func cleanNames(found map[string]int64) map[string]int64 {
	clean := make(map[string]int64, len(found))
	for name, n := range found {
		clean[cleanText(name)] += n
	}
	return clean
}

func storable(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
