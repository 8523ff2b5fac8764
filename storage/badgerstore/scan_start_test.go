package badgerstore

import (
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

func queuedID(seq uint64) webhook.ID { return webhook.ID{Seq: seq, Endpoint: 1, Nonce: 5} }

func joinQueue(h *scanStarts, seq uint64) {
	h.apply([]*change{{moves: []move{{id: queuedID(seq), queued: +1}}}})
}

func joinSchedule(h *scanStarts, due webhook.DueTime) {
	h.apply([]*change{{moves: []move{{id: queuedID(1), retrying: +1, due: due}}}})
}

// bound returns the start of endpoint 1's queue.
func bound(h *scanStarts) uint64 { return h.byEndpoint[1].queue.Seq }

// TestScanStartsNeverHideADelivery: everything that can happen between the beginning of a
// scan and its end.
func TestScanStartsNeverHideADelivery(t *testing.T) {
	for name, test := range map[string]struct {
		joined []uint64 // before the scan
		during []uint64
		first  uint64 // what the scan saw, 0 for nothing
		after  []uint64
		want   uint64 // the largest bound that hides nothing
	}{
		"what the scan saw becomes the bound":          {joined: []uint64{10, 20}, first: 10, want: 10},
		"what joins in order leaves it":                {joined: []uint64{10}, during: []uint64{30}, first: 10, want: 10},
		"what joined before it meanwhile prevents it":  {joined: []uint64{10, 20}, during: []uint64{10}, first: 20, want: 0},
		"what joins before it later lowers it":         {joined: []uint64{10, 20}, first: 20, after: []uint64{10}, want: 10},
		"an empty queue ends at the newest":            {joined: []uint64{10, 20}, want: 20},
		"the newest may come back to an empty queue":   {joined: []uint64{10, 20}, during: []uint64{20}, want: 20},
		"an older one may come back to an empty queue": {joined: []uint64{10, 20}, during: []uint64{10}, want: 0},
	} {
		h := newScanStarts()
		for _, seq := range test.joined {
			joinQueue(h, seq)
		}
		seen := h.begin(1)
		for _, seq := range test.during {
			joinQueue(h, seq)
		}
		if test.first == 0 {
			seen.queueEmpty()
		} else {
			seen.queue(queuedID(test.first))
		}
		for _, seq := range test.after {
			joinQueue(h, seq)
		}
		if got := bound(h); got != test.want {
			t.Errorf("%s: bound is %d, want %d", name, got, test.want)
		}
	}
}

func TestScanStartsKnowWhatWasStoredBefore(t *testing.T) {
	h := newScanStarts()
	h.resume(100)
	seen := h.begin(1)
	joinQueue(h, 50)
	seen.queue(queuedID(70))
	if got := bound(h); got != 0 {
		t.Errorf("bound is %d: it hides what joined at 50", got)
	}
}

func TestScanStartsOfTheSchedule(t *testing.T) {
	h := newScanStarts()
	seen := h.begin(1)
	seen.schedule(webhook.Slot{At: 30})
	joinSchedule(h, 20)
	if got := h.byEndpoint[1].schedule.At; got != 20 {
		t.Errorf("bound is %d, want 20", got)
	}
	seen = h.begin(1)
	joinSchedule(h, 40)
	seen.scheduleEmpty()
	if got := h.byEndpoint[1].schedule.At; got != 20 {
		t.Errorf("bound is %d, want 20", got)
	}
}

func TestScanStartsAreBounded(t *testing.T) {
	h := newScanStarts()
	for n := range webhook.EndpointNumber(maxScanStarts + 10) {
		h.begin(n)
	}
	if len(h.byEndpoint) > maxScanStarts {
		t.Errorf("%d endpoints remembered", len(h.byEndpoint))
	}
}
