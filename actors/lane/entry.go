package lane

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// entryState is where a delivery stands in the lane's window. The package's doc comment
// has the transitions.
type entryState uint8

const (
	entryWaiting  entryState = iota // may be sent
	entryInFlight                   // an attempt is under way
	entrySettling                   // its outcome is on its way to storage
	entryChanging                   // a change by request is on its way to storage
	entryGone                       // settled or changed; kept while a read may still show it as it was
)

// Entry is a delivery in memory: in a lane's window, or on its way there. From [Lane.Next]
// on until the attempt has ended the worker that makes the attempt writes Attempt and
// Panic, and nothing else; at all other times the lane's actor owns the entry.
type Entry struct {
	Due webhook.Due
	// Charged is how many bytes the entry holds of the server's memory for payloads.
	Charged int
	// ByHand: a person asked for the delivery, so that it is sent before others and may
	// pass a closed gate. Test: it passes a pause, too. A restart forgets both.
	ByHand, Test bool

	// Attempt is the outcome of the last attempt.
	Attempt webhook.Attempt
	// Panic is what the last attempt panicked with; nil if it did not.
	Panic any
	// Next is what storage is to record of the attempt, from Effects.Settle on. RecordErr
	// is why storage could not; nil once it has.
	Next      webhook.Settlement
	RecordErr error

	state         entryState
	lane          *Lane // whose window it is in, or was in last
	line          *line // in which it waits
	ticket        ticket
	receiverSince uint64 // the lane's, when the attempt began
	startedAt     time.Time
	notRecorded   bool // the lane knows of RecordErr, and counts the entry as unsettled no more
	// postponed are the changes that wait until the entry is settled or changed.
	postponed []*Change
	// readMeanwhile is the delivery as a read showed it while it was changing; nil if none did.
	readMeanwhile *Entry
	// While gone: which of the reads under way may show the delivery as it was before.
	staleQueue, staleSchedule bool
}

// ID returns the delivery's ID.
func (e *Entry) ID() webhook.ID { return e.Due.Delivery.ID }

// slot returns the delivery's position in the retry schedule.
func (e *Entry) slot() webhook.Slot {
	return webhook.Slot{At: e.Due.Delivery.NextAttemptAt, ID: e.ID()}
}

// overtaken reports whether the lane knows something newer about the delivery than a read
// shows. e is the delivery's entry in the window.
func (e *Entry) overtaken(read *Entry) bool {
	switch {
	case e.state != entryGone:
		return true
	case read.Due.Delivery.Status == webhook.Retrying:
		return e.staleSchedule
	}
	return e.staleQueue
}

// line is a first-in first-out list of waiting entries. An entry leaves it without being
// removed: entries that no longer wait, or wait in another line, are passed over. So a
// change of an entry's state costs nothing here.
type line struct {
	entries []*Entry
	head    int // entries before it were popped
}

// push appends an entry. It first makes use of the popped half, so that the list does not
// grow with the lane's life.
func (l *line) push(e *Entry) {
	if l.head > 64 && l.head*2 > len(l.entries) {
		n := copy(l.entries, l.entries[l.head:])
		clear(l.entries[n:])
		l.entries, l.head = l.entries[:n], 0
	}
	e.line = l
	l.entries = append(l.entries, e)
}

// holds reports whether an element of the list, nil for one that was removed, still waits
// in this line.
func (l *line) holds(e *Entry) bool { return e != nil && e.state == entryWaiting && e.line == l }

// peek returns the first waiting entry; nil if there is none.
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

// pop removes the entry that peek returned last.
func (l *line) pop() {
	l.entries[l.head] = nil
	l.head++
}

// least returns the waiting entry that is the first by an order; among equal ones the one
// that has waited longest; nil if none waits. It looks at all, at most maxWindow, and only
// for the attempt that decides on a half-open breaker.
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

// drain removes and returns all waiting entries. It gives up the list's memory, too:
// nothing may come for a long time.
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
