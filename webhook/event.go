package webhook

import "slices"

// Sizes that publishing is held to, in bytes.
const (
	// MaxPayload bounds an event's canonical data.
	MaxPayload = 256 << 10
	// MaxFanOut bounds the deliveries that one transaction of the store holds. An
	// event with more of them is stored in parts.
	MaxFanOut = 20_000
)

// Event is what a publisher posted. It never changes after it was accepted.
type Event struct {
	ID   ID
	Type string
	// ClientID names the one client whose endpoints get the event; "" for every client's.
	ClientID string
	// Data is the published data in canonical form (see package canonicaljson).
	Data []byte
	// Publisher is who published; idempotency keys are its own.
	Publisher string
	// IdempotencyKey makes a second publication with the same key a repetition
	// of the first; "" for none.
	IdempotencyKey string
	// Fingerprint is the event's Identity where that was computed already, else zero.
	Fingerprint [16]byte
	// Endpoints are the endpoints that the event matched, ascending. There is one delivery for each.
	Endpoints []EndpointNumber
	// Disabled are the disabled endpoints that the event matched, ascending. For
	// each, a delivery is stored that has failed with ReasonEndpointDisabled.
	Disabled []EndpointNumber
	// Limited are the endpoints that the event matched and whose client has as many
	// pending deliveries as it may have, ascending. For each, a delivery is stored
	// that has failed with ReasonClientLimit.
	Limited []EndpointNumber
}

// Recipients returns the endpoints that the event has a delivery for, ascending:
// Endpoints, Disabled and Limited together.
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

// Receipt tells what became of a published event.
type Receipt struct {
	EventID ID
	// Deliveries is how many endpoints the event goes to.
	Deliveries int
	// Disabled is how many of the endpoints that the event matched are disabled:
	// their deliveries are stored as failed, and can be replayed.
	Disabled int
	// Limited is how many of them belong to clients with too much pending: their
	// deliveries are stored as failed, and can be replayed.
	Limited int
	// Paused is how many of Deliveries wait until a paused endpoint is resumed. A
	// repetition does not say it.
	Paused int
	// Duplicate: the idempotency key was used before for this same event, which
	// the receipt names; nothing was stored now.
	Duplicate bool
	// Err is why this event was refused while others of its batch were accepted:
	// ErrKeyReused when its idempotency key was used for another event, which
	// EventID names, ErrFanOut, ErrTooManyPending when its client, or all together,
	// have too much pending.
	Err error
}
