package webhook

import (
	"strconv"
	"strings"
	"time"
)

// The three forms of a date that a recipient must accept (RFC 9110, section 5.6.7).
const (
	imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"
	rfc850Date = "Monday, 02-Jan-06 15:04:05 GMT"
	asctime    = "Mon Jan _2 15:04:05 2006"
)

// ParseRetryAfter reads the value of a Retry-After header, a number of seconds or
// a date (RFC 9110, section 10.2.3), as the time to wait from now: from 0, also
// for a date that has passed, up to MaxRetryAfter. false: the value is neither.
func ParseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.Trim(value, " \t")
	wait, ok := parseSeconds(value)
	if !ok {
		var at time.Time
		at, ok = parseHTTPDate(value, now)
		wait = at.Sub(now)
	}
	if !ok {
		return 0, false
	}
	return min(max(wait, 0), MaxRetryAfter), true
}

// parseSeconds reads a number of whole seconds; any large one is MaxRetryAfter.
func parseSeconds(value string) (time.Duration, bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return MaxRetryAfter, true // too large
	}
	return time.Duration(n) * time.Second, true
}

// parseHTTPDate reads a date in any of the three forms.
func parseHTTPDate(value string, now time.Time) (time.Time, bool) {
	if at, err := time.Parse(imfFixdate, value); err == nil {
		return at, true
	}
	if at, err := time.Parse(asctime, value); err == nil {
		return at, true
	}
	at, err := time.Parse(rfc850Date, value)
	if err != nil {
		return time.Time{}, false
	}
	// time.Parse takes the years 69 to 99 for those of the last century; the right
	// one is at most 50 years ahead.
	if at.Before(now.AddDate(-50, 0, 0)) {
		at = at.AddDate(100, 0, 0)
	}
	return at, true
}
