package webhook

import "github.com/corpastro/astrohook/webhook/signing"

// DefaultHeaderPrefix is what the names of the other headers begin with unless
// the operator chooses another.
const DefaultHeaderPrefix = "X-Corp-Astro"

// Headers are the names of a delivery's headers that carry the prefix, in the
// casing that goes out.
type Headers struct {
	ID             string // carries the delivery's id
	Event          string // carries the event's type
	Timestamp      string // carries the body's timestamp
	EventID        string // carries the event's id, the same in all of its deliveries
	EventTimestamp string // carries when the event was accepted, in the form of Timestamp
	Attempt        string // carries the attempt's number, from 1
	Signature      string // carries the body's HMAC-SHA256 in lower-case hex
	// SignatureNext carries, while a secret is being rotated, what Signature is
	// going to carry afterwards.
	SignatureNext string
}

// HeadersFor gives the names for a prefix: "X-Corp-Astro" gives "X-Corp-Astro-Webhook-ID"
// and so on. The prefix must be a valid start of a header's name.
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
