package webhook

import (
	"math/rand/v2"
	"reflect"
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

// randomSettings returns settings of which about half of the fields are set, some of them far
// beyond every bound.
func randomSettings(r *rand.Rand) Settings {
	var s Settings
	for _, field := range leaves(reflect.ValueOf(&s).Elem(), nil) {
		value := reflect.ValueOf(&s).Elem().FieldByIndex(field)
		switch {
		case r.IntN(2) == 0:
		case value.CanFloat():
			value.SetFloat(r.Float64() * 10)
		case value.Type() == reflect.TypeFor[time.Duration]():
			value.SetInt(r.Int64N(int64(30 * 24 * time.Hour)))
		default:
			value.SetInt(r.Int64N(1 << 20))
		}
	}
	return s
}

// TestEffectiveStaysWithin: whatever an endpoint has stored, it works within every ceiling, and
// what is effective is so once and for all.
func TestEffectiveStaysWithin(t *testing.T) {
	most := Ceilings{
		Timeout: 30 * time.Second, Concurrency: 16, Rate: 50, Burst: 5, Attempts: 10,
		MinRetry: time.Second, MaxRetry: time.Hour, BreakerFailures: 20, BreakerOpen: time.Minute,
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		stored := randomSettings(r)
		s := stored.Effective(DefaultSettings(), most)
		if s.Timeout > most.Timeout || s.Concurrency > most.Concurrency || s.Rate <= 0 || s.Rate > most.Rate || s.Burst > most.Burst ||
			s.Retry.MaxAttempts > most.Attempts || s.Breaker.Failures > most.BreakerFailures {
			t.Fatalf("%+v works as %+v", stored, s)
		}
		for _, wait := range []time.Duration{s.Retry.Initial, s.Retry.MaxDelay} {
			if wait < most.MinRetry || wait > most.MaxRetry {
				t.Fatalf("%+v waits %v before a retry", stored, wait)
			}
		}
		for _, open := range []time.Duration{s.Breaker.Open, s.Breaker.MaxOpen} {
			if open < most.MinRetry || open > most.BreakerOpen {
				t.Fatalf("%+v opens its breaker for %v", stored, open)
			}
		}
		if again := s.Effective(DefaultSettings(), most); again != s {
			t.Fatalf("%+v becomes %+v the second time", s, again)
		}
		if open := stored.Effective(DefaultSettings(), Ceilings{}); open != stored.Or(DefaultSettings()) {
			t.Fatalf("without ceilings %+v works as %+v", stored, open)
		}
	}
}

// TestDefaultsWithinBounds: an endpoint that sets nothing has nothing that it could not set.
func TestDefaultsWithinBounds(t *testing.T) {
	s := DefaultSettings()
	for _, c := range []struct {
		field           string
		value, low, top float64
	}{
		{"timeout", float64(s.Timeout), float64(MinTimeout), float64(MaxTimeout)},
		{"concurrency", float64(s.Concurrency), 1, MaxConcurrency},
		{"burst", float64(s.Burst), 1, MaxRate},
		{"attempts", float64(s.Retry.MaxAttempts), 1, MaxRetryAttempts},
		{"first wait", float64(s.Retry.Initial), float64(MinRetryDelay), float64(MaxRetryDelay)},
		{"longest wait", float64(s.Retry.MaxDelay), float64(s.Retry.Initial), float64(MaxRetryDelay)},
		{"multiplier", s.Retry.Multiplier, 1, MaxMultiplier},
		{"jitter", s.Retry.Jitter, 0, 1},
		{"breaker's failures", float64(s.Breaker.Failures), 1, MaxBreakerFailures},
		{"breaker's time", float64(s.Breaker.Open), float64(MinRetryDelay), float64(MaxBreakerOpen)},
		{"breaker's longest time", float64(s.Breaker.MaxOpen), float64(s.Breaker.Open), float64(MaxBreakerOpen)},
	} {
		if c.value < c.low || c.value > c.top {
			t.Errorf("%s: %v is not from %v to %v", c.field, c.value, c.low, c.top)
		}
	}
}

// TestSettingsHaveCeilings sets one field after the other to an absurd value: each is either
// held to a ceiling or among those that have a bound of their own only.
func TestSettingsHaveCeilings(t *testing.T) {
	most := Ceilings{
		Timeout: time.Second, Concurrency: 1, Rate: 1, Burst: 1, Attempts: 1,
		MinRetry: time.Millisecond, MaxRetry: time.Second, BreakerFailures: 1, BreakerOpen: time.Second,
	}
	free := map[string]bool{"Multiplier": true, "Jitter": true} // they change waits, which are bounded
	for _, index := range leaves(reflect.ValueOf(&Settings{}).Elem(), nil) {
		var s Settings
		value := reflect.ValueOf(&s).Elem().FieldByIndex(index)
		name := reflect.TypeFor[Settings]().FieldByIndex(index).Name
		if value.CanFloat() {
			value.SetFloat(1e15)
		} else {
			value.SetInt(1e15)
		}
		effective := s.Effective(DefaultSettings(), most)
		held := !reflect.ValueOf(effective).FieldByIndex(index).Equal(value)
		if held == free[name] {
			t.Errorf("%s: held to a ceiling: %v", name, held)
		}
	}
}
