package receiver

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/event"
)

// delivery is a body as the receiver gets it.
func delivery(s event.Stamp) []byte {
	data := event.AppendData(nil, 128)
	s.Put(data)
	return append(append([]byte(`{"id":"whd_1","data":`), data...), '}')
}

func unsigned() signatures { return signatures{} }

func TestTallyTellsWhatIsWrong(t *testing.T) {
	now := time.Unix(100, 0)
	at := event.Stamp{Run: 1, Sent: now.Add(-time.Second).UnixNano()}
	with := func(change func(*event.Stamp)) []byte {
		s := at
		change(&s)
		return delivery(s)
	}
	corrupt := delivery(at)
	corrupt[60] ^= 1
	for _, c := range []struct {
		name     string
		expect   Expectation
		endpoint uint64
		bodies   [][]byte
		want     Counts
	}{
		{"arrives once", Expectation{Run: 1, Endpoints: 1, FanOut: true}, 0, [][]byte{delivery(at)}, Counts{Distinct: 1}},
		{"arrives twice", Expectation{Run: 1, Endpoints: 1, FanOut: true}, 0, [][]byte{delivery(at), delivery(at)}, Counts{Distinct: 1, Duplicates: 1}},
		{"is corrupt", Expectation{Run: 1, Endpoints: 1, FanOut: true}, 0, [][]byte{corrupt}, Counts{Corrupt: 1}},
		{"is of another run", Expectation{Run: 2, Endpoints: 1, FanOut: true}, 0, [][]byte{delivery(at)}, Counts{Foreign: 1}},
		{"goes to an endpoint of another run", Expectation{Run: 1, Endpoints: 2, FanOut: true}, 2, [][]byte{delivery(at)}, Counts{Foreign: 1}},
		{"goes to its endpoint", Expectation{Run: 1, Endpoints: 3}, 1, [][]byte{with(func(s *event.Stamp) { s.Seq = 4 })}, Counts{Distinct: 1}},
		{"goes to another endpoint", Expectation{Run: 1, Endpoints: 3}, 2, [][]byte{with(func(s *event.Stamp) { s.Seq = 4 })}, Counts{Foreign: 1}},
		{"is not signed", Expectation{Run: 1, Endpoints: 1, Secret: "s", SampleEvery: 1}, 0, [][]byte{delivery(at)}, Counts{Distinct: 1, Sampled: 1, Unsigned: 1}},
	} {
		tally := newTally(c.expect)
		for _, body := range c.bodies {
			tally.receive(c.endpoint, body, now, unsigned)
		}
		got := tally.counts()
		got.FirstAt, got.LastAt = time.Time{}, time.Time{}
		if got != c.want {
			t.Errorf("a delivery that %s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestTallyAuditsAFanOut(t *testing.T) {
	tally := newTally(Expectation{Run: 1, Endpoints: 3, FanOut: true})
	now := time.Unix(100, 0)
	for seq := range uint64(10) {
		for endpoint := range uint64(3) {
			if seq == 9 || seq == 4 && endpoint == 1 { // one event and one delivery never come
				continue
			}
			tally.receive(endpoint, delivery(event.Stamp{Run: 1, Seq: seq, Sent: now.Add(-2 * time.Millisecond).UnixNano()}), now, unsigned)
		}
	}
	got := tally.audit(AuditRequest{Issued: 10, Unknown: []uint64{9}})
	if got.Distinct != 26 || got.Lost != 1 {
		t.Errorf("%d arrived and %d lost, want 26 and 1", got.Distinct, got.Lost)
	}
	if got.Latency.Count != 26 || got.Latency.P50 < 1.99 || got.Latency.P50 > 2.01 {
		t.Errorf("latency %+v, want 2 ms", got.Latency)
	}
}

// Of black holes nothing is expected, and nothing is missed.
func TestTallyExcusesBlackHoles(t *testing.T) {
	e := Expectation{Run: 1, Endpoints: 4, BlackHoles: 1}
	for events, want := range map[uint64]uint64{0: 0, 1: 0, 2: 1, 4: 3, 5: 3, 10: 7} {
		if got := e.Deliveries(events); got != want {
			t.Errorf("%d events become %d deliveries, want %d", events, got, want)
		}
	}
	tally := newTally(e)
	for seq := range uint64(10) {
		if seq%4 != 0 && seq != 6 {
			tally.receive(seq%4, delivery(event.Stamp{Run: 1, Seq: seq}), time.Unix(100, 0), unsigned)
		}
	}
	if got := tally.audit(AuditRequest{Issued: 10}); got.Distinct != 6 || got.Lost != 1 {
		t.Errorf("%d arrived and %d lost, want 6 and 1", got.Distinct, got.Lost)
	}
}

// A window holds what came since the last one, and the seconds add up to all.
func TestTallyTellsWhen(t *testing.T) {
	tally := newTally(Expectation{Run: 1, Endpoints: 1})
	arrive := func(seq uint64, after, latency time.Duration) {
		now := tally.begin.Add(after)
		tally.receive(0, delivery(event.Stamp{Run: 1, Seq: seq, Sent: now.Add(-latency).UnixNano()}), now, unsigned)
	}
	arrive(0, 100*time.Millisecond, time.Millisecond)
	arrive(1, 200*time.Millisecond, time.Millisecond)
	if w := tally.window(); w.Count != 2 || w.Max > 1.01 {
		t.Errorf("first window %+v", w)
	}
	arrive(2, 2500*time.Millisecond, 50*time.Millisecond)
	if w := tally.window(); w.Count != 1 || w.P50 < 49 {
		t.Errorf("second window %+v", w)
	}
	if w := tally.window(); w.Count != 0 {
		t.Errorf("empty window %+v", w)
	}
	a := tally.audit(AuditRequest{Issued: 3})
	if len(a.Seconds) != 3 || a.Seconds[0] != 2 || a.Seconds[1] != 0 || a.Seconds[2] != 1 {
		t.Errorf("seconds %v, want 2, 0, 1", a.Seconds)
	}
	if a.LastAt.Sub(a.FirstAt) != 2400*time.Millisecond || a.Latency.Count != 3 {
		t.Errorf("from %s to %s, %d in all", a.FirstAt, a.LastAt, a.Latency.Count)
	}
}
