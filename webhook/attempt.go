package webhook

import (
	"net/netip"
	"strconv"
	"time"
)

// Attempt is one HTTP request made for a delivery.
type Attempt struct {
	// Number counts a delivery's attempts, from 1.
	Number int
	// At is when the attempt began. It is the body's timestamp.
	At       time.Time
	Duration time.Duration
	// Latency is the time from At to the response's status line; 0 if there was no response.
	Latency time.Duration
	// Requests counts the HTTP requests that were written: usually 1; 2 if a kept
	// connection turned out to be closed already; 0 if there was no connection.
	Requests int
	// StatusCode is the response's; 0 if there was none.
	StatusCode int
	// Failure is why there was no response; ReasonNone if there was one.
	Failure Reason
	// Detail says more about the failure, or what was wrong with a response besides
	// its status, in at most MaxDetail bytes of printable text; "" if there is no more
	// to say. The endpoint's client may read it.
	Detail string
	// Location is the Location header of a 3xx response, cut at MaxLocation bytes; "" if
	// there was none.
	Location string
	// Response holds the first bytes of the response's body. It is empty if the
	// body was encoded: see ResponseEncoding.
	Response []byte
	// ResponseTruncated reports that the body was longer than Response, or that the
	// connection ended before the body. It is false for an encoded body: nothing of
	// that is kept.
	ResponseTruncated bool
	// ResponseEncoding is the response's Content-Encoding, cut at 64 bytes; "" for identity.
	ResponseEncoding string
	// RetryAfter is how long the receiver asked to wait, from the attempt's end; 0 if it did not.
	RetryAfter time.Duration
	// Connection is what the attempt met on its way.
	Connection Connection
	// SentAs is the fingerprint of everything that the request was made from besides the
	// delivery; 0 in attempts of versions that did not note it. A request that is made again
	// under the same fingerprint is the same, to the byte.
	SentAs uint32
	// ResponseHead holds the response's status line and its header fields, one a line, with
	// the values of credentials masked. It ends with a line HeadCut if some are missing. ""
	// if the response has no place for it: see Long.
	ResponseHead string
}

// HeadCut is the last line of a ResponseHead that does not have all fields. No field is
// such a line.
const HeadCut = "…"

// Bounds of the texts of an attempt, in bytes.
const (
	MaxDetail       = 256
	MaxLocation     = 1024
	MaxResponseHead = 4 << 10
)

// Connection is what an attempt met on the way to its receiver. Each field is zero where
// there was no such thing, and in attempts that a version without the field stored.
type Connection struct {
	// From and To are the two ends of the connection, without zones. After a connection
	// that was not made, To is the address that was tried last, and From is zero.
	From, To netip.AddrPort
	// Reused reports that an earlier attempt had opened the connection, so that DNS,
	// Connect and TLS took no time.
	Reused bool
	// Proxied reports that To is the egress proxy, which resolves the receiver's name.
	Proxied bool
	// DNS, Connect and TLS are how long each step took, also the one that failed. With a
	// proxy, DNS is the look-up of the proxy's name, and Connect includes the tunnel.
	DNS, Connect, TLS time.Duration
	// FirstByte is the time from the attempt's beginning to the first byte of a response,
	// also an informational one.
	FirstByte time.Duration
}

// Verdict is what an attempt means for its delivery.
type Verdict int

// Verdicts on an attempt.
const (
	Retryable Verdict = iota // failed; try again
	Success                  // delivered
	Refused                  // failed for good; the endpoint wants no more
)

// Outcome is what follows from an attempt.
type Outcome struct {
	Verdict Verdict
	Reason  Reason
	// SlowDown reports that the receiver is overloaded: send less.
	SlowDown bool
	// Down reports that the receiver failed, and would have failed with another message
	// too. The breaker counts these attempts. Any other attempt proves that the receiver
	// is there, even if it refuses this message.
	Down bool
}

// Outcome judges the attempt. No other code decides what a status code means.
//
// No answer, 408, 429 and 5xx are failures of the receiver. Another 4xx is an answer to
// this one message. So is a 3xx: something is there that takes requests, and it will
// redirect the next one as well. Only a 410 ends the delivery at once: the receiver asks
// for no more (RFC 9110, section 15.5.11).
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

// CodeFilter selects deliveries by the status code of their latest attempt: a class such
// as "4xx", a code such as "404", or NoCode. "" selects all. Any other selects none that
// was never attempted.
type CodeFilter string

// NoCode selects the deliveries whose latest attempt got no response.
const NoCode CodeFilter = "none"

// ParseCodeFilter returns the filter that a text stands for; false if it stands for none.
func ParseCodeFilter(text string) (CodeFilter, bool) {
	switch f := CodeFilter(text); f {
	case "", NoCode, "2xx", "3xx", "4xx", "5xx":
		return f, true
	}
	code, err := strconv.Atoi(text)
	return CodeFilter(text), err == nil && code >= 100 && code <= 599 && len(text) == 3
}

// Selects reports whether a delivery is selected by its latest attempt, nil if there was
// none.
func (f CodeFilter) Selects(last *Attempt) bool {
	switch {
	case f == "":
		return true
	case last == nil:
		return false
	case f == NoCode:
		return last.StatusCode == 0
	case f[1:] == "xx":
		return last.StatusCode/100 == int(f[0]-'0')
	}
	return string(f) == strconv.Itoa(last.StatusCode)
}
