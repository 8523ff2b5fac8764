package stats

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// begin is the beginning of ten minutes, so that the tests know where a slice ends.
var begin = time.Unix(1_800_000_000, 0).Truncate(statsSlice)

// record counts an attempt that was answered at once, with a status code.
func (s *Hour) record(at time.Time, code int) {
	a := webhook.Attempt{At: at, StatusCode: code}
	s.Record(&a, a.Outcome())
}

// TestDescribe: the figures stay while the receiver is the same, and end with it.
func TestDescribe(t *testing.T) {
	var s Hour
	if s.Describe(0) {
		t.Error("figures of the receiver 0 are cleared")
	}
	if !s.Describe(7) || s.Receiver() != 7 {
		t.Errorf("another receiver: the figures are of %d", s.Receiver())
	}
	s.record(begin, 500)
	if s.Describe(7) || s.Tally(begin).Failures != 1 {
		t.Error("figures of the same receiver are cleared")
	}
	if !s.Describe(8) || s != (Hour{receiverSince: 8}) {
		t.Errorf("something is left of another receiver: %+v", s)
	}
}

// TestLast: whether the receiver answered last, and whether it failed lately. Each row builds
// on those before.
func TestLast(t *testing.T) {
	var s Hour
	now := begin
	for _, step := range []struct {
		reason           string
		after            time.Duration // since the row before
		code             int           // 0: only time passes
		answered, failed bool
	}{
		{"before the first attempt", 0, 0, false, false},
		{"a success", 0, 200, true, false},
		{"a failure", time.Minute, 500, false, true},
		{"an hour less a nanosecond later", time.Hour - 1, 0, false, true},
		{"an hour later", 1, 0, false, false},
		{"another failure", time.Minute, 404, false, true},
		{"a success does not undo it", time.Second, 204, true, true},
		{"an hour after that", time.Hour, 0, true, false},
	} {
		now = now.Add(step.after)
		if step.code != 0 {
			s.record(now, step.code)
		}
		if a, f := s.AnsweredLast(), s.FailedLately(now); a != step.answered || f != step.failed {
			t.Errorf("%s: answered last %t, failed lately %t; want %t, %t", step.reason, a, f, step.answered, step.failed)
		}
	}
}

// TestSlices: an attempt counts in the ten minutes in which it ended, for as long as those
// are among the last six, whatever was there an hour before.
func TestSlices(t *testing.T) {
	var s Hour
	a := webhook.Attempt{At: begin.Add(statsSlice - time.Second), Duration: time.Second, StatusCode: 200}
	s.Record(&a, a.Outcome()) // it ends as the second slice begins
	s.record(begin, 500)
	for _, c := range []struct {
		at   time.Duration
		want webhook.Tally
	}{
		{0, webhook.Tally{Successes: 1, Failures: 1}},
		{time.Hour - 1, webhook.Tally{Successes: 1, Failures: 1}},
		{time.Hour, webhook.Tally{Successes: 1}},
		{time.Hour + statsSlice - 1, webhook.Tally{Successes: 1}},
		{time.Hour + statsSlice, webhook.Tally{}},
	} {
		if got := s.Tally(begin.Add(c.at)); got != c.want {
			t.Errorf("after %s: %+v, want %+v", c.at, got, c.want)
		}
	}
	s.record(begin.Add(time.Hour), 503) // in the memory of the first slice
	if got := s.Tally(begin.Add(time.Hour)); got != (webhook.Tally{Successes: 1, Failures: 1}) {
		t.Errorf("an hour later, with another failure: %+v", got)
	}
}

// TestTallyIsThatOfHealth: both count the same attempts at any time, and none is counted
// for less than 50 minutes or more than an hour.
func TestTallyIsThatOfHealth(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	var s Hour
	var ends []time.Time
	now := begin
	for range 2000 {
		now = now.Add(time.Duration(chance.IntN(300)) * time.Second)
		s.record(now, []int{200, 500}[chance.IntN(2)])
		ends = append(ends, now)
		tally := s.Tally(now)
		var h webhook.Health
		if s.Fill(&h, now); h.Successes != tally.Successes || h.Failures != tally.Failures {
			t.Fatalf("%+v, and %d successes and %d failures in the health", tally, h.Successes, h.Failures)
		}
		since := func(d time.Duration) (n int64) {
			for _, end := range slices.Backward(ends) {
				if now.Sub(end) >= d {
					break
				}
				n++
			}
			return n
		}
		if n := tally.Successes + tally.Failures; n < since(50*time.Minute) || n > since(time.Hour) {
			t.Fatalf("%d attempts, want from %d to %d", n, since(50*time.Minute), since(time.Hour))
		}
	}
}

// TestQuantiles compares the estimates with the quantiles of all latencies: they are never
// too small, and at most a quarter too large.
func TestQuantiles(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var s Hour
		all := make([]time.Duration, 1+chance.IntN(300))
		for i := range all {
			all[i] = 4*latencyUnit + time.Duration(chance.Int64N(int64(time.Microsecond)<<(10+chance.IntN(20))))
			a := webhook.Attempt{At: begin, Duration: all[i], StatusCode: 200}
			s.Record(&a, a.Outcome())
		}
		slices.Sort(all)
		var h webhook.Health
		s.Fill(&h, begin)
		for q, got := range map[float64]time.Duration{0.50: h.P50, 0.95: h.P95, 0.99: h.P99} {
			exact := all[int(q*float64(len(all)-1))]
			if got <= exact || got > exact+exact/4+latencyUnit {
				t.Fatalf("quantile %g of %d latencies: %s, exact %s", q, len(all), got, exact)
			}
		}
	}
}

// TestLatencyBounds: the first and the last latencies that can be told apart, and what is
// beyond them.
func TestLatencyBounds(t *testing.T) {
	for _, c := range []struct {
		latency time.Duration
		bucket  int
		bound   time.Duration
	}{
		{-time.Second, 0, latencyUnit}, // a clock was set back
		{0, 0, latencyUnit},
		{latencyUnit - 1, 0, latencyUnit},
		{latencyUnit, 1, 2 * latencyUnit},
		{4 * latencyUnit, 4, 5 * latencyUnit},
		{7 * latencyUnit, 7, 8 * latencyUnit},
		{8 * latencyUnit, 8, 10 * latencyUnit},
		{9 * latencyUnit, 8, 10 * latencyUnit},
		{1<<63 - 1, latencyBuckets - 1, latencyBound(latencyBuckets - 1)},
	} {
		if b := latencyBucket(c.latency); b != c.bucket || latencyBound(b) != c.bound {
			t.Errorf("%s is in bucket %d, which ends at %s; want %d, %s", c.latency, b, latencyBound(b), c.bucket, c.bound)
		}
	}
	if last := latencyBound(latencyBuckets - 1); last < time.Hour {
		t.Errorf("the last bucket ends at %s, before an hour", last)
	}
}
