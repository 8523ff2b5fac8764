package actors

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/actors/stats"
	"github.com/corpastro/astrohook/webhook"
)

// TestWakesComeInOrder: children become due in the order of their times, however often
// these changed.
func TestWakesComeInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	start := time.Unix(1_800_000_000, 0)
	var w wakes
	children := make([]*child, 50)
	for i := range children {
		children[i] = &child{number: webhook.EndpointNumber(i), at: -1}
	}
	for range 1000 {
		s := children[random.IntN(len(children))]
		if random.IntN(4) == 0 {
			w.set(s, time.Time{})
		} else {
			w.set(s, start.Add(time.Duration(random.IntN(1000))*time.Second))
		}
	}
	waiting := 0
	for _, s := range children {
		if !s.wakeAt.IsZero() {
			waiting++
		}
	}
	if s := w.due(start.Add(-time.Second)); s != nil {
		t.Fatal("started too early")
	}
	last := time.Time{}
	for range waiting {
		at := w[0].wakeAt
		s := w.due(start.Add(time.Hour))
		if s == nil || at.Before(last) || !s.wakeAt.IsZero() || s.at != -1 {
			t.Fatal("out of order")
		}
		last = at
	}
	if w.due(start.Add(time.Hour)) != nil {
		t.Fatal("more than were waiting")
	}
}

// TestPanicsOverOneDelivery: each one makes the next actor wait longer.
func TestPanicsOverOneDelivery(t *testing.T) {
	s := newChild(1, new(limit.Client))
	last := time.Duration(0)
	for i := range 20 {
		s.current = webhook.ID{Seq: 7}
		wait := s.crashed(time.Now())
		if wait < last || wait > 30*time.Second {
			t.Fatal("panic", i, "waits", wait, "after", last)
		}
		last = wait
		if want := restartDelay(i + 1); wait != want {
			t.Fatal("after", i+1, "panics over one delivery the wait is", wait, "and should be", want)
		}
	}
}

// TestRestartDelay: the delay doubles from 100 ms up to 30 s, and never overflows.
func TestRestartDelay(t *testing.T) {
	for n, want := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond,
		9: 25_600 * time.Millisecond, 10: 30 * time.Second, 11: 30 * time.Second, 1 << 20: 30 * time.Second,
	} {
		if got := restartDelay(n); got != want {
			t.Errorf("after panic %d: %v, want %v", n, got, want)
		}
	}
}

// attemptedAt returns the figures of an endpoint with one attempt.
func attemptedAt(at time.Time) (s stats.Hour) {
	a := webhook.Attempt{At: at, StatusCode: 200}
	s.Record(&a, a.Outcome())
	return s
}

// TestNextChild: what the next record of an endpoint inherits, after a stop and after a
// panic, and that neither inherits memory or plans.
func TestNextChild(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	old := newChild(7, new(limit.Client))
	old.label = label{clientID: "acme"}
	old.stats = attemptedAt(now)
	old.restarts, old.unexplained, old.crashedAt = 3, 2, now
	old.held = limit.NewBudget(1).Reserve(old.client)
	old.sent, old.notOfferedAt, old.wakeAt, old.holdUntil = 5, 4, now, now
	old.waits, old.current = webhook.Waiting{For: webhook.WaitHold}, webhook.ID{Seq: 1}
	for name, next := range map[string]*child{"stop": old.afterStop(), "panic": old.afterPanic()} {
		if next.number != 7 || next.client != old.client || next.label != old.label || next.stats != old.stats ||
			next.restarts != 3 || next.unexplained != 2 || next.crashedAt != now {
			t.Errorf("after a %s something is forgotten: %+v", name, next)
		}
		if next.held != nil || next.pid != nil || next.sent != 0 || next.notOfferedAt != 0 || next.at != -1 ||
			!next.wakeAt.IsZero() || !next.holdUntil.IsZero() || next.waits != (webhook.Waiting{}) || next.current != (webhook.ID{}) {
			t.Errorf("after a %s something of the old actor is left: %+v", name, next)
		}
		if kept := next.inbox == old.inbox; kept != (name == "panic") {
			t.Errorf("after a %s the inbox is the old one: %v", name, kept)
		}
	}
}

// TestChildWithoutActor: what deliveries wait for, and whether the record can be
// forgotten.
func TestChildWithoutActor(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	later, breaker := now.Add(time.Minute), webhook.Waiting{For: webhook.WaitBreaker, Until: now.Add(time.Second)}
	pause := webhook.Waiting{For: webhook.WaitPause}
	for _, c := range []struct {
		name        string
		child       *child
		at          time.Time
		waits       webhook.Waiting
		forgettable bool
	}{
		{"nothing is known", &child{}, now, webhook.Waiting{}, true},
		{"a breaker is open", &child{waits: breaker, holdUntil: breaker.Until}, now, breaker, false},
		{"it was open", &child{waits: breaker, holdUntil: breaker.Until}, later, webhook.Waiting{}, true},
		{"a pause has no end", &child{waits: pause, holdUntil: lane.Never}, later, pause, false},
		{"a retry is due later", &child{wakeAt: later}, now, webhook.Waiting{}, false},
		{"there are figures", &child{stats: attemptedAt(now)}, later, webhook.Waiting{}, false},
		{"they are old", &child{stats: attemptedAt(now.Add(-2 * time.Hour))}, now, webhook.Waiting{}, true},
		{"an actor runs", &child{pid: actor.NewPID("", "a")}, now, webhook.Waiting{}, false},
	} {
		if got := c.child.waiting(c.at); got != c.waits {
			t.Errorf("%s: deliveries wait for %+v, want %+v", c.name, got, c.waits)
		}
		if got := c.child.forgettable(c.at); got != c.forgettable {
			t.Errorf("%s: it can be forgotten: %v, want %v", c.name, got, c.forgettable)
		}
	}
	var none *child
	if got := none.waiting(now); got != (webhook.Waiting{}) {
		t.Errorf("without a record: %+v", got)
	}
}
