package pricing

import (
	"cmp"
	"slices"
	"time"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// Entry is a price of the book that is in force.
type Entry struct {
	Model     string // may be provider/name
	SettingID string // of an override for one setting
	Override  string // the override's id; empty for the price list
	*Price           // nil: the override cannot be read
}

// Entries lists what is in force at a moment, by model: the price list, with the
// overrides for all settings in place of theirs, and those for one setting.
func (b *Book) Entries(at time.Time) []Entry {
	out := make([]Entry, 0, len(b.list.prices)+len(b.overrides))
	replaced := map[string]bool{}
	for s, list := range b.overrides {
		for _, d := range list {
			if !d.from.After(at) {
				out = append(out, Entry{s.model, s.settingID, d.id, d.price})
				replaced[s.model] = replaced[s.model] || s.settingID == ""
				break
			}
		}
	}
	for name, p := range b.list.prices {
		if !replaced[name] {
			out = append(out, Entry{Model: name, Price: p})
		}
	}
	slices.SortFunc(out, func(x, y Entry) int {
		return cmp.Or(cmp.Compare(x.Model, y.Model), cmp.Compare(x.SettingID, y.SettingID))
	})
	return out
}

// CheckField says what is wrong with one price of an override.
func CheckField(name, number string) error {
	u, above, schedule, ok := field(name)
	if !ok {
		return errUnknownField
	}
	p := parser{price: &Price{}, listed: listing{}, strict: true}
	return p.set(p.listed.at(schedule, above), u, jsonscan.Member{Value: []byte(number)})
}
