package actors

import (
	"container/heap"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/actors/stats"
	"github.com/corpastro/astrohook/webhook"
)

// maxUnseen bounds the supervisor's deliveries and messages that an endpoint's actor
// has not handled yet. At the bound the actor learns only that it was not offered
// some, and reads them from storage.
const maxUnseen = 2048

// child is the supervisor's record of one endpoint that has work, or had some in the
// last hour. The actor in it comes and goes: each time one ends, the next child takes
// the record's place, so that late messages and reads of the old actor find the old one.
type child struct {
	number webhook.EndpointNumber
	client *limit.Client
	pid    *actor.PID // nil while no actor runs
	// sent counts the supervisor's messages and deliveries to the actor; seen counts
	// those that the actor has handled. When both are equal nothing is on its way.
	sent uint64
	seen atomic.Uint64
	// notOfferedAt is the value of sent when the last notOffered was sent, notOfferedFrom
	// the ID in it.
	notOfferedAt   uint64
	notOfferedFrom webhook.ID
	inbox          *inbox

	// wakeAt is when to start an actor; zero means no timer. Until holdUntil new
	// deliveries start none; lane.Never while the endpoint is paused.
	wakeAt, holdUntil time.Time
	at                int // index in the heap of wakes, -1 outside
	// waits is what deliveries wait for while no actor runs.
	waits webhook.Waiting

	// held is the memory that the actor, its inbox and its reads hold for payloads; nil
	// before the first actor. The supervisor opens it and, in close, closes it once.
	held *limit.Reservation

	// The actor owns these while it runs; the supervisor owns them while it does not.
	label    label
	stats    stats.Hour
	keptAt   time.Time // when stats were put into the book last
	failures failures
	memory   lane.Memory
	left     lane.Leftover // under way when the actor panicked
	// current is the delivery that the actor is handling, zero for none. It is set by
	// endpointActor.about only, so that a panic can be blamed on the right delivery.
	current  webhook.ID
	restarts int
	// unexplained counts the panics in a row that no delivery is blamed for; crashedAt
	// is when the last of them was.
	unexplained int
	crashedAt   time.Time
	savingGates atomic.Int32 // states of the breaker on their way to storage, in a cluster
	// succeeded: another record has taken the place of this one, and has its last hour.
	succeeded bool
	// leaving: the endpoint's part is given up, and the actor drains.
	leaving bool
	// drainReported: during a stop, the actor has finished what was in flight.
	drainReported bool
	// overlooked is what the last audit found; see watchdog. unknown is the head of the
	// queue that it found in a cluster.
	overlooked lane.Heads
	unknown    webhook.ID
}

func newChild(n webhook.EndpointNumber, client *limit.Client) *child {
	return &child{number: n, client: client, at: -1, memory: lane.NewMemory(), inbox: new(inbox)}
}

// keepEvery is the least time between two entries of an endpoint in the book.
const keepEvery = 30 * time.Second

// keep puts the last hour into the book, if it is time.
func (c *child) keep(in *stats.Book, now time.Time) {
	if now.Sub(c.keptAt) >= keepEvery {
		c.keptAt = now
		in.Put(c.number, &c.stats)
	}
}

// store puts the last hour into the book, unless this process made no attempt.
func (c *child) store(in *stats.Book) {
	if !c.keptAt.IsZero() {
		in.Put(c.number, &c.stats)
	}
}

// close notes that the actor is gone, and frees the memory that it held. Reads of the
// actor that end later keep none.
func (c *child) close() {
	c.pid = nil
	c.held.Close()
}

// afterStop returns the record that takes the place of this one when its idle actor is
// told to stop. The actor may still use the old inbox for a moment, so the next one is new.
func (c *child) afterStop() *child {
	return &child{
		number: c.number, client: c.client, at: -1, inbox: new(inbox),
		label: c.label, stats: c.stats, keptAt: c.keptAt, failures: c.failures, memory: c.memory,
		restarts: c.restarts, unexplained: c.unexplained, crashedAt: c.crashedAt,
	}
}

// afterPanic returns the record that takes the place of this one when its actor has
// panicked. It gets the inbox and what the actor left under way.
func (c *child) afterPanic() *child {
	next := c.afterStop()
	c.inbox.leave(batch{}) // drops deliveries that were offered after the panic
	next.inbox, next.left = c.inbox, c.left
	return next
}

// waiting returns what deliveries wait for while no actor runs; WaitNone if that is
// unknown. c may be nil, for an endpoint without a record.
func (c *child) waiting(now time.Time) webhook.Waiting {
	if c == nil || !c.waits.Until.IsZero() && !c.waits.Until.After(now) {
		return webhook.Waiting{}
	}
	return c.waits
}

// crashed notes that the actor panicked, and returns how long to wait before the next
// one starts. A delivery fails after lane.MaxPanics panics over it, so that its
// neighbours wait only for a moment; panics without one get growing delays.
func (c *child) crashed(now time.Time) time.Duration {
	c.restarts++
	if c.current != (webhook.ID{}) {
		n := c.memory.Panicked(c.current)
		c.current = webhook.ID{}
		return restartDelay(n)
	}
	if now.Sub(c.crashedAt) > crashesForgotten {
		c.unexplained = 0
	}
	c.unexplained++
	c.crashedAt = now
	return restartDelay(c.unexplained)
}

// crashesForgotten is the time without a panic after which the next one counts as the first.
const crashesForgotten = 10 * time.Minute

// restartDelay returns how long to wait after the nth panic of its kind: 100 ms,
// doubling up to 30 c.
func restartDelay(n int) time.Duration {
	return min(100*time.Millisecond<<min(n-1, 10), 30*time.Second)
}

// forgettable reports whether nothing is lost with the record.
func (c *child) forgettable(now time.Time) bool {
	return c.pid == nil && c.wakeAt.IsZero() && !c.holdUntil.After(now) && c.stats.Stale(now)
}

// wakes are the children whose actors are to be started at a time, as a heap with the
// earliest first. A million idle endpoints need one timer.
type wakes []*child

// set changes when a child is due; zero removes it.
func (w *wakes) set(c *child, at time.Time) {
	c.wakeAt = at
	switch {
	case c.at >= 0 && at.IsZero():
		heap.Remove(w, c.at)
	case c.at >= 0:
		heap.Fix(w, c.at)
	case !at.IsZero():
		heap.Push(w, c)
	}
}

// due removes and returns the first child if its time has come, and nil otherwise.
func (w *wakes) due(now time.Time) *child {
	if len(*w) == 0 || (*w)[0].wakeAt.After(now) {
		return nil
	}
	c := (*w)[0]
	w.set(c, time.Time{})
	return c
}

// Len, Less, Swap, Push and Pop make it a heap.

func (w wakes) Len() int           { return len(w) }
func (w wakes) Less(i, j int) bool { return w[i].wakeAt.Before(w[j].wakeAt) }
func (w wakes) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].at, w[j].at = i, j
}

// Push appends a child.
func (w *wakes) Push(x any) {
	c := x.(*child)
	c.at = len(*w)
	*w = append(*w, c)
}

// Pop removes the last child.
func (w *wakes) Pop() any {
	c := (*w)[len(*w)-1]
	(*w)[len(*w)-1] = nil
	*w = (*w)[:len(*w)-1]
	c.at = -1
	return c
}
