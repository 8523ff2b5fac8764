package webhook

import (
	"testing"
	"time"
)

// TestWakeAt: queued deliveries are due at once, whatever the retry schedule says.
func TestWakeAt(t *testing.T) {
	due := time.UnixMilli(1_750_000_000_000).UTC()
	scheduled := Slot{At: DueAt(due), ID: ID{Seq: 1, Endpoint: 1}}
	for _, c := range []struct {
		why  string
		wake Wake
		want time.Time
	}{
		{"something is queued", Wake{Queued: ID{Seq: 1, Endpoint: 1}}, time.Time{}},
		{"something is queued, and a retry is due later", Wake{Queued: ID{Seq: 1, Endpoint: 1}, Scheduled: scheduled}, time.Time{}},
		{"only a retry", Wake{Scheduled: scheduled}, due},
		{"nothing", Wake{}, time.Time{}},
	} {
		if got := c.wake.At(); !got.Equal(c.want) {
			t.Errorf("%s: at %v, want %v", c.why, got, c.want)
		}
	}
}

// TestPlaceFollowsTheTransitions: a settlement's Was, taken before a transition, is where
// storage finds the delivery.
func TestPlaceFollowsTheTransitions(t *testing.T) {
	d := queued()
	if got := d.Place(); got != (Place{Status: Queued}) {
		t.Errorf("accepted: %+v", got)
	}
	d = d.Attempted(answer(500), policy, 0)
	if got := d.Place(); got.Status != Retrying || got.NextAttemptAt != d.NextAttemptAt || got.NextAttemptAt.IsZero() {
		t.Errorf("failed once: %+v", got)
	}
	d = d.Requeue()
	if got := d.Place(); got != (Place{Status: Queued}) {
		t.Errorf("requeued: %+v", got)
	}
}
