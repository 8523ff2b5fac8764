package webhook

import "time"

// Attempt is one HTTP request made for a delivery.
type Attempt struct {
	// Number counts a delivery's attempts, from 1.
	Number int
	// At is when the attempt began; the body's timestamp.
	At       time.Time
	Duration time.Duration
	// Latency is the time from At to the response's status line; 0 if there was no response.
	Latency time.Duration
	// Requests counts the HTTP requests that were written: usually 1; 2 when a kept
	// connection proved to be closed already; 0 when there was no connection.
	Requests int
	// StatusCode is the response's; 0 if there was none.
	StatusCode int
	// Failure is why there was no response; ReasonNone if there was one.
	Failure Reason
	// Detail says more about the failure, or what was wrong with a response besides
	// its status, in at most MaxDetail bytes of printable text that the endpoint's
	// client may read; "" if there is no more to say.
	Detail string
	// Location is the Location header of a 3xx response, cut at MaxLocation bytes; "" if there was none.
	Location string
	// Response holds the first bytes of the response's body. It is empty when the
	// body was encoded, as ResponseEncoding says.
	Response []byte
	// ResponseTruncated reports that the body was longer than Response, or did not
	// come to its end. It is false for an encoded body, of which nothing is kept.
	ResponseTruncated bool
	// ResponseEncoding is the response's Content-Encoding, cut at 64 bytes; "" for identity.
	ResponseEncoding string
	// RetryAfter is how long the receiver asked to wait, from the attempt's end; 0 if it did not.
	RetryAfter time.Duration
}

// Bounds on what is kept of an attempt, in bytes.
const (
	MaxDetail   = 256
	MaxLocation = 1024
)

// Reason is why something failed: a closed set, the same in API, logs and metrics.
type Reason string

// The reasons.
const (
	ReasonNone Reason = ""
	// Of an attempt without a usable response.
	ReasonDNS            Reason = "dns"             // the name did not resolve
	ReasonBlockedAddress Reason = "blocked_address" // the address guard refused the target
	ReasonConnect        Reason = "connect"         // no connection
	ReasonTLS            Reason = "tls"             // the handshake failed, for none of the causes below
	ReasonTLSExpired     Reason = "tls_expired"     // the certificate has expired, or is not valid yet
	ReasonTLSName        Reason = "tls_name"        // the certificate is for other names
	ReasonTLSAuthority   Reason = "tls_authority"   // no trusted authority signed the certificate
	ReasonTLSVersion     Reason = "tls_version"     // the receiver speaks no version of TLS that is safe
	ReasonTLSClientCert  Reason = "tls_client_cert" // the receiver wants a client certificate
	ReasonTLSProtocol    Reason = "tls_protocol"    // the receiver speaks HTTP/2 only
	ReasonTimeout        Reason = "timeout"         // the attempt's time was up
	ReasonReset          Reason = "reset"           // the connection ended before a response
	ReasonProtocol       Reason = "protocol"        // the response is not HTTP
	// Of a response.
	ReasonHTTP1xx Reason = "http_1xx"
	ReasonHTTP3xx Reason = "http_3xx" // redirects are not followed
	ReasonHTTP4xx Reason = "http_4xx"
	ReasonHTTP5xx Reason = "http_5xx"
	ReasonGone    Reason = "gone"         // 410: the endpoint is disabled
	ReasonLimited Reason = "rate_limited" // 429
	// Of a delivery.
	ReasonCancelled        Reason = "cancelled"        // cancelled through the API
	ReasonEndpointDeleted  Reason = "webhook_deleted"  // its endpoint was deleted
	ReasonEndpointDisabled Reason = "webhook_disabled" // its endpoint was disabled when the event was accepted
	ReasonClientLimit      Reason = "client_limit"     // its client had too many deliveries pending when the event was accepted
	ReasonPanic            Reason = "panic"            // handling it failed again and again
	ReasonPayloadMissing   Reason = "payload_missing"  // its event is not in storage
)

