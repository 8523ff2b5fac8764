package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
)

// inbox holds what arrives for an endpoint's actor beside its mailbox: deliveries that
// were just stored, attempts that ended, outcomes that are recorded. However many
// arrive while the actor is busy, one inboxReady announces them, and the actor does
// once what they all make possible.
//
// A recorded outcome rarely unblocks work, so up to maxQuiet of them wait for the next
// message, unless notifyAtOnce is set.
//
// The inbox outlives an actor that panics: attempts and records that it began arrive
// here, and the next actor handles them.
type inbox struct {
	mu   sync.Mutex
	full batch
	// notified: an inboxReady is on its way.
	notified bool
	// reader is the actor to notify; nil while none runs.
	reader *actor.PID
	// notifyAtOnce: the actor waits for recorded outcomes. Only the actor sets it.
	notifyAtOnce atomic.Bool
}

// maxQuiet bounds the recorded outcomes that wait without an inboxReady.
const maxQuiet = 16

// batch is what an inbox holds, or what an actor took from it.
type batch struct {
	offered  []*lane.Entry // just stored
	ended    []*lane.Entry // entry.Attempt is what came of the attempt
	recorded []*lane.Entry // storage has recorded entry.Next, or entry.RecordErr says why not
}

// The methods that add an entry report whether the caller must send an inboxReady.

func (b *inbox) offer(e *lane.Entry) (notify bool) { return b.add(&b.full.offered, e) }
func (b *inbox) end(e *lane.Entry) (notify bool)   { return b.add(&b.full.ended, e) }

func (b *inbox) add(list *[]*lane.Entry, e *lane.Entry) (notify bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*list = append(*list, e)
	return b.notifyLocked()
}

// record adds an outcome that storage has answered, and mostly stays quiet about it.
func (b *inbox) record(e *lane.Entry) (notify bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full.recorded = append(b.full.recorded, e)
	// A failure to record, and a retry, which may be due soon, are work by themselves.
	work := e.RecordErr != nil || !e.Next.Now.Status.Finished()
	return (work || b.notifyAtOnce.Load() || len(b.full.recorded) >= maxQuiet) && b.notifyLocked()
}

// setNotifyAtOnce decides whether each recorded outcome is worth a message. When it
// begins to be, those that wait already are.
func (b *inbox) setNotifyAtOnce(atOnce bool) (notify bool) {
	if b.notifyAtOnce.Load() == atOnce {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notifyAtOnce.Store(atOnce)
	return atOnce && len(b.full.recorded) > 0 && b.notifyLocked()
}

// notifyLocked reports whether a message is needed: none is on its way.
func (b *inbox) notifyLocked() (notify bool) {
	notify, b.notified = !b.notified, true
	return notify
}

// take returns what the inbox holds. Before the inboxReady has arrived it returns
// recorded outcomes only, and without ended it leaves attempts that ended. used is the
// batch of the last call, whose memory take reuses.
func (b *inbox) take(used batch, ready, ended bool) batch {
	clear(used.offered)
	clear(used.ended)
	clear(used.recorded)
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := batch{used.offered[:0], used.ended[:0], b.full.recorded}
	b.full.recorded = used.recorded[:0]
	if !ready {
		return taken
	}
	b.notified = false
	taken.offered, b.full.offered = b.full.offered, taken.offered
	if ended {
		taken.ended, b.full.ended = b.full.ended, taken.ended
	}
	return taken
}

// open makes an actor the reader. It reports whether entries of an earlier actor wait,
// so that the caller must send an inboxReady.
func (b *inbox) open(reader *actor.PID) (notify bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reader, b.notified = reader, false
	b.notifyAtOnce.Store(false)
	return len(b.full.ended)+len(b.full.recorded) > 0 && b.notifyLocked()
}

// leave ends the reader's time: nobody is notified until the next one opens the inbox.
// What the reader took and did not handle returns for the next one, except offers,
// which storage has.
func (b *inbox) leave(unhandled batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reader, b.full.offered = nil, nil
	b.full.ended = appendSet(b.full.ended, unhandled.ended)
	b.full.recorded = appendSet(b.full.recorded, unhandled.recorded)
}

// appendSet appends the entries that are not nil: the reader clears those it handled.
func appendSet(list, entries []*lane.Entry) []*lane.Entry {
	for _, e := range entries {
		if e != nil {
			list = append(list, e)
		}
	}
	return list
}

// notify sends an inboxReady to the actor that reads an inbox. Without an actor it does
// nothing: the next one looks when it opens the inbox.
func (s *shared) notify(b *inbox) {
	b.mu.Lock()
	reader := b.reader
	b.mu.Unlock()
	if reader != nil {
		s.root.Send(reader, &inboxReady{})
	}
}
