package output

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Age returns how long ago an API's time was, in one unit: 45s, 3m, 2h, 5d. It is "" for no
// time, and the text itself for one that cannot be read.
func Age(at string) string {
	if at == "" {
		return ""
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return at
	}
	return Span(time.Since(t))
}

// When returns an API's time with its distance from now: "2025-05-17T10:30:45Z (3m ago)".
func When(at string) string {
	t, err := time.Parse(time.RFC3339Nano, at)
	switch {
	case err != nil:
		return at
	case time.Until(t) > 0:
		return at + " (in " + Span(time.Until(t)) + ")"
	}
	return at + " (" + Span(time.Since(t)) + " ago)"
}

// Span returns a duration in its largest unit: 45s, 3m, 2h, 5d. Less than a second, and
// less than nothing, which clocks that differ make, is 0s.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d/time.Second)))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d/time.Hour))
	}
	return fmt.Sprintf("%dd", int(d/(24*time.Hour)))
}

// Milliseconds returns a time that the API has in milliseconds, in the unit that fits: 850µs,
// 12ms, 1.5s, 24h.
func Milliseconds(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	switch {
	case d < time.Millisecond:
		d = d.Round(time.Microsecond)
	case d < time.Second:
		d = d.Round(time.Millisecond)
	default:
		d = d.Round(100 * time.Millisecond)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Number returns a number, or "" for 0.
func Number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Size returns a number of bytes in the unit that suits it: "617 KB", with a KB of 1,000.
func Size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, unit := float64(n), 0
	for ; value >= 999.5 && unit < len(sizeUnits)-1; unit++ {
		value /= 1000
	}
	if value < 9.95 {
		return strconv.FormatFloat(value, 'f', 1, 64) + " " + sizeUnits[unit]
	}
	return strconv.FormatFloat(value, 'f', 0, 64) + " " + sizeUnits[unit]
}

// sizeUnits are the units of Size.
var sizeUnits = []string{"B", "KB", "MB", "GB", "TB"}
