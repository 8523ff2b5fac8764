package lane

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

// Entry is a delivery in memory: in a lane's window, or on the way there as a message.
type Entry struct {
	Due   webhook.Due
	state entryState
	// Charged is how many bytes it holds of the server's budget.
	Charged int
	lane    *Lane // whose window it is in, or was in last
	line    *line // in which it waits
	// ByHand: a person asked for it, so that it is sent before others and may pass a
	// closed gate; test: through a pause, too. A restart forgets both.
	ByHand, Test bool
	ticket       ticket // what the gate wants back
	// receiverSince is the endpoint's when the attempt began.
	receiverSince uint64
	startedAt     time.Time
	Attempt       webhook.Attempt
	// Panic is what the attempt panicked with; nil if it did not.
	Panic any
	// postponed are the changes that wait until it is settled, or changed.
	postponed []*Change
	Next      webhook.Settlement // while settling
	// RecordErr is why storage could not record next; lost notes that the lane knows.
	RecordErr   error
	notRecorded bool
	// readMeanwhile is what a read gave of the delivery while it was changing.
	readMeanwhile *Entry
	// While gone: the reads under way that may show the delivery as it was before.
	staleQueue, staleSchedule bool
}

// ID returns the delivery's ID.
func (e *Entry) ID() webhook.ID { return e.Due.Delivery.ID }

// slot is the entry's position in the retry schedule.
func (e *Entry) slot() webhook.Slot {
	return webhook.Slot{At: e.Due.Delivery.NextAttemptAt, ID: e.ID()}
}

// overtaken tells whether what a read gave is older than what the lane knows of
// the delivery; e is its entry in the window.
func (e *Entry) overtaken(read *Entry) bool {
	switch {
	case e.state != entryGone:
		return true
	case read.Due.Delivery.Status == webhook.Retrying:
		return e.staleSchedule
	}
	return e.staleQueue
}

// line is a first-in first-out list of waiting entries. Entries that stopped
// waiting, or wait in another line now, are passed over.
type line struct {
	entries []*Entry
	head    int
}

func (l *line) push(e *Entry) {
	if l.head > 64 && l.head*2 > len(l.entries) {
		n := copy(l.entries, l.entries[l.head:])
		clear(l.entries[n:])
		l.entries, l.head = l.entries[:n], 0
	}
	e.line = l
	l.entries = append(l.entries, e)
}

// holds reports whether an entry of the list, nil for one that was removed, waits in this line.
func (l *line) holds(e *Entry) bool { return e != nil && e.state == entryWaiting && e.line == l }

// peek gives the first waiting entry, nil if there is none.
func (l *line) peek() *Entry {
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
func (l *line) least(order func(a, b *Entry) int) *Entry {
	var least *Entry
	for _, e := range l.entries[l.head:] {
		if l.holds(e) && (least == nil || order(e, least) < 0) {
			least = e
		}
	}
	return least
}

// remove takes an entry out of the line, wherever it stands.
func (l *line) remove(e *Entry) {
	if i := slices.Index(l.entries, e); i >= 0 {
		l.entries[i] = nil
	}
}

// drain removes and returns all waiting entries.
func (l *line) drain() []*Entry {
	var all []*Entry
	for e := l.peek(); e != nil; e = l.peek() {
		l.pop()
		all = append(all, e)
	}
	l.entries = nil
	l.head = 0
	return all
}
