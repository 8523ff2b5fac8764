package lane

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestScheduleOfOneMillisecond records two retries that are due within one
// millisecond, in both orders of time. The reading must go on from the smaller
// ID, since storage orders by millisecond, then ID: from the other one it would
// pass the first for good.
func TestScheduleOfOneMillisecond(t *testing.T) {
	start := time.UnixMilli(1_750_000_000_000)
	small, large := webhook.ID{Seq: 3, Endpoint: 1}, webhook.ID{Seq: 9, Endpoint: 1}
	for _, reading := range []bool{false, true} {
		s := schedulePosition{from: webhook.Slot{At: webhook.DueAt(start.Add(time.Hour))}} // read so far
		if reading {
			s.start()
		}
		s.miss(webhook.Slot{At: webhook.DueAt(start.Add(1)), ID: large})
		s.miss(webhook.Slot{At: webhook.DueAt(start.Add(2)), ID: small})
		if reading {
			s.finish(webhook.Slot{}, false, 0)
		}
		if want := (webhook.Slot{At: webhook.DueAt(start.Add(2)), ID: small}); want.Before(s.from) || s.next != want.At {
			t.Errorf("while reading %v: continues from %v at %v, past %v", reading, s.from, s.next, want)
		}
	}
}
