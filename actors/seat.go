package actors

import (
	"container/heap"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// maxUnseen bounds the deliveries in an endpoint actor's tray. Beyond it the
// actor is told only that it missed some, and reads them from storage.
const maxUnseen = 2048

// seat is the supervisor's place for one endpoint that has work, or had some
// lately. The actor in it comes and goes.
type seat struct {
	number webhook.EndpointNumber
	client *limit.Client
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

	// held is what the actor and its mailbox hold of the memory for payloads.
	held *limit.Reservation

	// The actor's, while it runs; the supervisor's, while it does not.
	label    label
	stats    stats
	failures failures
	memory   lane.Memory
	left     lane.Leftover // under way when the actor stopped
	suspect  webhook.ID    // the delivery being handled
	restarts int
	// unexplained counts the restarts in a row, crashedAt when the last one was, of
	// which no delivery is suspected.
	unexplained int
	crashedAt   time.Time
	drained     bool
	// overlooked is what the last audit found.
	overlooked lane.Heads
}

func newSeat(n webhook.EndpointNumber, client *limit.Client, b *limit.Budget) *seat {
	return &seat{number: n, client: client, at: -1, memory: lane.NewMemory(), tray: new(tray), held: b.Reserve(client)}
}

// vacate notes that the actor is gone, with all it held.
func (s *seat) vacate() {
	s.pid = nil
	s.held.Close()
}

// successor is the seat to go on with after the actor was told to stop. The actor
// may still hold this one for a moment.
func (s *seat) successor() *seat {
	return &seat{
		number: s.number, client: s.client, held: s.held.Again(), at: -1, label: s.label, stats: s.stats, failures: s.failures, memory: s.memory, tray: new(tray),
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
		n := s.memory.Panicked(s.suspect)
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
