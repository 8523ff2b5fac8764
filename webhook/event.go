package webhook

import "slices"

// Sizes that publishing is held to, in bytes.
const (
	// MaxPayload bounds an event's canonical data.
	MaxPayload = 256 << 10
	// MaxDepth bounds how deep an event's data nests.
	MaxDepth = 128
	// MaxFanOut bounds the endpoints that one event may match: what one
	// transaction of the store holds.
	MaxFanOut = 20_000
)

// Event is what a publisher posted. It never changes after it was accepted.
type Event struct {
	ID   ID
	Type string
	// ClientID names the one client whose endpoints get the event; "" for every client's.
	ClientID string
	// Data is the published data in canonical form (see Canonical).
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
}

// Recipients are all endpoints for which the event has deliveries, ascending.
func (e *Event) Recipients() []EndpointNumber {
	if len(e.Disabled) == 0 {
		return e.Endpoints
	}
	all := slices.Concat(e.Endpoints, e.Disabled)
	slices.Sort(all)
	return all
}

// Receipt tells what became of a published event.
type Receipt struct {
	EventID ID
	// Deliveries is how many endpoints the event goes to.
	Deliveries int
	// Disabled is how many of the endpoints that the event matched are disabled:
	// their deliveries are stored as failed, and can be replayed.
	Disabled int
	// Duplicate: the idempotency key was used before for this same event, which
	// the receipt names; nothing was stored now.
	Duplicate bool
	// Err is why this event was refused while others of its batch were accepted:
	// ErrKeyReused when its idempotency key was used for another event, which
	// EventID names, ErrFanOut.
	Err error
}
