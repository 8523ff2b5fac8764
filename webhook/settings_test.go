package webhook

import (
	"testing"
	"time"
)

// TestEffective: settings that are stored already are held to ceilings when they
// are used, in every field.
func TestEffective(t *testing.T) {
	most := Ceilings{
		Timeout: 30 * time.Second, Concurrency: 16, Rate: 50, Burst: 5, Attempts: 10,
		MinRetry: time.Second, MaxRetry: time.Hour, BreakerFailures: 20, BreakerOpen: time.Minute,
	}
	greedy := Settings{
		Timeout: time.Minute, Concurrency: 1024, Rate: 1e6, Burst: 1e6,
		Retry:   RetryPolicy{MaxAttempts: 100, Initial: time.Millisecond, Multiplier: 1, MaxDelay: time.Millisecond, Jitter: 0.5},
		Breaker: BreakerPolicy{Failures: 10_000, Open: time.Millisecond, MaxOpen: time.Millisecond},
	}
	held := Settings{
		Timeout: 30 * time.Second, Concurrency: 16, Rate: 50, Burst: 5,
		Retry:   RetryPolicy{MaxAttempts: 10, Initial: time.Second, Multiplier: 1, MaxDelay: time.Second, Jitter: 0.5},
		Breaker: BreakerPolicy{Failures: 20, Open: time.Second, MaxOpen: time.Second},
	}
	lazy := Settings{
		Retry:   RetryPolicy{Initial: 24 * time.Hour, MaxDelay: 7 * 24 * time.Hour},
		Breaker: BreakerPolicy{Open: time.Hour, MaxOpen: 24 * time.Hour},
	}
	slowest := DefaultSettings().Effective(Settings{}, most)
	slowest.Retry.Initial, slowest.Retry.MaxDelay, slowest.Breaker.Open, slowest.Breaker.MaxOpen = time.Hour, time.Hour, time.Minute, time.Minute
	for _, c := range []struct {
		why      string
		set      Settings
		ceilings Ceilings
		want     Settings
	}{
		{"no ceilings", greedy, Ceilings{}, greedy},
		{"all too fast", greedy, most, held},
		{"all too slow", lazy, most, slowest},
		{"within", held, most, held},
		{"defaults", Settings{}, Ceilings{}, DefaultSettings()},
	} {
		if got := c.set.Effective(DefaultSettings(), c.ceilings); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.why, got, c.want)
		}
	}
	unlimited := Settings{Rate: 0}.Effective(DefaultSettings(), Ceilings{Rate: 7})
	if unlimited.Rate != 7 {
		t.Errorf("no rate of its own: %v, want 7", unlimited.Rate)
	}
}
