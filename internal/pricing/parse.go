package pricing

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// fields are the list's names of prices, without suffixes for sizes and tiers.
// Where one unit has several, the dearest holds: which of them applies, such as
// an image's resolution, usage does not tell.
var fields = map[string]unit{
	"input_cost_per_token":                      input,
	"output_cost_per_token":                     output,
	"cache_read_input_token_cost":               cacheRead,
	"input_cost_per_token_cache_hit":            cacheRead, // an older name
	"cache_read_input_image_token_cost":         cacheReadImage,
	"cache_creation_input_token_cost":           cacheWrite5m,
	"cache_creation_input_token_cost_above_1hr": cacheWrite1h,
	// OpenAI's longer retention; its writes are counted as those for an hour.
	"cache_creation_input_token_cost_above_12hr": cacheWrite1h,
	"output_cost_per_reasoning_token":            reasoning,
	"input_cost_per_audio_token":                 audioInput,
	"output_cost_per_audio_token":                audioOutput,
	"cache_read_input_audio_token_cost":          cacheReadAudio,
	"input_cost_per_image_token":                 imageInput,
	"output_cost_per_image_token":                imageOutput,
	"input_cost_per_image":                       image,
	"output_cost_per_image":                      image,
	// Audio models have the same figure as input and output: it is due once.
	"input_cost_per_second":            second,
	"output_cost_per_second":           second,
	"input_cost_per_audio_per_second":  second,
	"input_cost_per_video_per_second":  second,
	"output_cost_per_video_per_second": second,
	"input_cost_per_character":         character,
	"output_cost_per_character":        character,
	"input_cost_per_query":             query,
	"ocr_cost_per_page":                page,
	"annotation_cost_per_page":         page, // in place of the plain page
	"input_cost_per_request":           request,
	"web_search_cost_per_query":        webSearch, // ours: the list has an object in its place
}

// resolutions are the suffixes of prices by the image or second of one size.
var resolutions = []string{
	"_480p", "_720p", "_768p", "_1080p", "_2k", "_4k",
	"_0.5K", "_1K", "_2K", "_4K", "_512", "_1024", "_1536", "_above_8s_interval", "_above_15s_interval",
}

// scheduleNames are the suffixes of service tiers and of batches.
var scheduleNames = []string{"batches", "flex", "priority", "balanced", "ultrafast", "decisions"}

// others are the list's names of prices that are not charged here, with the
// reason.
var others = map[string]string{
	"input_cost_per_pixel":                  "made into a price by the image where the model's name has the size",
	"output_cost_per_pixel":                 "as input_cost_per_pixel",
	"search_context_cost_per_query":         "read as an object: the dearest search size",
	"off_peak_pricing":                      "the dearer peak price is charged at all hours",
	"tiered_pricing":                        "read as a list of sizes",
	"input_dbu_cost_per_token":              "not money",
	"output_dbu_cost_per_token":             "not money",
	"google_maps_grounding_cost_per_query":  "no endpoint served",
	"guardrail_cost_per_unit":               "no endpoint served",
	"code_interpreter_cost_per_session":     "usage does not tell sessions",
	"citation_cost_per_token":               "no provider served",
	"explicit_cache_read_input_token_cost":  "no provider served",
	"input_cost_per_text_message":           "no endpoint served",
	"ocr_cost_per_credit":                   "no endpoint served",
	"cost_per_second":                       "of reserved capacity, not of a request",
	"cache_creation_input_audio_token_cost": "sound written to a cache is charged as sound, which is dearer",
	"input_cost_per_video_token":            "usage does not tell video tokens apart",
	"output_cost_per_video_token":           "usage does not tell video tokens apart",
}

