package lane

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

const ms = time.Millisecond

// TestQuickness: what attempts that lasted for so long say about receiver and server.
func TestQuickness(t *testing.T) {
	repeat := func(n int, d time.Duration) (all []time.Duration) {
		for range n {
			all = append(all, d)
		}
		return all
	}
	for _, c := range []struct {
		reason       string
		lasted       [][]time.Duration
		atOnce, held bool
	}{
		{"nothing is known", nil, false, false},
		{"too little is known", [][]time.Duration{repeat(quickKnown-1, ms)}, false, false},
		{"a receiver that answers at once", [][]time.Duration{repeat(quickKnown, ms)}, true, false},
		{"most of its attempts wait for a processor", [][]time.Duration{repeat(1, ms), repeat(100, 4*ms)}, true, true},
		{"a slow receiver", [][]time.Duration{repeat(5000, 3*ms)}, false, false},
		{"one quick answer long ago says nothing", [][]time.Duration{repeat(1, ms), repeat(2*quickSample, 4*ms)}, false, false},
		{"one quick answer lately does", [][]time.Duration{repeat(quickSample, 4*ms), repeat(1, ms), repeat(quickSample, 4*ms)}, true, true},
		{"a quick receiver that has become slow", [][]time.Duration{repeat(500, ms), repeat(100, 80*ms)}, false, true},
	} {
		var q quickness
		for _, lasted := range c.lasted {
			for _, d := range lasted {
				q.learn(d)
			}
		}
		atOnce, held := q.atOnce()
		if atOnce != c.atOnce || held != c.held {
			t.Errorf("%s: at once %v, held %v", c.reason, atOnce, held)
		}
	}
}

// TestCrowd: publishers wait for what this server cannot send soon, and for nothing that
// the receiver or the endpoint's settings keep back.
func TestCrowd(t *testing.T) {
	const concurrency = 4
	now := time.Now()
	e := webhook.Endpoint{ID: webhook.ID{Endpoint: 1}, Status: webhook.EndpointActive, Revision: 1}
	for _, c := range []struct {
		reason  string
		change  func(*Lane, *webhook.Settings)
		waiting int
		want    Crowd
	}{
		{"few wait", func(*Lane, *webhook.Settings) {}, 3, Crowd{Limit: 4, Spare: 1, Ours: true}},
		{"many wait for outcomes to be recorded", func(*Lane, *webhook.Settings) {}, 9, Crowd{Limit: 4, Spare: -5, Ours: true}},
		{"some are in storage only", func(l *Lane, _ *webhook.Settings) { l.queue.behind = true }, 1, Crowd{Limit: 4, Spare: -1, Ours: true}},
		{"all attempts are in flight, as short as they can be", func(l *Lane, _ *webhook.Settings) { l.inFlight = concurrency }, 9, Crowd{Limit: 4, Spare: -5}},
		{"a rate limit keeps them back", func(_ *Lane, s *webhook.Settings) { s.Rate, s.Burst = 1, 1 }, 9, Crowd{}},
		{"the receiver is slow", func(l *Lane, _ *webhook.Settings) { l.quick.quickest, l.quick.mean = 9*ms, 90*ms }, 9, Crowd{}},
		{"the receiver has not shown what it bears", func(l *Lane, _ *webhook.Settings) { l.ramp.allowed = 1 }, 9, Crowd{}},
		{"the server stops", func(l *Lane, _ *webhook.Settings) { l.draining = true }, 9, Crowd{}},
	} {
		memory := NewMemory()
		l := New(&memory)
		s := webhook.DefaultSettings()
		s.Concurrency = concurrency
		c.change(l, &s)
		allowed := l.ramp.allowed
		behind, inFlight := l.queue.behind, l.inFlight
		l.Configure(&e, s, webhook.GateState{}, now)
		l.queue.behind, l.inFlight = behind, inFlight
		if allowed > 0 {
			l.ramp.allowed = allowed
		}
		if l.quick.mean == 0 {
			l.quick.quickest, l.quick.mean = ms, ms
		}
		l.quick.count, l.waiting = quickKnown, c.waiting
		if got := l.Crowd(now); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.reason, got, c.want)
		}
	}
}

// TestFewInFlightLeaveRoomForOutcomes: what a crash repeats is bounded, attempts in flight
// and outcomes on their way together, and the fewer of one there are the more of the other.
func TestFewInFlightLeaveRoomForOutcomes(t *testing.T) {
	for _, c := range []struct {
		inFlight, unsettled int
		may                 bool
	}{
		{0, 3*4 - 1, true},
		{0, 3 * 4, false},
		{3, 3*4 - 4, true},
		{3, 3*4 - 3, false},
		{4, 0, false}, // all that may be in flight are
	} {
		l := &Lane{configured: true, sends: true, inFlight: c.inFlight, unsettled: c.unsettled}
		l.settings.Concurrency = 4
		if got := l.mayStart(); got != c.may {
			t.Errorf("%d in flight, %d unrecorded: another may start: %v", c.inFlight, c.unsettled, got)
		}
		if at := c.inFlight+c.unsettled >= 12; l.NotifyAtOnce() != at {
			t.Errorf("%d in flight, %d unrecorded: the next record is worth a message: %v", c.inFlight, c.unsettled, !at)
		}
	}
}
