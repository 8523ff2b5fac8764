package webhook

import (
	"math/rand/v2"
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

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2025, 5, 17, 10, 30, 45, 0, time.UTC)
	for _, c := range []struct {
		why, value string
		wait       time.Duration
		ok         bool
	}{
		{"seconds", "120", 2 * time.Minute, true},
		{"no wait", "0", 0, true},
		{"zeros in front", "0010", 10 * time.Second, true},
		{"space around", " \t5 ", 5 * time.Second, true},
		{"the most", "86400", MaxRetryAfter, true},
		{"more than that", "86401", MaxRetryAfter, true},
		{"more than 32 bits", "4294967296", MaxRetryAfter, true},
		{"more than 64 bits", "99999999999999999999999999", MaxRetryAfter, true},
		{"IMF-fixdate", "Sat, 17 May 2025 10:31:45 GMT", time.Minute, true},
		{"RFC 850", "Saturday, 17-May-25 10:31:45 GMT", time.Minute, true},
		{"asctime", "Sat May 17 10:31:45 2025", time.Minute, true},
		{"asctime with a short day", "Thu May  1 10:31:45 2025", 0, true},
		{"past", "Sat, 17 May 2025 10:30:44 GMT", 0, true},
		{"long past", "Thu, 01 Jan 1970 00:00:00 GMT", 0, true},
		{"far ahead", "Fri, 31 Dec 9999 23:59:59 GMT", MaxRetryAfter, true},
		{"two digits, past", "Sunday, 17-May-75 10:31:45 GMT", 0, true},
		{"two digits, less than 50 years ahead", "Thursday, 17-May-74 10:31:45 GMT", MaxRetryAfter, true},
		{"nothing", "", 0, false},
		{"space", "  ", 0, false},
		{"negative", "-1", 0, false},
		{"signed", "+1", 0, false},
		{"a fraction", "1.5", 0, false},
		{"other digits", "١٢", 0, false},
		{"two values", "1, 2", 0, false},
		{"a word", "soon", 0, false},
		{"another zone", "Sat, 17 May 2025 10:31:45 CET", 0, false},
		{"a date that is none", "Sat, 32 May 2025 10:31:45 GMT", 0, false},
		{"RFC 3339", "2025-05-17T10:31:45Z", 0, false},
	} {
		if wait, ok := ParseRetryAfter(c.value, now); wait != c.wait || ok != c.ok {
			t.Errorf("%s: %q: got %v, %v; want %v, %v", c.why, c.value, wait, ok, c.wait, c.ok)
		}
	}
}

func TestParseRetryAfterTwoDigitYears(t *testing.T) {
	now := time.Date(2070, 1, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"Wednesday, 01-Jan-70 00:01:00 GMT": time.Minute,
		"Sunday, 01-Jan-68 00:00:00 GMT":    0,
		"Friday, 01-Jan-19 00:00:00 GMT":    MaxRetryAfter,
		"Friday, 01-Jan-21 00:00:00 GMT":    0,
	} {
		if wait, ok := ParseRetryAfter(value, now); wait != want || !ok {
			t.Errorf("%q: got %v, %v; want %v", value, wait, ok, want)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, value := range []string{
		"0", "120", "99999999999999999999", "-1", "", "Sat, 17 May 2025 10:31:45 GMT", "Saturday, 17-May-25 10:31:45 GMT",
		"Sat May 17 10:31:45 2025", "Sat May  7 10:31:45 2025", "Sat, 17 May 2025 10:31:45.5 GMT",
	} {
		f.Add(value, int64(1747477845))
	}
	f.Fuzz(func(t *testing.T, value string, unix int64) {
		now := time.Unix(unix%(1<<40), 0)
		wait, ok := ParseRetryAfter(value, now)
		if wait < 0 || wait > MaxRetryAfter || !ok && wait != 0 {
			t.Fatalf("%q at %v: %v, %v", value, now, wait, ok)
		}
	})
}

// TestDelayStaysWithin: whatever the policy, waits never shrink from one attempt to the next,
// stay within MaxDelay and jitter, and are never negative, however many attempts there were.
func TestDelayStaysWithin(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 2000 {
		p := RetryPolicy{
			Initial: time.Duration(1 + r.Int64N(int64(MaxRetryDelay))), Multiplier: 1 + r.Float64()*(MaxMultiplier-1),
			MaxDelay: time.Duration(1 + r.Int64N(int64(MaxRetryDelay))), Jitter: r.Float64(),
		}
		before := time.Duration(0)
		for n := 1; n <= 2*MaxRetryAttempts; n++ {
			least, most := p.Delay(n, 0), p.Delay(n, 1)
			if least <= 0 || least > p.MaxDelay || least < before {
				t.Fatalf("%+v: attempt %d waits %v after %v", p, n, least, before)
			}
			if bound := time.Duration(float64(least) * (1 + p.Jitter)); most < least || most > bound+1000 { // a float64's precision
				t.Fatalf("%+v: attempt %d waits up to %v, and %v without jitter", p, n, most, least)
			}
			before = least
		}
	}
}
