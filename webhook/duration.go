package webhook

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Units of time that time.ParseDuration does not have: retention and backoff are long, and
// "168h" is hard to read.
const (
	day  = 24 * time.Hour
	week = 7 * day
)

// ParseDuration is time.ParseDuration with two more units, d for 24 hours and w for 7 days:
// "7d", "1w2d", "1d12h", "1.5d". A day has 24 hours whatever the clocks of a country do.
func ParseDuration(text string) (time.Duration, error) {
	if !strings.ContainsAny(text, "dw") {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, notDuration(text)
		}
		return d, nil
	}
	rest, negative := strings.CutPrefix(text, "-")
	if !negative {
		rest = strings.TrimPrefix(text, "+")
	}
	var sum time.Duration
	for rest != "" {
		part, err := cutDuration(&rest)
		if err != nil || part > math.MaxInt64-sum {
			return 0, notDuration(text)
		}
		sum += part
	}
	if negative {
		sum = -sum
	}
	return sum, nil
}

// errDuration stands for every fault of a part: ParseDuration names the whole text.
var errDuration = errors.New("not a number with a unit")

// cutDuration removes a number with its unit from the front of a text, and returns its
// duration.
func cutDuration(text *string) (time.Duration, error) {
	digits := strings.IndexFunc(*text, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
	if digits <= 0 {
		return 0, errDuration
	}
	number, rest := (*text)[:digits], (*text)[digits:]
	end := strings.IndexFunc(rest, func(c rune) bool { return c >= '0' && c <= '9' || c == '.' })
	if end < 0 {
		end = len(rest)
	}
	unit := rest[:end]
	*text = rest[end:]
	scale := time.Duration(1)
	switch unit {
	case "d":
		unit, scale = "h", day/time.Hour
	case "w":
		unit, scale = "h", week/time.Hour
	}
	d, err := time.ParseDuration(number + unit)
	if err != nil || d > math.MaxInt64/scale {
		return 0, errDuration
	}
	return d * scale, nil
}

// notDuration returns the error for a text that is not a duration.
func notDuration(text string) error {
	return fmt.Errorf("%q is not a duration such as 30s, 15m, 12h, 7d or 1w2d", text)
}
