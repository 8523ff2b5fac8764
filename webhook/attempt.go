package webhook

import "time"

// Attempt is one HTTP request made for a delivery.
type Attempt struct {
	// Number counts a delivery's attempts, from 1.
	Number int
	// At is when the attempt began; the body's timestamp.
	At       time.Time
	Duration time.Duration
	// StatusCode is the response's; 0 if there was none.
	StatusCode int
	// Failure is why there was no response; ReasonNone if there was one.
	Failure Reason
	// Response holds the first bytes of the response's body.
	Response []byte
	// RetryAfter is how long the receiver asked to wait, from the attempt's end; 0 if it did not.
	RetryAfter time.Duration
}

// Reason is why something failed: a closed set, the same in API, logs and metrics.
type Reason string

// The reasons.
const (
	ReasonNone Reason = ""
	// Of an attempt without a usable response.
	ReasonDNS            Reason = "dns"             // the name did not resolve
	ReasonBlockedAddress Reason = "blocked_address" // the address guard refused the target
	ReasonConnect        Reason = "connect"         // no connection
	ReasonTLS            Reason = "tls"             // no handshake, or a bad certificate
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
	ReasonCancelled       Reason = "cancelled"        // cancelled through the API
	ReasonEndpointDeleted Reason = "endpoint_deleted" // its endpoint was deleted
	ReasonPanic           Reason = "panic"            // handling it failed again and again
	ReasonPayloadMissing  Reason = "payload_missing"  // its event is not in storage
)

// Reasons lists every reason but ReasonNone.
var Reasons = []Reason{
	ReasonDNS, ReasonBlockedAddress, ReasonConnect, ReasonTLS, ReasonTimeout, ReasonReset, ReasonProtocol,
	ReasonHTTP1xx, ReasonHTTP3xx, ReasonHTTP4xx, ReasonHTTP5xx, ReasonGone, ReasonLimited,
	ReasonCancelled, ReasonEndpointDeleted, ReasonPanic, ReasonPayloadMissing,
}

// messages says each reason in words, for people.
var messages = map[Reason]string{
	ReasonDNS:             "the target's host name did not resolve",
	ReasonBlockedAddress:  "the target's address is not allowed",
	ReasonConnect:         "no connection to the target",
	ReasonTLS:             "the TLS handshake failed",
	ReasonTimeout:         "no response in time",
	ReasonReset:           "the connection ended before a response",
	ReasonProtocol:        "the response is not valid HTTP",
	ReasonHTTP1xx:         "the receiver answered with an informational status only",
	ReasonHTTP3xx:         "the receiver answered with a redirect, which is not followed",
	ReasonHTTP4xx:         "the receiver refused the request",
	ReasonHTTP5xx:         "the receiver failed",
	ReasonGone:            "the receiver answered 410 Gone; the endpoint was disabled",
	ReasonLimited:         "the receiver limits its rate",
	ReasonCancelled:       "cancelled on request",
	ReasonEndpointDeleted: "the endpoint was deleted",
	ReasonPanic:           "handling the delivery failed repeatedly inside the server",
	ReasonPayloadMissing:  "the event's payload is not in storage",
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
}

// Outcome judges the attempt. It is the only place where this is decided.
func (a *Attempt) Outcome() Outcome {
	if a.Failure != ReasonNone {
		return Outcome{Verdict: Retryable, Reason: a.Failure}
	}
	switch code := a.StatusCode; {
	case code >= 200 && code < 300:
		return Outcome{Verdict: Success}
	case code == 410:
		return Outcome{Verdict: Refused, Reason: ReasonGone}
	case code == 429:
		return Outcome{Verdict: Retryable, Reason: ReasonLimited, SlowDown: true}
	case code == 502, code == 503, code == 504:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP5xx, SlowDown: true}
	case code >= 500:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP5xx}
	case code >= 400:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP4xx}
	case code >= 300:
		return Outcome{Verdict: Retryable, Reason: ReasonHTTP3xx}
	}
	return Outcome{Verdict: Retryable, Reason: ReasonHTTP1xx}
}
