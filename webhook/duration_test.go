package webhook

import (
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	const d = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"7d": 7 * d, "1w": 7 * d, "1w2d": 9 * d, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "1w1ms": 7*d + time.Millisecond,
		"12h1d": 36 * time.Hour, "-2d": -2 * d, "+2d": 2 * d, ".5d": 12 * time.Hour, "0d": 0, "720h": 30 * d, "0": 0, "15250w": 15250 * 7 * d,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "d", "w", "7", "7D", "7 d", "1d 2h", "1dd", "d1", "1day", "1w-2d", "--1d", "1.d.", "1e3d", "7days", "100000w", "106751d24h", "106751d106751d", "1mo", "7x", "1y",
	} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: taken as %v", text, got)
		} else if !strings.Contains(err.Error(), "duration") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzParseDuration: what the standard library takes is the same here, and d and w
// are so many hours.
func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"1h30m", "-1.5h", "1w2d", "1d12h", "2562047h47m16.854775807s", "d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseDuration(text)
		if want, plain := time.ParseDuration(text); plain == nil && (err != nil || got != want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
		if err != nil {
			return
		}
		again, err := ParseDuration(got.String())
		if err != nil || again != got {
			t.Errorf("%q: %v, and read again %v, %v", text, got, again, err)
		}
	})
}
