package webhook

import "github.com/corpastro/astrohook/webhook/signing"

// DefaultHeaderPrefix begins the names of the headers below unless the operator chooses
// another prefix (setting header-prefix).
const DefaultHeaderPrefix = "X-Corp-Astro"

// Headers are the names of a delivery's headers that begin with the prefix, in the casing
// that goes out. The headers of Standard Webhooks have fixed names: see package signing.
type Headers struct {
	ID             string // the delivery's id
	Event          string // the event's type
	Timestamp      string // the body's timestamp
	EventID        string // the event's id, the same in all of its deliveries
	EventTimestamp string // when the event was accepted, in the form of Timestamp
	Attempt        string // the attempt's number, from 1
	Signature      string // the body's HMAC-SHA256 in lower-case hex
	// SignatureNext carries, during a rotation, the signature that Signature will carry
	// when the rotation is over.
	SignatureNext string
}

// HeadersFor returns the names for a prefix: "X-Corp-Astro-Webhook-ID" and so on for
// "X-Corp-Astro". The prefix must be a valid start of a header's name.
func HeadersFor(prefix string) Headers {
	return Headers{
		ID:             prefix + "-Webhook-ID",
		Event:          prefix + "-Event",
		Timestamp:      prefix + "-Timestamp",
		EventID:        prefix + "-Event-ID",
		EventTimestamp: prefix + "-Event-Timestamp",
		Attempt:        prefix + "-Attempt",
		Signature:      prefix + "-Signature",
		SignatureNext:  prefix + "-Signature" + signing.NextSuffix,
	}
}
