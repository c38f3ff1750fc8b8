package pricing

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// UnitPrice is what a model costs by other things than plain tokens. A rate
// below 0 is not in the list. Safe for concurrent use.
type UnitPrice struct {
	image             int64 // 1e-15 dollars, as all of these
	inputSecond       int64
	outputSecond      int64
	character         int64
	input, output     int64 // a token of text
	imageIn, imageOut int64 // a token of an image
}

func (u *UnitPrice) field(name string) *int64 {
	switch name {
	case "input_cost_per_image", "output_cost_per_image":
		return &u.image
	case "input_cost_per_second":
		return &u.inputSecond
	case "output_cost_per_second":
		return &u.outputSecond
	case "input_cost_per_character":
		return &u.character
	case "input_cost_per_token":
		return &u.input
	case "output_cost_per_token":
		return &u.output
	case "input_cost_per_image_token":
		return &u.imageIn
	case "output_cost_per_image_token":
		return &u.imageOut
	}
	return nil
}

// addUnits keeps the unit prices of a list's entry, if it has any.
func (t *Table) addUnits(model string, data []byte) error {
	u, found := UnitPrice{-1, -1, -1, -1, -1, -1, -1, -1}, false
	var bad error
	err := jsonscan.Object(data, func(m jsonscan.Member) bool {
		to := u.field(m.Name)
		if to == nil || m.IsNull() {
			return true
		}
		var rate int64
		if rate, bad = parseRate(cutFraction(string(m.Value))); bad != nil {
			return false
		}
		*to = max(*to, rate) // an image has one price, whichever side it stands on
		found = found || to != &u.input && to != &u.output
		return true
	})
	if bad != nil {
		return bad
	}
	if found {
		t.units[model] = &u
	}
	return err
}

// cutFraction drops digits far below the finest price, which would not fit.
func cutFraction(text string) string {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > 17 && !strings.ContainsAny(fraction, "eE") {
		return whole + "." + fraction[:17]
	}
	return text
}

// Units finds the unit prices of a model, by the names that Lookup tries.
func (t *Table) Units(provider, model string) (*UnitPrice, bool) {
	for _, name := range [...]string{model, withoutDate(model)} {
		if u, ok := t.units[provider+"/"+name]; ok {
			return u, true
		}
		if u, ok := t.units[name]; ok {
			return u, true
		}
	}
	return nil, false
}

// qualities and sizes are what image prices are listed by.
var (
	qualities = []string{"", "low", "medium", "high", "standard", "hd"}
	sizes     = []string{"256x256", "512x512", "1024x1024", "1024x1536", "1536x1024", "1024x1792", "1792x1024"}
)

// Image is what count images cost by the list's prices for a quality and a size
// ("1024x1024"). Empty or "auto" stands for the dearest that there is. ok is
// false when the list prices no such image.
func (t *Table) Image(provider, model, quality, size string, count int64) (cost gateway.NanoUSD, ok bool) {
	rate := int64(-1)
	for _, q := range choice(quality, qualities) {
		for _, s := range choice(size, sizes) {
			name := strings.Replace(s, "x", "-x-", 1) + "/" + model
			if q != "" {
				name = q + "/" + name
			}
			if u, ok := t.Units(provider, name); ok {
				rate = max(rate, u.image)
			}
		}
	}
	if u, ok := t.Units(provider, model); ok && rate < 0 {
		rate = u.image
	}
	var sum sum128
	sum.add(count, rate)
	return sum.nano(), rate >= 0
}

func choice(wanted string, all []string) []string {
	if wanted == "" || wanted == "auto" {
		return all
	}
	return []string{wanted}
}

// Audio is what hearing (input) or speaking (output) costs by time.
func (u *UnitPrice) Audio(inputMilliseconds, outputMilliseconds int64) (cost gateway.NanoUSD, ok bool) {
	if inputMilliseconds > 0 && u.inputSecond < 0 || outputMilliseconds > 0 && u.outputSecond < 0 {
		return 0, false
	}
	var sum sum128
	sum.add(inputMilliseconds, perThousand(u.inputSecond))
	sum.add(outputMilliseconds, perThousand(u.outputSecond))
	return sum.nano(), true
}

func perThousand(rate int64) int64 { return (max(rate, 0) + 999) / 1000 }

// Characters is what speaking so many characters costs.
func (u *UnitPrice) Characters(count int64) (cost gateway.NanoUSD, ok bool) {
	var sum sum128
	sum.add(count, u.character)
	return sum.nano(), u.character >= 0
}

// ImageTokens is what a call of an image model costs by tokens: input of text
// and of images, output of images and of text. ok is false when a price of what
// is not 0 is missing.
func (u *UnitPrice) ImageTokens(text, imageIn, imageOut, textOut int64) (cost gateway.NanoUSD, ok bool) {
	var sum sum128
	for _, x := range [...]struct{ count, rate int64 }{
		{text, u.input}, {imageIn, u.imageIn}, {imageOut, u.imageOut}, {textOut, or(u.output, u.imageOut)},
	} {
		if x.count > 0 && x.rate < 0 {
			return 0, false
		}
		sum.add(x.count, x.rate)
	}
	return sum.nano(), u.imageOut >= 0
}

// ByImageToken reports whether the model's images are billed by tokens.
func (u *UnitPrice) ByImageToken() bool { return u.imageOut >= 0 }
