package pricing

import (
	"cmp"
	"maps"
	"slices"
)

// listing is what the list names of one model: by schedule, then by the size
// above which it holds (everySize: for all).
type listing map[string]map[int64]*rates

// everySize is below every input, also an empty one.
const everySize = -1

// at is where the prices of a schedule and size go.
func (l listing) at(schedule string, above int64) *rates {
	if l[schedule] == nil {
		l[schedule] = map[int64]*rates{}
	}
	if l[schedule][above] == nil {
		r := none
		l[schedule][above] = &r
	}
	return l[schedule][above]
}

// setSchedules completes what is listed, so that Cost need not search.
func (p *Price) setSchedules() {
	l := p.listed
	base := *l.at("", everySize)
	base.complete()
	p.schedules = []schedule{{bands: bandsFrom(base, l[""], nil)}}
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if name != "" {
			first := l.at(name, everySize).derive(&base)
			p.schedules = append(p.schedules, schedule{name, bandsFrom(first, l[name], p.schedules[0].bands)})
		}
	}
	p.dear, p.free = p.combine()
}

// bandsFrom builds a schedule's bands upwards from the one for every size. Where
// the standard schedule has a band that this one does not list, the dearer of
// both holds.
func bandsFrom(first rates, listed map[int64]*rates, standard []band) []band {
	sizes := map[int64]bool{}
	for above := range listed {
		sizes[above] = true
	}
	for i := range standard {
		sizes[standard[i].above] = true
	}
	delete(sizes, everySize)
	out := []band{{everySize, first}}
	for _, above := range slices.Sorted(maps.Keys(sizes)) {
		beside := out[len(out)-1].rates
		for i := range standard {
			if standard[i].above == above {
				beside.dearer(&standard[i].rates)
			}
		}
		if own := listed[above]; own != nil {
			beside = own.derive(&beside)
		}
		out = append(out, band{above, beside})
	}
	slices.Reverse(out)
	return out
}

// combine finds, for every size, the dearest rates of all schedules.
func (p *Price) combine() (dear []band, free bool) {
	sizes := map[int64]*rates{}
	for _, s := range p.schedules {
		for _, b := range s.bands {
			sizes[b.above] = &rates{}
		}
	}
	free = true
	for above, r := range sizes {
		for _, s := range p.schedules {
			r.dearer(pick(s.bands, above+1))
		}
		dear = append(dear, band{above, *r})
		free = free && *r == rates{}
	}
	slices.SortFunc(dear, func(a, b band) int { return cmp.Compare(b.above, a.above) })
	return dear, free
}
