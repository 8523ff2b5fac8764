package receiver

import (
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/latency"
)

// tally checks and counts the deliveries of one run. It is safe for concurrent use.
type tally struct {
	Expectation
	ledger     ledger
	meter      *latency.Meter
	distinct   atomic.Uint64
	duplicates atomic.Uint64
	corrupt    atomic.Uint64
	foreign    atomic.Uint64
	sampled    atomic.Uint64
	unsigned   atomic.Uint64
	firstAt    atomic.Int64 // Unix nanoseconds
	lastAt     atomic.Int64 // Unix nanoseconds
	// seconds counts arrivals in each second since begin; the last one takes all later ones.
	begin   time.Time
	seconds [maxSeconds]atomic.Uint32
}

// maxSeconds bounds the seconds of a run that are counted one by one: two hours, more
// than any scenario lasts.
const maxSeconds = 2 * 60 * 60

// newTally returns an empty tally of a run that begins now.
func newTally(e Expectation) *tally {
	return &tally{Expectation: e, meter: latency.NewMeter(), begin: time.Now()}
}

// counts returns how far the run has come. The counts are read one after the other,
// so they need not belong to the same instant while deliveries arrive.
func (t *tally) counts() Counts {
	return Counts{
		Distinct: t.distinct.Load(), Duplicates: t.duplicates.Load(), Corrupt: t.corrupt.Load(),
		Foreign: t.foreign.Load(), Sampled: t.sampled.Load(), Unsigned: t.unsigned.Load(),
		FirstAt: time.Unix(0, t.firstAt.Load()), LastAt: time.Unix(0, t.lastAt.Load()),
	}
}

// receive checks one delivery to an endpoint, numbered from 0. It calls signatures,
// which returns the headers that sign the delivery, for sampled deliveries only.
func (t *tally) receive(endpoint uint64, body []byte, now time.Time, signatures func() signatures) {
	s, err := event.Read(body)
	if err != nil {
		t.corrupt.Add(1)
		return
	}
	n, ok := t.place(s, endpoint)
	if !ok {
		t.foreign.Add(1)
		return
	}
	first, err := t.ledger.mark(n)
	if err != nil { // no generator numbers so far
		t.corrupt.Add(1)
		return
	}
	if !first {
		t.duplicates.Add(1)
		return
	}
	if t.Secret != "" && n%t.SampleEvery == 0 {
		t.sampled.Add(1)
		if signatures().verify(t.Secret, body) != nil {
			t.unsigned.Add(1)
		}
	}
	t.note(n, s, now)
}

// note records when a delivery arrived. It counts the delivery last: whoever sees
// the count finds the rest in place.
func (t *tally) note(n uint64, s event.Stamp, now time.Time) {
	t.meter.Record(n, now.Sub(time.Unix(0, s.Sent)))
	t.firstAt.CompareAndSwap(0, now.UnixNano())
	t.lastAt.Store(now.UnixNano())
	t.seconds[min(max(int(now.Sub(t.begin)/time.Second), 0), maxSeconds-1)].Add(1)
	t.distinct.Add(1)
}

// window sums up the latencies of what arrived since it was last called.
func (t *tally) window() latency.Summary { return t.meter.Window() }

// place returns a delivery's number in the ledger, or false if the run has no such
// delivery.
func (t *tally) place(s event.Stamp, endpoint uint64) (uint64, bool) {
	if s.Run != t.Run || endpoint >= t.Endpoints {
		return 0, false
	}
	if t.FanOut {
		return s.Seq*t.Endpoints + endpoint, true
	}
	return s.Seq, s.Seq%t.Endpoints == endpoint
}

// audit returns the final account. An event that the server never answered for may
// arrive or not: its deliveries are not lost when they are missing.
func (t *tally) audit(a AuditRequest) Audit {
	unknown := make(map[uint64]bool, len(a.Unknown))
	for _, seq := range a.Unknown {
		unknown[seq] = true
	}
	perEvent := t.perEvent()
	lost := t.ledger.missing(a.Issued*perEvent, func(n uint64) bool { return t.excused(n) || unknown[n/perEvent] })
	return Audit{Counts: t.counts(), Lost: lost, Latency: t.meter.Summary(), Begin: t.begin, Seconds: t.arrivals()}
}

// arrivals returns the arrivals in each second, up to the last second with any.
func (t *tally) arrivals() []uint32 {
	last := len(t.seconds)
	for last > 0 && t.seconds[last-1].Load() == 0 {
		last--
	}
	seconds := make([]uint32, last)
	for i := range seconds {
		seconds[i] = t.seconds[i].Load()
	}
	return seconds
}
