package webhook

import (
	"errors"
	"strings"
	"time"
)

// errTime is the error for a text that is not a time.
var errTime = errors.New("not a time as in RFC 3339")

// ParseTime parses a time in the form of RFC 3339, section 5.6, and no other: T and Z in
// either case, a fraction after a point only, offsets up to 23:59. time.Parse accepts more,
// so that clients would come to rely on forms that the documentation does not have. A leap
// second, which the RFC allows at the end of June and December in UTC, becomes the
// following instant. The result is in UTC. Digits below a nanosecond are dropped.
func ParseTime(text string) (time.Time, error) {
	const layout = "2006-01-02T15:04:05"
	if len(text) <= len(layout) {
		return time.Time{}, errTime
	}
	clock, rest := strings.Replace(text[:len(layout)], "t", "T", 1), text[len(layout):]
	for i := range len(layout) { // time.Parse accepts fewer digits
		if isDigit(layout[i]) != isDigit(clock[i]) {
			return time.Time{}, errTime
		}
	}
	leap := strings.HasSuffix(clock, ":60")
	if leap {
		clock = clock[:len(clock)-2] + "59"
	}
	t, err := time.Parse(layout, clock)
	if err != nil {
		return t, errTime
	}
	fraction, rest, ok := cutFraction(rest)
	if !ok {
		return t, errTime
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return t, errTime
	}
	t = t.Add(-offset)
	if !leap {
		return t.Add(fraction), nil
	}
	t = t.Add(time.Second)
	if !followsLeapSecond(t) {
		return t, errTime
	}
	return t, nil
}

// isDigit reports whether c is an ASCII digit.
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// cutFraction parses the fraction of a second at the front of a text, if there is one. It
// reports false for a point without digits.
func cutFraction(text string) (fraction time.Duration, rest string, ok bool) {
	after, is := strings.CutPrefix(text, ".")
	if !is {
		return 0, text, true
	}
	end := 0
	for unit := 100 * time.Millisecond; end < len(after) && isDigit(after[end]); end++ {
		fraction += time.Duration(after[end]-'0') * unit
		unit /= 10
	}
	return fraction, after[end:], end > 0
}

// parseOffset parses Z, or a sign, hours and minutes.
func parseOffset(text string) (time.Duration, bool) {
	if text == "Z" || text == "z" {
		return 0, true
	}
	if len(text) != len("+00:00") || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	clock, err := time.Parse("15:04", text[1:])
	if err != nil || !isDigit(text[2]) {
		return 0, false
	}
	offset := time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute
	if text[0] == '-' {
		return -offset, true
	}
	return offset, true
}

// followsLeapSecond reports whether a leap second may have come just before t: at the end
// of June or December (RFC 3339, section 5.7).
func followsLeapSecond(t time.Time) bool {
	return t.Day() == 1 && (t.Month() == time.January || t.Month() == time.July) && t.Equal(t.Truncate(24*time.Hour))
}
