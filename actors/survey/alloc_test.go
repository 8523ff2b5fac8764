//go:build !race

package survey

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestAllocations: what runs for each failed attempt, and for each endpoint of each round of
// the watchdog, allocates nothing.
func TestAllocations(t *testing.T) {
	s := New(20, noon)
	r := s.NewRound()
	tally := webhook.Tally{Successes: 1, Failures: 9}
	wakes := make([]*webhook.Wake, 1000)
	for i := range wakes {
		wakes[i] = queued(webhook.EndpointNumber(i+1), time.Duration(i)*time.Second)
		s.Attempted(wakes[i].Endpoint, tally, noon)
		r.Look(wakes[i], int64(i))
	}
	for range 2 * MaxLeaders / len(wakes) { // the lists grow to what they keep
		r.last = 0
		for i, w := range wakes {
			r.Look(w, int64(i))
		}
	}
	r.last = 0
	if n := testing.AllocsPerRun(10, func() {
		for i, w := range wakes {
			s.Attempted(w.Endpoint, tally, noon)
			r.Look(w, int64(i))
		}
		r.last = 0
	}); n > 0 {
		t.Errorf("%v allocations for %d endpoints", n, len(wakes))
	}
}
