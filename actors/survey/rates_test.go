package survey

import (
	"math"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestRates: a steady rate, then a burst, as each period sees them; after a start only what
// is known.
func TestRates(t *testing.T) {
	s := New(0, noon)
	var c Counts
	now := noon
	run := func(seconds int, accepted, delivered, failed int64) {
		for range seconds {
			now = now.Add(time.Second)
			c.Accepted, c.Delivered, c.Failed = c.Accepted+accepted, c.Delivered+delivered, c.Failed+failed
			s.Sample(now, func() Counts { return c }, 0)
		}
	}
	want := func(when string, rates ...webhook.Rate) {
		t.Helper()
		for i, r := range s.Rates(now, c) {
			near := func(got, want float64) bool { return math.Abs(got-want) <= 0.15*want }
			if w := rates[i]; r.Over != periods[i] || r.Known != w.Known || !near(r.Accepted, w.Accepted) || !near(r.Delivered, w.Delivered) || !near(r.Failed, w.Failed) {
				t.Errorf("%s, over %s: %+v, want %+v", when, r.Over, r, w)
			}
		}
	}
	want("at the start", webhook.Rate{}, webhook.Rate{}, webhook.Rate{})
	run(30, 10, 100, 1)
	known := webhook.Rate{Known: 30 * time.Second, Accepted: 10, Delivered: 100, Failed: 1}
	want("after 30 s", known, known, known)
	run(3*3600, 10, 100, 1)
	steady := func(over time.Duration) webhook.Rate {
		return webhook.Rate{Known: over, Accepted: 10, Delivered: 100, Failed: 1}
	}
	want("after three hours", steady(time.Minute), steady(5*time.Minute), steady(time.Hour))
	run(60, 610, 0, 0)
	want("after a burst of a minute", webhook.Rate{Known: time.Minute, Accepted: 610},
		webhook.Rate{Known: 5 * time.Minute, Accepted: 130, Delivered: 80, Failed: 0.8}, webhook.Rate{Known: time.Hour, Accepted: 20, Delivered: 98, Failed: 1})
	if len(s.samples) != samplesKept || cap(s.samples) != samplesKept {
		t.Errorf("%d samples are kept in memory for %d, want %d", len(s.samples), cap(s.samples), samplesKept)
	}
}
