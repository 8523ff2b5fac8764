package actors

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// entryState is where a delivery stands in the lane's window.
type entryState uint8

const (
	entryWaiting  entryState = iota // may be sent
	entryInFlight                   // an attempt is under way
	entrySettling                   // its outcome is on its way to storage
	entryChanging                   // a change by request is on its way to storage
	entryGone                       // done with; kept until no read that may still show it is under way
)

// entry is a delivery in memory: in a lane's window, or on the way there as a message.
type entry struct {
	due   webhook.Due
	state entryState
	// charged is how many bytes it holds of the server's budget.
	charged int
	lane    *lane // whose window it is in, or was in last
	line    *line // in which it waits
	// byHand: a person asked for it, so that it is sent before others and may pass a
	// closed gate; test: through a pause, too. A restart forgets both.
	byHand, test bool
	ticket       ticket // what the gate wants back
	// receiverSince is the endpoint's when the attempt began.
	receiverSince uint64
	startedAt     time.Time
	sentOn        slot
	attempt       webhook.Attempt
	// panicked: the attempt ended in a panic, of panicValue; panics counts them.
	panicked   bool
	panicValue any
	// after are the changes that wait until it is settled, or changed.
	after []*change
	next  webhook.Settlement // while settling
	// unrecorded is why storage could not record next; lost notes that the lane knows.
	unrecorded error
	lost       bool
	// shown is what a read gave of the delivery while it was changing.
	shown *entry
	// While gone: the reads under way that may show the delivery as it was before.
	staleQueue, staleSchedule bool
}

func (e *entry) id() webhook.ID { return e.due.Delivery.ID }

// slot is the entry's position in the retry schedule.
func (e *entry) slot() webhook.Slot {
	return webhook.Slot{At: e.due.Delivery.NextAttemptAt, ID: e.id()}
}

// overtaken tells whether what a read gave is older than what the lane knows of
// the delivery; e is its entry in the window.
func (e *entry) overtaken(read *entry) bool {
	switch {
	case e.state != entryGone:
		return true
	case read.due.Delivery.Status == webhook.Retrying:
		return e.staleSchedule
	}
	return e.staleQueue
}

// line is a first-in first-out list of waiting entries. Entries that stopped
// waiting, or wait in another line now, are passed over.
type line struct {
	entries []*entry
	head    int
}

func (l *line) push(e *entry) {
	if l.head > 64 && l.head*2 > len(l.entries) {
		n := copy(l.entries, l.entries[l.head:])
		clear(l.entries[n:])
		l.entries, l.head = l.entries[:n], 0
	}
	e.line = l
	l.entries = append(l.entries, e)
}

// holds reports whether an entry of the list, nil for one that was removed, waits in this line.
func (l *line) holds(e *entry) bool { return e != nil && e.state == entryWaiting && e.line == l }

// peek gives the first waiting entry, nil if there is none.
func (l *line) peek() *entry {
	for l.head < len(l.entries) {
		if e := l.entries[l.head]; l.holds(e) {
			return e
		}
		l.entries[l.head] = nil
		l.head++
	}
	l.entries, l.head = l.entries[:0], 0
	return nil
}

// pop removes the entry that peek gave.
func (l *line) pop() {
	l.entries[l.head] = nil
	l.head++
}

// least returns the waiting entry that comes first by an order, of equal ones the
// one that waits for longest; nil if there is none.
func (l *line) least(order func(a, b *entry) int) *entry {
	var least *entry
	for _, e := range l.entries[l.head:] {
		if l.holds(e) && (least == nil || order(e, least) < 0) {
			least = e
		}
	}
	return least
}

// remove takes an entry out of the line, wherever it stands.
func (l *line) remove(e *entry) {
	if i := slices.Index(l.entries, e); i >= 0 {
		l.entries[i] = nil
	}
}

// drain removes and returns all waiting entries.
func (l *line) drain() []*entry {
	var all []*entry
	for e := l.peek(); e != nil; e = l.peek() {
		l.pop()
		all = append(all, e)
	}
	l.entries = nil
	l.head = 0
	return all
}
