package webhook

import (
	"testing"
	"time"
)

// TestDefaultSchedule: attempts start 0, 30, 90, 210 and 450 seconds after acceptance.
func TestDefaultSchedule(t *testing.T) {
	p := DefaultSettings().Retry
	at, got := time.Duration(0), []time.Duration{0}
	for n := 1; n < p.MaxAttempts; n++ {
		at += p.Delay(n, 0)
		got = append(got, at)
	}
	want := []time.Duration{0, 30, 90, 210, 450}
	if len(got) != len(want) {
		t.Fatalf("%d attempts, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i]*time.Second {
			t.Errorf("attempt %d at %v, want %v", i+1, got[i], want[i]*time.Second)
		}
	}
}

func TestDelay(t *testing.T) {
	p := RetryPolicy{MaxAttempts: 100, Initial: 10 * time.Second, Multiplier: 3, MaxDelay: time.Minute, Jitter: 0.5}
	for _, c := range []struct {
		why    string
		n      int
		chance float64
		want   time.Duration
	}{
		{"the first wait", 1, 0, 10 * time.Second},
		{"multiplied", 2, 0, 30 * time.Second},
		{"bounded", 3, 0, time.Minute},
		{"bounded however often", 10_000, 0, time.Minute},
		{"half of the jitter", 1, 0.5, 12500 * time.Millisecond},
		{"jitter comes on top of the bound", 3, 0.5, 75 * time.Second},
	} {
		if got := p.Delay(c.n, c.chance); got != c.want {
			t.Errorf("%s: got %v, want %v", c.why, got, c.want)
		}
	}
	constant := RetryPolicy{Initial: time.Second, Multiplier: 1, MaxDelay: time.Hour}
	if got := constant.Delay(50, 0.99); got != time.Second {
		t.Errorf("a multiplier of 1 without jitter: got %v", got)
	}
}
