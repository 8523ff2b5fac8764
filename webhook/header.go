package webhook

// The headers of Standard Webhooks 1.0.0.
const (
	HeaderWebhookID        = "webhook-id"        // the delivery's id
	HeaderWebhookTimestamp = "webhook-timestamp" // the attempt's time in Unix seconds
	HeaderWebhookSignature = "webhook-signature" // one signature for each valid secret
)

// DefaultHeaderPrefix is what the names of the other headers begin with unless
// the operator chooses another.
const DefaultHeaderPrefix = "X-Corp-Astro"

// Headers are the names of a delivery's headers that carry the prefix, in the
// casing that goes out.
type Headers struct {
	ID        string // carries the delivery's id
	Event     string // carries the event's type
	Timestamp string // carries the body's timestamp
	Signature string // carries the body's HMAC-SHA256 in lower-case hex
}

// HeadersFor gives the names for a prefix: "X-Corp-Astro" gives "X-Corp-Astro-Webhook-ID"
// and so on. The prefix must be a valid start of a header's name.
func HeadersFor(prefix string) Headers {
	return Headers{
		ID:        prefix + "-Webhook-ID",
		Event:     prefix + "-Event",
		Timestamp: prefix + "-Timestamp",
		Signature: prefix + "-Signature",
	}
}