// Reasons lists every reason but ReasonNone.
var Reasons = []Reason{
	ReasonDNS, ReasonBlockedAddress, ReasonConnect,
	ReasonTLS, ReasonTLSExpired, ReasonTLSName, ReasonTLSAuthority, ReasonTLSVersion, ReasonTLSClientCert, ReasonTLSProtocol,
	ReasonTimeout, ReasonReset, ReasonProtocol,
	ReasonHTTP1xx, ReasonHTTP3xx, ReasonHTTP4xx, ReasonHTTP5xx, ReasonGone, ReasonLimited,
	ReasonCancelled, ReasonEndpointDeleted, ReasonEndpointDisabled, ReasonClientLimit, ReasonPanic, ReasonPayloadMissing,
}

// messages says each reason in words, for people.
var messages = map[Reason]string{
	ReasonDNS:              "the target's host name did not resolve",
	ReasonBlockedAddress:   "the target's address is not allowed",
	ReasonConnect:          "no connection to the target",
	ReasonTLS:              "the TLS handshake failed",
	ReasonTLSExpired:       "the receiver's certificate has expired or is not valid yet",
	ReasonTLSName:          "the receiver's certificate is for another host name",
	ReasonTLSAuthority:     "the receiver's certificate is not signed by a trusted authority",
	ReasonTLSVersion:       "the receiver speaks no TLS version from 1.2 on",
	ReasonTLSClientCert:    "the receiver asks for a client certificate",
	ReasonTLSProtocol:      "the receiver speaks no HTTP/1.1 over TLS",
	ReasonTimeout:          "no response in time",
	ReasonReset:            "the connection ended before a response",
	ReasonProtocol:         "the response is not valid HTTP",
	ReasonHTTP1xx:          "the receiver answered with an informational status only",
	ReasonHTTP3xx:          "the receiver answered with a redirect, which is not followed",
	ReasonHTTP4xx:          "the receiver refused the request",
	ReasonHTTP5xx:          "the receiver failed",
	ReasonGone:             "the receiver answered 410 Gone; the webhook was disabled",
	ReasonLimited:          "the receiver limits its rate",
	ReasonCancelled:        "cancelled on request",
	ReasonEndpointDeleted:  "the webhook was deleted",
	ReasonEndpointDisabled: "the webhook was disabled when the event was published",
	ReasonClientLimit:      "the client had too many pending deliveries when the event was published",
	ReasonPanic:            "handling the delivery failed repeatedly inside the server",
	ReasonPayloadMissing:   "the event's payload is not in storage",
}

// Message says the reason in words; "" for ReasonNone.
func (r Reason) Message() string { return messages[r] }

// Verdict is what an attempt means for its delivery.
type Verdict int

// The verdicts.
const (
	Retryable Verdict = iota // failed; try again
	Success                  // delivered
	Refused                  // failed for good; the endpoint wants no more
)

// Outcome is an attempt, judged.
type Outcome struct {
	Verdict Verdict
	Reason  Reason
	// SlowDown: the receiver is overloaded; send less.
	SlowDown bool
	// Down: the receiver failed, whatever it was sent. The breaker counts these
	// attempts. Any other one proves that the receiver is there, even if it refuses
	// this message.
	Down bool
}

// Outcome judges the attempt. It is the only place where this is decided.
//
// No answer, 408, 429 and 5xx are failures of the receiver. Another 4xx is an
// answer to this one message. So is a 3xx: something is there that takes requests,
// and waiting does not make it follow its own redirect.
func (a *Attempt) Outcome() Outcome {
	if a.Failure != ReasonNone {
		return Outcome{Verdict: Retryable, Reason: a.Failure, Down: true}
	}
	switch code := a.StatusCode; {
	case code >= 200 && code < 300:
		return Outcome{Verdict: Success}
	case code == 410:
		return Outcome{Verdict: Refused, Reason: ReasonGone}
	case code == 429:
		return Outcome{Verdict: Retryable, Reason: ReasonLimited, SlowDown: true, Down: true}
	case code == 408:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP4xx, Down: true}
	case code == 502, code == 503, code == 504:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP5xx, SlowDown: true, Down: true}
	case code >= 500:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP5xx, Down: true}
	case code >= 400:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP4xx}
	case code >= 300:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP3xx}
	}
	return Outcome{Verdict: Retryable, Reason: ReasonHTTP1xx, Down: true}
}
