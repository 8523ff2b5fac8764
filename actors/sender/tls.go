package sender

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"

	"github.com/corpastro/astrohook/actors/sender/detail"
	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/webhook"
)

// tlsFailure is why TLS failed. reason is the class, and cause may carry words for
// the webhook's owner.
type tlsFailure struct {
	reason webhook.Reason
	cause  error
}

func (e *tlsFailure) Error() string { return "TLS: " + e.cause.Error() }

func (e *tlsFailure) Unwrap() error { return e.cause }

// judgeHandshake returns the error of a failed handshake with its class and words.
// The order of the cases matters: a time-out may be inside any other error, and an
// alert is the receiver's own verdict.
func (cn *conn) judgeHandshake(err error) error {
	var header tls.RecordHeaderError
	code, alerted := alertIn(err)
	failure := &tlsFailure{reason: webhook.ReasonTLS, cause: err}
	switch text := err.Error(); {
	case http1.IsTimeout(err):
		failure.cause = detail.Explain(err, "the TLS handshake did not end in time; perhaps the port does not speak TLS")
	case alerted:
		failure.reason, failure.cause = cn.ofAlert(code, err)
	case errors.As(err, &header):
		failure.cause = detail.Explain(err, plainWords(header))
	case strings.Contains(text, "unsupported protocol version"): // crypto/tls has no type for this error
		failure.reason, failure.cause = webhook.ReasonTLSVersion, detail.Explain(err, "the receiver chose a version of TLS before 1.2")
	case strings.Contains(text, "unadvertised ALPN protocol"): // nor for this one
		failure.reason, failure.cause = webhook.ReasonTLSProtocol, detail.Explain(err, "the receiver chose a protocol other than HTTP/1.1")
	case isEnd(err):
		failure.cause = detail.Explain(err, "the connection ended during the TLS handshake; perhaps the port does not speak TLS")
	default:
		var unverified *tls.CertificateVerificationError
		if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
			failure.reason, failure.cause = ofCertificate(unverified)
		}
	}
	return failure
}

// plainWords returns words on a receiver that answered a handshake with something
// other than TLS.
func plainWords(e tls.RecordHeaderError) string {
	if string(e.RecordHeader[:]) == "HTTP/" {
		return "the receiver speaks plain HTTP on this port: the target's URL must begin with http, or name another port"
	}
	return "what the receiver sent is not TLS"
}

// judgeAlert returns the error of the first request over TLS with its class and words.
// With TLS 1.3 a receiver's verdict on the client's part of the handshake arrives in
// place of the response (RFC 8446, section 6.2).
func (cn *conn) judgeAlert(err error) error {
	code, alerted := alertIn(err)
	switch {
	case alerted:
		reason, cause := cn.ofAlert(code, err)
		return &tlsFailure{reason, cause}
	case cn.asksForCert && isEnd(err):
		// Some servers send no alert: Node.js closes.
		words := "the receiver asked for a client certificate, and ended the connection without an answer"
		return &tlsFailure{webhook.ReasonTLSClientCert, detail.Explain(err, words)}
	}
	return err
}

// The alerts that have a class (RFC 8446, section 6; RFC 5246, section 7.2). crypto/tls
// does not export them.
const (
	alertHandshakeFailure      = 40
	alertNoCertificate         = 41
	alertBadCertificate        = 42
	alertCertificateUnknown    = 46
	alertUnknownCA             = 48
	alertAccessDenied          = 49
	alertProtocolVersion       = 70
	alertCertificateRequired   = 116
	alertNoApplicationProtocol = 120
)

// ofAlert returns the class of a receiver's alert, and err with words. Many receivers
// report a missing client certificate by a general alert, so asksForCert decides.
func (cn *conn) ofAlert(code uint8, err error) (webhook.Reason, error) {
	aboutCert := code == alertHandshakeFailure || code == alertUnknownCA || code == alertAccessDenied ||
		code >= alertNoCertificate && code <= alertCertificateUnknown
	switch {
	case code == alertCertificateRequired, aboutCert && cn.asksForCert:
		return webhook.ReasonTLSClientCert, detail.Explain(err, "the receiver asked for a client certificate; "+alertWords(err))
	case code == alertProtocolVersion:
		return webhook.ReasonTLSVersion, detail.Explain(err, alertWords(err))
	case code == alertNoApplicationProtocol:
		return webhook.ReasonTLSProtocol, detail.Explain(err, "the receiver speaks no HTTP/1.1 over TLS, perhaps HTTP/2 only; "+alertWords(err))
	}
	return webhook.ReasonTLS, detail.Explain(err, alertWords(err))
}

// alertIn returns the code of the alert with which the other side ended TLS. ok is
// false if err is no alert.
func alertIn(err error) (code uint8, ok bool) {
	remote, ok := errors.AsType[*net.OpError](err)
	if !ok || remote.Op != "remote error" || remote.Err == nil {
		return 0, false
	}
	alert := reflect.ValueOf(remote.Err) // crypto/tls does not export the type
	if alert.Kind() != reflect.Uint8 {
		return 0, false
	}
	return uint8(alert.Uint()), true
}

// alertWords returns words that name the alert in an error, as crypto/tls names it.
func alertWords(err error) string {
	remote, ok := errors.AsType[*net.OpError](err)
	if !ok || remote.Err == nil {
		return ""
	}
	return fmt.Sprintf("it sent the TLS alert %q", strings.TrimPrefix(remote.Err.Error(), "tls: "))
}

// ofCertificate returns the class of a refused certificate, and the error with words
// from the certificate. These reveal nothing: the receiver shows the certificate to
// everybody who connects.
func ofCertificate(e *tls.CertificateVerificationError) (webhook.Reason, error) {
	var invalid x509.CertificateInvalidError
	leaf := e.UnverifiedCertificates[0]
	switch {
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return webhook.ReasonTLSExpired, detail.Explain(e, describe(invalid.Cert, datesOf, namesOf, issuerOf))
	case errors.As(e.Err, new(x509.HostnameError)):
		return webhook.ReasonTLSName, detail.Explain(e, describe(leaf, namesOf, issuerOf, datesOf))
	case errors.As(e.Err, new(x509.UnknownAuthorityError)):
		about := describe(leaf, issuerOf, namesOf, datesOf)
		if len(e.UnverifiedCertificates) == 1 && !selfIssued(leaf) {
			about = "the receiver sent no intermediate certificates; " + about
		}
		return webhook.ReasonTLSAuthority, detail.Explain(e, about)
	}
	return webhook.ReasonTLS, detail.Explain(e, "the certificate is not valid for a server; "+describe(leaf, issuerOf, namesOf, datesOf))
}
