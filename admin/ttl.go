package admin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxTTL keeps every expiry far inside what time.Duration and the stores hold.
const maxTTL = 100 * 365 * 24 * time.Hour

var ttlUnits = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}

// parseTTL reads a length of time in whole numbers of s, m, h and d, for
// instance "30s", "2d" or "1h30m". A day has 24 hours.
func parseTTL(text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits == len(rest) || ttlUnits[rest[digits]] == 0 {
			return 0, errors.New("must be whole numbers with the units s, m, h or d, such as 24h or 1h30m")
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		unit := ttlUnits[rest[digits]]
		if err != nil || n > int64(maxTTL/unit) || total+time.Duration(n)*unit > maxTTL {
			return 0, fmt.Errorf("must be at most %dd", maxTTL/ttlUnits['d'])
		}
		total += time.Duration(n) * unit
		rest = rest[digits+1:]
	}
	return total, nil
}
