package webhook

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// RetryPolicy decides how often a delivery is tried, and how long it waits in between.
type RetryPolicy struct {
	// MaxAttempts bounds the attempts of one series, the first one included.
	MaxAttempts int
	// Initial is the wait after the first attempt.
	Initial time.Duration
	// Multiplier is the ratio of each wait to the one before.
	Multiplier float64
	// MaxDelay bounds a wait, before jitter.
	MaxDelay time.Duration
	// Jitter is the largest part of a wait, 0 to 1, that chance adds to it. It spreads
	// the retries of deliveries that failed at the same moment.
	Jitter float64
}

// MaxRetryAfter bounds how far a receiver's Retry-After can move an attempt.
const MaxRetryAfter = 24 * time.Hour

// Delay returns how long a delivery waits after its n-th attempt (from 1) failed;
// chance, from 0 up to 1, chooses the jitter.
func (p RetryPolicy) Delay(n int, chance float64) time.Duration {
	wait := float64(p.Initial) * math.Pow(p.Multiplier, float64(n-1))
	wait = min(wait, float64(p.MaxDelay)) // also if the power is infinite
	return time.Duration(wait * (1 + p.Jitter*chance))
}

// Forms of a date that a recipient must accept (RFC 9110, section 5.6.7).
const (
	imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"
	rfc850Date = "Monday, 02-Jan-06 15:04:05 GMT"
	asctime    = "Mon Jan _2 15:04:05 2006"
)

// ParseRetryAfter parses the value of a Retry-After header, a number of seconds or a
// date (RFC 9110, section 10.2.3). It returns the time to wait from now: 0 for a date
// in the past, MaxRetryAfter at most. It reports false if the value is neither.
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

// parseSeconds parses a number of whole seconds. Every number that is too large for 32
// bits becomes MaxRetryAfter: a receiver that asks for centuries means a long time.
func parseSeconds(value string) (time.Duration, bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return MaxRetryAfter, true
	}
	return time.Duration(n) * time.Second, true
}

// parseHTTPDate parses a date in any of the three forms.
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
	// The obsolete form has two digits of the year. time.Parse puts 69 to 99 into the
	// last century; by RFC 9110 a date more than 50 years ahead is in the past, so
	// the others are in this one.
	if at.Before(now.AddDate(-50, 0, 0)) {
		at = at.AddDate(100, 0, 0)
	}
	return at, true
}
