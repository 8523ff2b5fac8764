package webhook

// Reason is why something failed. The reasons are a closed set, the same in the API, the
// logs and the metrics, so that a label of a metric stays bounded.
type Reason string

// Reasons of attempts, responses and deliveries.
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

// Reasons lists every reason except ReasonNone.
var Reasons = []Reason{
	ReasonDNS, ReasonBlockedAddress, ReasonConnect,
	ReasonTLS, ReasonTLSExpired, ReasonTLSName, ReasonTLSAuthority, ReasonTLSVersion, ReasonTLSClientCert, ReasonTLSProtocol,
	ReasonTimeout, ReasonReset, ReasonProtocol,
	ReasonHTTP1xx, ReasonHTTP3xx, ReasonHTTP4xx, ReasonHTTP5xx, ReasonGone, ReasonLimited,
	ReasonCancelled, ReasonEndpointDeleted, ReasonEndpointDisabled, ReasonClientLimit, ReasonPanic, ReasonPayloadMissing,
}

// messages are the reasons in words, for people.
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

// Message returns the reason in words; "" for ReasonNone.
func (r Reason) Message() string { return messages[r] }

// MessageFor returns the reason in words for a response with the status code. Two codes
// of the class 3xx are not redirects (RFC 9110, section 15.4).
func (r Reason) MessageFor(code int) string {
	switch {
	case r == ReasonHTTP3xx && code == 300:
		return "the receiver answered 300 Multiple Choices: it offers several targets, and none of them is followed"
	case r == ReasonHTTP3xx && code == 304:
		return "the receiver answered 304 Not Modified, which is no answer to a POST"
	}
	return r.Message()
}

// Message returns in words why the attempt failed, with its detail; "" if it did not fail.
func (a *Attempt) Message() string {
	reason := a.Outcome().Reason
	text := reason.MessageFor(a.StatusCode)
	switch {
	case a.Detail == "" || reason == ReasonNone:
		return text
	case text == "":
		return a.Detail
	}
	return text + ": " + a.Detail
}

// Message returns in words why the latest attempt failed, or why the delivery did; ""
// if neither did. The latest attempt knows more than the reason, unless the delivery
// ended for another one, by a cancellation for instance.
func (d *Delivery) Message() string {
	if last := d.LastAttempt(); last != nil && last.Outcome().Reason == d.Reason {
		return last.Message()
	}
	return d.Reason.Message()
}
