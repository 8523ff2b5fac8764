package stats

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

func TestLatencyBucketsCoverAllDurations(t *testing.T) {
	for d := time.Duration(0); d < time.Hour; d += d/50 + time.Microsecond {
		b := latencyBucket(d)
		if upper := latencyBound(b); d >= upper {
			t.Fatalf("%v is in a bucket that ends at %v", d, upper)
		}
		if b > 4 && b < latencyBuckets-1 && d < latencyBound(b-1) {
			t.Fatalf("%v is in a bucket that begins at %v", d, latencyBound(b-1))
		}
	}
	if got := latencyBucket(1000 * time.Hour); got != latencyBuckets-1 {
		t.Fatal("a longer time is in bucket", got)
	}
}

func TestStatsForgetAfterAnHour(t *testing.T) {
	var s Hour
	start := time.Unix(1_800_000_000, 0)
	for i := range 100 {
		a := webhook.Attempt{At: start, Duration: time.Duration(i+1) * time.Millisecond, StatusCode: 200}
		s.Record(&a, a.Outcome())
	}
	bad := webhook.Attempt{At: start.Add(30 * time.Minute), Duration: time.Second, StatusCode: 503}
	s.Record(&bad, bad.Outcome())

	var h webhook.Health
	s.Fill(&h, start.Add(40*time.Minute))
	if h.Successes != 100 || h.Failures != 1 || h.LastReason != webhook.ReasonHTTP5xx || h.LastStatusCode != 503 {
		t.Fatalf("%+v", h)
	}
	if h.P50 < 50*time.Millisecond || h.P50 > 64*time.Millisecond || h.P99 < 99*time.Millisecond || h.P99 > 130*time.Millisecond {
		t.Fatal("quantiles:", h.P50, h.P95, h.P99)
	}
	h = webhook.Health{}
	if s.Fill(&h, start.Add(75*time.Minute)); h.Successes != 0 || h.Failures != 1 {
		t.Fatalf("after 75 minutes: %+v", h)
	}
	if s.Stale(start.Add(75*time.Minute)) || !s.Stale(start.Add(100*time.Minute)) {
		t.Fatal("stale at the wrong time")
	}
}

// TestLatencyIsThatOfAnswers: attempts without an answer count as failures, but not
// as fast or slow ones; an answer's latency ends with its status line.
func TestLatencyIsThatOfAnswers(t *testing.T) {
	var s Hour
	start := time.Unix(1_800_000_000, 0)
	for range 100 {
		for _, a := range []webhook.Attempt{
			{At: start, Duration: 50 * time.Microsecond, Failure: webhook.ReasonConnect},
			{At: start, Duration: 10 * time.Second, Failure: webhook.ReasonTimeout},
		} {
			s.Record(&a, a.Outcome())
		}
	}
	var h webhook.Health
	if s.Fill(&h, start); h.Failures != 200 || h.P50 != 0 || h.P99 != 0 {
		t.Errorf("without any answer: %+v", h)
	}
	for _, a := range []webhook.Attempt{
		{At: start, Latency: 20 * time.Millisecond, Duration: 1020 * time.Millisecond, StatusCode: 200},
		{At: start, Duration: 20 * time.Millisecond, StatusCode: 500},
	} {
		s.Record(&a, a.Outcome())
	}
	h = webhook.Health{}
	if s.Fill(&h, start); h.Failures != 201 || h.P50 < 20*time.Millisecond || h.P99 > 26*time.Millisecond {
		t.Errorf("%+v", h)
	}
}
