package output_test

import (
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m", time.Hour - 1: "59m",
		time.Hour: "1h", 48*time.Hour - 1: "47h", 48 * time.Hour: "2d", 720 * time.Hour: "30d",
	} {
		if got := output.Span(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for ms, want := range map[float64]string{
		0: "0s", 0.31: "310µs", 12.4: "12ms", 999.9: "1s", 1500: "1.5s", 10000.4: "10s", 90_000: "1m30s", 60_000: "1m", 86_400_000: "24h", 900_000: "15m", 3_600_000: "1h", 5_400_000: "1h30m",
	} {
		if got := output.Milliseconds(ms); got != want {
			t.Errorf("%v: %s, want %s", ms, got, want)
		}
	}
}

func TestWhen(t *testing.T) {
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }
	for text, end := range map[string]string{
		at(-90 * time.Second): " (1m ago)", at(90 * time.Second): " (in 1m)", "": "", "soon": "soon",
	} {
		if got := output.When(text); !strings.HasPrefix(got, text) || !strings.HasSuffix(got, end) {
			t.Errorf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{"": "", "soon": "soon", at(-150 * time.Minute): "2h"} {
		if got := output.Age(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestStatusTone: each status of the API has a colour, and nothing else has one.
func TestStatusTone(t *testing.T) {
	for tone, statuses := range map[output.Tone]string{
		output.Good: "delivered active closed ready", output.Warn: "queued processing retrying paused half_open",
		output.Bad: "failed disabled open", output.Quiet: "cancelled", output.Plain: "unheard-of",
	} {
		for status := range strings.FieldsSeq(statuses) {
			if got := output.StatusTone(status); got != tone {
				t.Errorf("%s: %d, want %d", status, got, tone)
			}
		}
	}
	if got := output.Bad.Paint("x"); !strings.Contains(got, "\x1b[31m") || !strings.Contains(got, "x") {
		t.Errorf("%q", got)
	}
}

func TestNumber(t *testing.T) {
	if output.Number(0) != "" || output.Number(-7) != "-7" {
		t.Error(output.Number(0), output.Number(-7))
	}
}

// TestSize: two digits are enough, in the unit that suits them.
func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KB", 9949: "9.9 KB", 617_000: "617 KB", 999_600: "1.0 MB", 12_345_678: "12 MB", 5e12: "5.0 TB", 5e15: "5000 TB",
	} {
		if got := output.Size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
