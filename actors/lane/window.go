package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// What enters the window and what leaves it. An entry that leaves without being settled
// is still in storage, so the position of queue or schedule moves back to it (miss).

// Offer takes a queued delivery that was just stored. The lane keeps it, or releases its
// memory and reads it from storage later. Offers may come late, twice and in any order.
func (l *Lane) Offer(e *Entry, now time.Time) {
	l.nothingPending = false
	known := l.window[e.ID()]
	switch {
	case known != nil && known.state != entryGone:
		// The delivery is in the window already: a read was faster, or it is offered twice.
		if e.ByHand {
			l.moveByHand(known, e.Test)
		}
		l.releaseMemory(e)
	case l.dealt.has(e.ID()):
		// A read brought it before the offer came, or it is offered twice.
		l.releaseMemory(e)
	case l.dealt.mayHave(e.ID()):
		// Only storage knows whether it is still to be sent.
		l.releaseMemory(e)
		l.queue.miss(e.ID())
	case e.ByHand && l.byHandWaiting < MaxByHand && (!l.configured || l.maySend(e)):
		l.admit(e)
	case !l.configured && l.waiting < MinWindow:
		// The first deliveries need no read once the endpoint is configured.
		l.admit(e)
	case l.queue.reading && len(l.offeredDuringRead) < l.capacity():
		l.offeredDuringRead = append(l.offeredDuringRead, e)
	case !l.open(now), l.queue.behind, l.waiting >= l.capacity():
		// It is not its turn: others that were accepted before are still in storage.
		l.releaseMemory(e)
		l.queue.miss(e.ID())
	default:
		l.admit(e)
	}
}

// NotOffered notes that queued deliveries were stored, from id on, which the lane was not
// offered, because too many were on their way to the actor or there was no memory for them.
func (l *Lane) NotOffered(id webhook.ID) {
	l.nothingPending = false
	l.queue.miss(id)
}

// admit puts an entry into the window, where it waits to be sent.
func (l *Lane) admit(e *Entry) {
	e.state, e.lane = entryWaiting, l
	l.window[e.ID()] = e
	l.waiting++
	switch {
	case e.ByHand:
		l.byHandWaiting++
		l.byHand.push(e)
	case e.Due.Delivery.Status == webhook.Retrying:
		l.retries.push(e)
	default:
		l.fresh.push(e)
	}
}

// stopWaiting counts an entry as waiting no longer. Its line passes it over.
func (l *Lane) stopWaiting(e *Entry) {
	l.waiting--
	if e.ByHand {
		l.byHandWaiting--
	}
}

// releaseMemory drops an entry's payload, and has the actor return its bytes to the budget.
func (l *Lane) releaseMemory(e *Entry) {
	l.Out.Release += e.Charged
	e.Charged, e.Due.Data = 0, nil
}

// dropWindow removes all entries that wait, because nothing can be sent for a while:
// storage has them, and their memory is needed elsewhere. Entries that were asked for by
// hand and can still be sent stay: they may pass a closed gate.
func (l *Lane) dropWindow() {
	all := append(l.fresh.drain(), l.retries.drain()...)
	for _, e := range append(all, l.byHand.drain()...) {
		if e.ByHand && l.maySend(e) {
			l.byHand.push(e)
			continue
		}
		delete(l.window, e.ID())
		l.stopWaiting(e)
		l.releaseMemory(e)
		l.miss(e)
	}
	for _, e := range l.offeredDuringRead {
		l.releaseMemory(e)
		l.miss(e)
	}
	l.offeredDuringRead = nil
}

// miss notes that a pending delivery is not in the window, so that it is read again.
func (l *Lane) miss(e *Entry) {
	if e.Due.Delivery.Status == webhook.Retrying {
		l.schedule.miss(e.slot())
	} else {
		l.queue.miss(e.ID())
	}
}

// remember notes that a delivery was dealt with. One from the retry schedule was so once
// before, maybe by an earlier lane.
func (l *Lane) remember(e *Entry) {
	if e.Due.Delivery.Status == webhook.Retrying {
		l.dealt.doubt(e.ID())
	} else {
		l.dealt.add(e.ID())
	}
	l.memory.dealtUpTo = l.dealt.top
}

// forget removes an entry that is settled or changed from the window. If reads are under
// way, they may still show the delivery as it was before; the entry stays until they end,
// so that the lane recognises it.
func (l *Lane) forget(e *Entry) {
	e.staleQueue, e.staleSchedule = l.queue.reading, l.schedule.reading
	if !e.staleQueue && !e.staleSchedule {
		delete(l.window, e.ID())
		return
	}
	e.state = entryGone
	l.gone = append(l.gone, e)
}

// dropGone removes the gone entries for which no read is under way any more. It is called
// at the end of each read.
func (l *Lane) dropGone() {
	kept := l.gone[:0]
	for _, e := range l.gone {
		e.staleQueue = e.staleQueue && l.queue.reading
		e.staleSchedule = e.staleSchedule && l.schedule.reading
		switch {
		case e.staleQueue || e.staleSchedule:
			kept = append(kept, e)
		case l.window[e.ID()] == e: // a newer entry of the same delivery stays
			delete(l.window, e.ID())
		}
	}
	clear(l.gone[len(kept):])
	l.gone = kept
}
