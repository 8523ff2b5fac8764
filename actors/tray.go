package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
)

// tray is what waits for an endpoint's actor beside its mailbox: deliveries that
// were offered, attempts that ended, outcomes that were recorded. However many
// come while the actor is busy, one message tells of them all, and what they
// make possible is done once. Recorded outcomes seldom make anything possible:
// of a few the actor is not told until something else comes, or it is in a hurry.
//
// An actor that panics leaves its tray to the next one, and with it what its
// attempts and records come to.
type tray struct {
	mu    sync.Mutex
	full  trayful
	told  bool // a message is on its way
	hasty bool // the actor is in a hurry
	// reader is whom to tell; nil while no actor runs.
	reader *actor.PID
}

// maxUntold bounds the recorded outcomes that an actor is not told of.
const maxUntold = 16

type trayful struct {
	offered  []*lane.Entry // just stored
	finished []*lane.Entry // an attempt ended; entry.attempt tells how
	settled  []*lane.Entry // storage has recorded entry.next, or could not
}

// news tells an actor to look into its tray.
type news struct{}

// The methods that put an entry in tell whether the actor is to be sent news.

func (t *tray) offer(e *lane.Entry) (tell bool)  { return t.put(&t.full.offered, e) }
func (t *tray) finish(e *lane.Entry) (tell bool) { return t.put(&t.full.finished, e) }

func (t *tray) put(list *[]*lane.Entry, e *lane.Entry) (tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*list = append(*list, e)
	return t.tellLocked()
}

func (t *tray) settle(e *lane.Entry) (tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.full.settled = append(t.full.settled, e)
	// A retry that is due is work.
	matters := e.RecordErr != nil || !e.Next.Now.Status.Finished()
	return (matters || t.hasty || len(t.full.settled) >= maxUntold) && t.tellLocked()
}

// hurry has the actor told of each recorded outcome from now on, or no longer.
func (t *tray) hurry(hasty bool) (tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hasty = hasty
	return hasty && len(t.full.settled) > 0 && t.tellLocked()
}

func (t *tray) tellLocked() (tell bool) {
	tell, t.told = !t.told, true
	return tell
}

// take empties the tray, or takes recorded outcomes only, or all but the attempts
// that ended; used is what take gave before, done with.
func (t *tray) take(used trayful, told, finished bool) trayful {
	clear(used.offered)
	clear(used.finished)
	clear(used.settled)
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := trayful{used.offered[:0], used.finished[:0], t.full.settled}
	t.full.settled = used.settled[:0]
	if !told {
		return taken
	}
	t.told = false
	taken.offered, t.full.offered = t.full.offered, taken.offered
	if finished {
		taken.finished, t.full.finished = t.full.finished, taken.finished
	}
	return taken
}

// open makes an actor the one to tell, and reports whether something lies there.
func (t *tray) open(reader *actor.PID) (tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reader, t.told, t.hasty = reader, false, false
	return len(t.full.finished)+len(t.full.settled) > 0 && t.tellLocked()
}

// leave puts back what an actor took and did not handle. Nobody is told from now
// on. What was offered is in storage, and read from there.
func (t *tray) leave(unhandled trayful) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reader, t.full.offered = nil, nil
	t.full.finished = appendSet(t.full.finished, unhandled.finished)
	t.full.settled = appendSet(t.full.settled, unhandled.settled)
}

// appendSet appends what is not nil.
func appendSet(list, entries []*lane.Entry) []*lane.Entry {
	for _, e := range entries {
		if e != nil {
			list = append(list, e)
		}
	}
	return list
}