// field reads the name of a price: its unit, and for which sizes and schedule.
func field(name string) (u unit, above int64, schedule string, ok bool) {
	for _, s := range scheduleNames {
		if base, found := strings.CutSuffix(name, "_"+s); found {
			name, schedule = base, s
			break
		}
	}
	above = everySize
	if base, size, sized := sizeTier(name); sized {
		name, above = base, size
	}
	u, ok = fields[name]
	for i := 0; !ok && i < len(resolutions); i++ {
		if base, found := strings.CutSuffix(name, resolutions[i]); found {
			u, ok = fields[base]
			ok = ok && (u == image || u == second)
		}
	}
	return u, above, schedule, ok
}

// parser reads one model's entry.
type parser struct {
	price  *Price
	pixels int64 // of one image, from the model's name; 0: not told
	listed listing
	strict bool // unknown members are errors
	priced bool
	unread bool // something costs that is not read: prices of 0 do not mean free
}

// errUnknownField is wrapped by what ParsePrice says of a name.
var errUnknownField = errors.New("is not a price field")

// parsePrice reads an entry of the list; nil when it has no price.
func parsePrice(name string, data []byte, strict bool) (*Price, error) {
	p := parser{price: &Price{}, pixels: pixelsOf(name), listed: listing{}, strict: strict}
	var bad error
	err := jsonscan.Object(data, func(m jsonscan.Member) bool {
		if bad = p.member(m); bad != nil {
			bad = &FieldError{m.Name, bad}
		}
		return bad == nil
	})
	if bad != nil {
		return nil, bad
	}
	if err != nil || !p.priced {
		return nil, err
	}
	p.price.listed = p.listed
	p.price.setSchedules()
	p.price.free = p.price.free && !p.unread
	return p.price, nil
}

// FieldError says which member of a price is not one.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

func (p *parser) member(m jsonscan.Member) error {
	switch m.Name {
	case "max_input_tokens":
		return p.maximum(m, &p.price.MaxInputTokens)
	case "max_output_tokens":
		return p.maximum(m, &p.price.MaxOutputTokens)
	case "tiered_pricing":
		return p.ranges(m)
	case "search_context_cost_per_query":
		if !p.strict {
			return p.searches(m)
		}
	case "input_cost_per_pixel", "output_cost_per_pixel":
		return p.pixel(m)
	case "litellm_provider":
		p.price.Provider, _ = m.String()
		return nil
	case "mode":
		p.price.Mode, _ = m.String()
		return nil
	}
	u, above, schedule, ok := field(m.Name)
	if ok {
		return p.set(p.listed.at(schedule, above), u, m)
	}
	if p.strict {
		return errUnknownField
	}
	rate, _, err := parseRate(string(m.Value))
	p.unread = p.unread || strings.Contains(m.Name, "cost") && err == nil && rate > 0
	return nil
}

func (p *parser) maximum(m jsonscan.Member, to *int64) error {
	n, ok := m.Int(1 << 40)
	if !ok && p.strict {
		return errors.New("must be a whole number of tokens")
	}
	*to = n // 0: the list has some that are no whole numbers
	return nil
}

func (p *parser) set(r *rates, u unit, m jsonscan.Member) error {
	if m.IsNull() && !p.strict {
		return nil
	}
	rate, exact, err := parseRate(string(m.Value))
	if err != nil {
		return err
	}
	if p.strict && !exact {
		return errors.New("is finer than 0.000000000000001 dollars")
	}
	p.priced = true
	r[u] = max(r[u], rate)
	return nil
}

