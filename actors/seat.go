package actors

import (
	"container/heap"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/webhook"
)

// maxUnseen bounds the deliveries in an endpoint actor's tray. Beyond it the
// actor is told only that it missed some, and reads them from storage.
const maxUnseen = 2048

// seat is the supervisor's place for one endpoint that has work, or had some
// lately. The actor in it comes and goes.
type seat struct {
	number webhook.EndpointNumber
	client *account
	pid    *actor.PID // nil while no actor runs
	// sent counts the supervisor's messages and deliveries to the actor, seen those that it has handled.
	sent   uint64
	seen   atomic.Uint64
	marker uint64 // which message last told of missed deliveries
	tray   *tray

	// wakeAt is when to start an actor; zero for not by time. holdUntil is until
	// when new deliveries do not start one.
	wakeAt, holdUntil time.Time
	at                int // index in the heap of wakes, -1 outside
	// waits is what deliveries wait for while no actor runs.
	waits webhook.Waiting

	// charged is what the actor and its mailbox hold of the budget.
	charged atomic.Int64
	vacated atomic.Bool // the actor is gone; what a read of its still takes is given back at once

	// The actor's, while it runs; the supervisor's, while it does not.
	label    label
	stats    stats
	failures failures
	memory   memory
	left     leftover   // under way when the actor stopped
	suspect  webhook.ID // the delivery being handled
	restarts int
	// unexplained counts the restarts in a row, crashedAt when the last one was, of
	// which no delivery is suspected.
	unexplained int
	crashedAt   time.Time
	drained     bool
	// overlooked is what the last audit found.
	overlooked heads
}

func newSeat(n webhook.EndpointNumber, client *account) *seat {
	return &seat{number: n, client: client, at: -1, memory: newMemory(), tray: new(tray)}
}

func (s *seat) take(b *budget, n int) {
	s.charge(n)
	b.take(n)
	s.returnIfVacated(b)
}

func (s *seat) tryTake(b *budget, n int) bool {
	ok := s.mayTake(b) && b.tryTake(n)
	if ok {
		s.charge(n)
		s.returnIfVacated(b)
	}
	return ok
}

// mayTake reports whether endpoint and client may have more in memory: neither
// can keep the others from having some.
func (s *seat) mayTake(b *budget) bool {
	return mayHold(loadWith(s.client.payloads.Load(), s.charged.Load()), b.limit-b.used.Load(), b.limit)
}

func (s *seat) charge(n int) {
	s.charged.Add(int64(n))
	s.client.payloads.Add(int64(n))
}

// discharge takes all that is charged off, and returns how much it was.
func (s *seat) discharge() int {
	n := s.charged.Swap(0)
	s.client.payloads.Add(-n)
	return int(n)
}

// returnIfVacated gives back what was taken after the actor had gone.
func (s *seat) returnIfVacated(b *budget) {
	if s.vacated.Load() {
		b.give(s.discharge())
	}
}

func (s *seat) release(b *budget, n int) {
	s.charge(-n)
	b.give(n)
}

// vacate notes that the actor is gone, with all it held.
func (s *seat) vacate(b *budget) {
	s.pid = nil
	s.vacated.Store(true)
	b.give(s.discharge())
}

// successor is the seat to go on with after the actor was told to stop. The actor
// may still hold this one for a moment.
func (s *seat) successor() *seat {
	return &seat{
		number: s.number, client: s.client, at: -1, label: s.label, stats: s.stats, failures: s.failures, memory: s.memory, tray: new(tray),
		restarts: s.restarts, unexplained: s.unexplained, crashedAt: s.crashedAt,
	}
}

// heir is the seat to go on with after the actor panicked: what it had under way
// comes to this one.
func (s *seat) heir() *seat {
	next := s.successor()
	s.tray.leave(trayful{}) // what was offered since
	next.tray, next.left = s.tray, s.left
	return next
}

// waiting returns what deliveries wait for while no actor runs; WaitNone if that is
// not known, as where there is no seat.
func (s *seat) waiting(now time.Time) webhook.Waiting {
	if s == nil || !s.waits.Until.IsZero() && !s.waits.Until.After(now) {
		return webhook.Waiting{}
	}
	return s.waits
}

// crashed notes that the actor stopped while it handled the suspect, and tells
// how long to wait before the next one. What one delivery does is over after
// maxPanics, so that the others need not wait for long.
func (s *seat) crashed(now time.Time) time.Duration {
	s.restarts++
	if s.suspect != (webhook.ID{}) {
		s.memory.panics[s.suspect]++
		n := s.memory.panics[s.suspect]
		s.suspect = webhook.ID{}
		return restartDelay(n)
	}
	if now.Sub(s.crashedAt) > crashesForgotten {
		s.unexplained = 0
	}
	s.unexplained++
	s.crashedAt = now
	return restartDelay(s.unexplained)
}

// crashesForgotten is after how long without one the next crash counts as the first.
const crashesForgotten = 10 * time.Minute

// restartDelay is how long to wait after the nth crash of its kind.
func restartDelay(n int) time.Duration {
	return min(100*time.Millisecond<<min(n-1, 10), 30*time.Second)
}

// empty tells whether the seat can be forgotten.
func (s *seat) empty(now time.Time) bool {
	return s.pid == nil && s.wakeAt.IsZero() && !s.holdUntil.After(now) && s.stats.stale(now)
}

// wakes are the seats that wait for a time, the earliest first.
type wakes []*seat

// set changes when a seat is to be woken; zero takes it off the list.
func (w *wakes) set(s *seat, at time.Time) {
	s.wakeAt = at
	switch {
	case s.at >= 0 && at.IsZero():
		heap.Remove(w, s.at)
	case s.at >= 0:
		heap.Fix(w, s.at)
	case !at.IsZero():
		heap.Push(w, s)
	}
}

// due takes the first seat off the list if its time has come.
func (w *wakes) due(now time.Time) *seat {
	if len(*w) == 0 || (*w)[0].wakeAt.After(now) {
		return nil
	}
	s := (*w)[0]
	w.set(s, time.Time{})
	return s
}

// Len, Less, Swap, Push and Pop make it a heap.

func (w wakes) Len() int           { return len(w) }
func (w wakes) Less(i, j int) bool { return w[i].wakeAt.Before(w[j].wakeAt) }
func (w wakes) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].at, w[j].at = i, j
}

// Push appends a seat.
func (w *wakes) Push(x any) {
	s := x.(*seat)
	s.at = len(*w)
	*w = append(*w, s)
}

// Pop removes the last seat.
func (w *wakes) Pop() any {
	s := (*w)[len(*w)-1]
	(*w)[len(*w)-1] = nil
	*w = (*w)[:len(*w)-1]
	s.at = -1
	return s
}
