package pricing

// unit is what a rate is charged for.
type unit int

// The units. Those up to imageOutput count tokens, and all but input and output
// are a part of one of these two.
const (
	input unit = iota
	output
	cacheRead
	cacheWrite5m
	cacheWrite1h
	reasoning
	audioInput
	audioOutput
	cacheReadAudio
	cacheReadImage
	imageInput
	imageOutput
	image // a whole image
	second
	character
	query
	page
	request
	webSearch
	units
)

// rates are prices in 1e-15 dollars a unit; a negative one is not listed.
type rates [units]int64

var none = func() (r rates) {
	for u := range r {
		r[u] = -1
	}
	return r
}()

// parents: whose price applies to tokens of a kind without a price of its own.
var parents = [...]struct{ child, parent unit }{
	{cacheRead, input}, {cacheReadImage, cacheRead}, {cacheWrite5m, input}, {cacheWrite1h, cacheWrite5m},
	{audioInput, input}, {imageInput, input},
	{reasoning, output}, {audioOutput, output}, {imageOutput, output},
}

// override takes over what o lists.
func (r *rates) override(o rates) {
	for u, rate := range o {
		if rate >= 0 {
			r[u] = rate
		}
	}
}

// dearer takes over what o has dearer.
func (r *rates) dearer(o *rates) {
	for u, rate := range o {
		r[u] = max(r[u], rate)
	}
}

// dearestOf takes over what is dearer in a band that an input of at most so many
// tokens may fall into.
func (r *rates) dearestOf(bands []band, tokens int64) {
	for i := range bands {
		if tokens > bands[i].above {
			r.dearer(&bands[i].rates)
		}
	}
}

func (r *rates) dearest(among ...unit) int64 {
	most := int64(0)
	for _, u := range among {
		most = max(most, r[u])
	}
	return most
}

// byToken reports whether a price for tokens is listed.
func (r *rates) byToken() bool {
	for u := range image {
		if r[u] >= 0 {
			return true
		}
	}
	return false
}

// complete fills in what the list's first schedule, the base of all others,
// does not name. Afterwards no rate is negative.
func (r *rates) complete() {
	if r.byToken() {
		if r[input] < 0 {
			r[input] = r.dearest(audioInput, imageInput)
		}
		if r[output] < 0 {
			r[output] = r.dearest(imageOutput, audioOutput, reasoning)
		}
		// Some lists have 0 where a provider has no price of its own for writing
		// to the cache or for sound: that input is not free.
		for _, u := range [...]unit{cacheWrite5m, cacheWrite1h, audioInput, imageInput} {
			if r[u] == 0 {
				r[u] = -1
			}
		}
		if r[cacheReadAudio] < 0 && r[audioInput] < 0 {
			r[cacheReadAudio] = r[cacheRead]
		}
		for _, p := range parents {
			if r[p.child] < 0 {
				r[p.child] = r[p.parent]
			}
		}
		if r[cacheReadAudio] < 0 {
			r[cacheReadAudio] = r[audioInput]
		}
	}
	for u := range r {
		r[u] = max(r[u], 0)
	}
}

// derive makes the complete rates of a schedule that lists some of them, from
// the complete rates of the schedule that it stands beside. A part that is not
// listed rises with the whole that it is a part of, and does not fall with it: a
// guess must not undercharge.
func (r rates) derive(beside *rates) rates {
	out := *beside
	out.override(r)
	for _, p := range parents {
		if r[p.child] < 0 {
			out[p.child] = risen(beside[p.child], beside[p.parent], out[p.parent])
		}
	}
	if r[cacheReadAudio] < 0 {
		out[cacheReadAudio] = risen(beside[cacheReadAudio], beside[audioInput], out[audioInput])
	}
	return out
}

// risen is part, raised in the proportion in which whole rose; rounded up. What
// costs as much as its whole goes with it both ways.
func risen(part, whole, now int64) int64 {
	switch {
	case part == whole:
		return now
	case now <= whole || whole == 0:
		return part
	}
	var s sum128
	s.add(part, now)
	return max(part, s.quotient(uint64(whole)))
}