// searches reads {"search_context_size_low": 0.01, …}.
func (p *parser) searches(m jsonscan.Member) error {
	var bad error
	err := jsonscan.Object(m.Value, func(size jsonscan.Member) bool {
		bad = p.set(p.listed.at("", everySize), webSearch, size)
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	return err
}

func (p *parser) pixel(m jsonscan.Member) error {
	if p.strict {
		return errUnknownField
	}
	rate, _, err := parseRate(string(m.Value))
	if err != nil || p.pixels == 0 || rate > maxRate/p.pixels {
		p.unread = p.unread || rate > 0
		return err
	}
	p.priced = true
	r := p.listed.at("", everySize)
	r[image] = max(r[image], rate*p.pixels)
	return nil
}

// pixelsOf finds a size such as 1024-x-1792 among the parts of a model's name.
func pixelsOf(name string) int64 {
	for part := range strings.SplitSeq(name, "/") {
		if w, h, ok := strings.Cut(part, "-x-"); ok {
			width, _ := jsonscan.Member{Value: []byte(w)}.Int(1 << 20)
			height, _ := jsonscan.Member{Value: []byte(h)}.Int(1 << 20)
			return width * height
		}
	}
	return 0
}

// ranges reads a list of {"range": [256000, 1000000], prices…}: another spelling
// of sizes.
func (p *parser) ranges(m jsonscan.Member) error {
	if p.strict {
		return errUnknownField
	}
	var bad error
	err := jsonscan.Array(m.Value, func(entry []byte) bool {
		r, above := none, int64(-1)
		bad = jsonscan.Object(entry, func(m jsonscan.Member) bool {
			if m.Name == "range" {
				above = rangeStart(m.Value)
			} else if u, size, schedule, ok := field(m.Name); ok && size == everySize && schedule == "" {
				bad = p.set(&r, u, m)
			}
			return bad == nil
		})
		switch {
		case above < 0: // ranges of something else than input: the dearest holds
			p.listed.at("", everySize).dearer(&r)
		case above == 0:
			p.listed.at("", everySize).override(r)
		default:
			p.listed.at("", above).override(r)
		}
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	return err
}

// rangeStart is the first number of a range, -1 if there is none.
func rangeStart(data []byte) int64 {
	start := int64(-1)
	_ = jsonscan.Array(data, func(value []byte) bool {
		if f, err := strconv.ParseFloat(string(value), 64); err == nil && f >= 0 && f < 1<<40 {
			start = int64(f)
		}
		return false
	})
	return start
}

// sizeTier splits input_cost_per_token_above_200k_tokens into its base name and
// 200,000.
func sizeTier(name string) (base string, above int64, ok bool) {
	rest, isK := strings.CutSuffix(name, "k_tokens")
	at := strings.LastIndex(rest, "_above_")
	if !isK || at < 0 {
		return "", 0, false
	}
	n, numeric := jsonscan.Member{Value: []byte(rest[at+len("_above_"):])}.Int(1 << 30)
	return rest[:at], n * 1000, numeric
}

// maxRate is above 4,000 dollars a unit.
const maxRate = 1 << 62

// parseRate reads a decimal number of dollars ("2.5e-06") as 1e-15 dollars. What
// is finer is rounded up and not exact.
func parseRate(text string) (rate int64, exact bool, err error) {
	mantissa, exponentText, _ := strings.Cut(strings.ToLower(text), "e")
	exponent := 15
	if exponentText != "" {
		n, err := strconv.Atoi(exponentText)
		if err != nil || n < -40 || n > 4 {
			return 0, false, errNoPrice
		}
		exponent += n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	fraction = strings.TrimRight(fraction, "0")
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" && whole != "" {
		digits = "0"
	}
	// 21 digits are more than fit; strconv knows the limit.
	n, err := strconv.ParseUint(digits, 10, 62)
	if err != nil || strings.HasPrefix(digits, "+") {
		return 0, false, errNoPrice
	}
	rate = int64(n)
	for ; exponent > 0 && rate > 0; exponent-- {
		if rate > maxRate/10 {
			return 0, false, errTooLarge
		}
		rate *= 10
	}
	exact = true
	for ; exponent < 0 && rate > 0; exponent++ {
		exact = exact && rate%10 == 0
		rate = (rate + 9) / 10
	}
	return rate, exact, nil
}

var (
	errNoPrice  = errors.New("must be a number of dollars from 0 on, of at most 18 digits")
	errTooLarge = fmt.Errorf("is above %d dollars", maxRate/1_000_000_000_000_000)
)
