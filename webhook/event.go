package webhook

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// Bounds of an event.
const (
	// MaxPayload bounds an event's canonical data, in bytes.
	MaxPayload = 256 << 10
	// MaxFanOut bounds the deliveries that the store makes in one transaction. It stores
	// an event with more of them in parts.
	MaxFanOut = 20_000
)

// Event is what a publisher posted. It never changes after it was accepted.
type Event struct {
	ID   ID
	Type string
	// ClientID names the one client whose endpoints get the event; "" means every client.
	ClientID string
	// Data is the published data in canonical form (see package canonicaljson).
	Data []byte
	// Publisher is the caller who published. Idempotency keys of different publishers
	// never meet.
	Publisher string
	// IdempotencyKey makes a second publication with the same key a repetition
	// of the first; "" means none.
	IdempotencyKey string
	// Fingerprint is the event's Identity if it was computed already, else zero.
	Fingerprint [16]byte
	// Endpoints are the endpoints that the event matched, ascending. Each has one
	// delivery.
	Endpoints []EndpointNumber
	// Disabled are the disabled endpoints that the event matched, ascending. Each has
	// a delivery that is stored as failed with ReasonEndpointDisabled.
	Disabled []EndpointNumber
	// Limited are the endpoints that the event matched and whose client has as many
	// pending deliveries as it may have, ascending. Each has a delivery that is stored
	// as failed with ReasonClientLimit.
	Limited []EndpointNumber
}

// Recipients returns the endpoints that the event has a delivery for, ascending:
// Endpoints, Disabled and Limited together. The caller must not change the slice: it
// is Endpoints itself in the usual case that the others are empty.
func (e *Event) Recipients() []EndpointNumber {
	if len(e.Disabled)+len(e.Limited) == 0 {
		return e.Endpoints
	}
	all := slices.Concat(e.Endpoints, e.Disabled, e.Limited)
	slices.Sort(all)
	return all
}

// Withheld returns why the delivery for one of the Recipients is stored as failed,
// or ReasonNone if it is queued.
func (e *Event) Withheld(n EndpointNumber) Reason {
	if _, is := slices.BinarySearch(e.Disabled, n); is {
		return ReasonEndpointDisabled
	}
	if _, is := slices.BinarySearch(e.Limited, n); is {
		return ReasonClientLimit
	}
	return ReasonNone
}

// Identity identifies what an idempotency key stands for: the event's type, client
// and data. It compares data as JSON: members have no order (RFC 8259, section 4),
// elements of an array have, and numbers are equal that are published alike.
// Fingerprints are stored, so the result must stay the same for as long as
// idempotency keys hold.
func (e *Event) Identity() [16]byte {
	if e.Fingerprint != ([16]byte{}) {
		return e.Fingerprint
	}
	text := make([]byte, 0, 16+len(e.Type)+len(e.ClientID)+len(e.Data))
	for _, part := range []string{e.Type, e.ClientID} { // with lengths: "a", "b" is not "ab", ""
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	if len(e.Data) > 0 {
		text = canonicaljson.AppendSorted(text, e.Data)
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}

// Receipt returns the receipt of the event when it is stored for the first time.
func (e *Event) Receipt() Receipt {
	return Receipt{EventID: e.ID, Deliveries: len(e.Endpoints), Disabled: len(e.Disabled), Limited: len(e.Limited)}
}

// Receipt reports what became of a published event.
type Receipt struct {
	EventID ID
	// Deliveries is how many endpoints the event goes to.
	Deliveries int
	// Disabled is how many of the endpoints that the event matched are disabled. Their
	// deliveries are stored as failed, and can be replayed.
	Disabled int
	// Limited is how many of the endpoints that the event matched belong to clients with
	// too much pending. Their deliveries are stored as failed, and can be replayed.
	Limited int
	// Paused is how many of Deliveries wait until a paused endpoint is resumed. The
	// receipt of a repetition has 0: nobody counted again.
	Paused int
	// Duplicate reports that the idempotency key was used before for this same event,
	// which EventID names. Nothing was stored now.
	Duplicate bool
	// Err is why this event was refused while others of its batch were accepted:
	// ErrKeyReused if its idempotency key was used for another event, which EventID
	// names; ErrFanOut; ErrTooManyPending if its client, or all clients together, have
	// too much pending.
	Err error
}

// EventQuery selects events for a list, newest first.
type EventQuery struct {
	// ClientID restricts the list to what a client has of it: the events that were for this
	// client alone, and those with a delivery for one of its endpoints, deleted or not. Only
	// those deliveries count then. "" means every client.
	ClientID string
	// Publisher adds the events of a publisher to those of ClientID; without a ClientID it
	// restricts the list to them. "" means every publisher, if ClientID is empty too.
	Publisher string
	// EventType restricts the list to one event type; "" means all.
	EventType string
	// Matched restricts the list to events with a delivery that counts, or to those without.
	Matched Match
	// Since and Until bound the time of acceptance: Since ≤ t < Until; zero means no bound.
	Since, Until time.Time
	// Before continues a list after this event; zero starts the list.
	Before ID
	// Limit bounds the events of one page, at least 1.
	Limit int
}

// Match says whether events with or without a delivery are wanted.
type Match int

// What EventQuery.Matched can be.
const (
	AnyMatch Match = iota
	OnlyMatched
	OnlyUnmatched
)

// EventSummary is an event without its data.
type EventSummary struct {
	ID       ID
	Type     string
	ClientID string
	// Size is that of the data, in bytes.
	Size int
	// Deliveries is how many deliveries the event has had, as far as EventQuery counts
	// them. Some may have expired.
	Deliveries int
}

// EventPage is one page of a list of events.
type EventPage struct {
	Events []EventSummary
	// Next is the Before of the next page; zero at the end of the list. A page can be
	// shorter than its limit, even empty, and still have a next one: storage bounds the
	// events that it looks at for a page.
	Next ID
}

// Selects returns an event as a list shows it, and whether the list has it, its time and
// place aside. e needs no data; its Endpoints are all recipients. theirs are the endpoints
// of q.ClientID, ascending.
func (q *EventQuery) Selects(e *Event, size int, theirs []EndpointNumber) (EventSummary, bool) {
	if q.EventType != "" && q.EventType != e.Type {
		return EventSummary{}, false
	}
	s := EventSummary{ID: e.ID, Type: e.Type, ClientID: e.ClientID, Size: size, Deliveries: len(e.Endpoints)}
	if q.ClientID != "" {
		s.Deliveries = common(e.Endpoints, theirs)
	}
	known := q.ClientID == "" && q.Publisher == "" ||
		q.ClientID != "" && (e.ClientID == q.ClientID || s.Deliveries > 0) ||
		q.Publisher != "" && e.Publisher == q.Publisher
	return s, known && (q.Matched == AnyMatch || (q.Matched == OnlyMatched) == (s.Deliveries > 0))
}

// common counts the numbers that two ascending lists have in common.
func common(a, b []EndpointNumber) (count int) {
	if len(a) > len(b) {
		a, b = b, a
	}
	for _, n := range a {
		at, found := slices.BinarySearch(b, n)
		if found {
			count++
		}
		b = b[at:]
	}
	return count
}
