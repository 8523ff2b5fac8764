package http1

import (
	"errors"
	"fmt"

	"github.com/corpastro/astrohook/actors/sender/detail"
)

var (
	// ErrProtocol means that the other side sent something that is not an HTTP/1
	// response, or that exceeds the bounds of one.
	ErrProtocol = errors.New("not a valid HTTP response")
	// ErrHTTP2 is the ErrProtocol of a server that began to speak HTTP/2.
	ErrHTTP2 = fmt.Errorf("HTTP/2: %w", ErrProtocol)
	// ErrEnded means that the connection ended, or its deadline passed, before a
	// response. It comes with the connection's own error.
	ErrEnded = errors.New("connection ended before a response")

	// errLongHead is why a head was cut: it exceeds MaxHead.
	errLongHead = fmt.Errorf("head of more than %d bytes: %w", MaxHead, ErrProtocol)
)

// IsTimeout reports whether a deadline ended an operation. It knows the errors of
// connections, of TLS, of contexts and of the kernel (ETIMEDOUT), some of which are
// not os.ErrDeadlineExceeded.
func IsTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// startsLikeHTTP reports whether the bytes that arrived so far can begin an HTTP/1
// response. If they cannot, there is no reason to wait for more.
func startsLikeHTTP(b []byte) bool {
	const start = "HTTP/1."
	n := min(len(b), len(start))
	return string(b[:n]) == start[:n]
}

// notHTTP returns the error of a response that begins with b, which is not empty.
// Its words name what the receiver seems to speak, so that its owner can correct
// the webhook's URL.
func notHTTP(b []byte) error {
	switch {
	case b[0] >= 0x14 && b[0] <= 0x17 && (len(b) == 1 || b[1] == 3): // a record of TLS (RFC 8446, section 5.1)
		return detail.Explain(ErrProtocol, "the receiver speaks TLS on this port: the target's URL must begin with https")
	case len(b) >= 9 && b[0] == 0 && b[3] == 4 && b[4]&^1 == 0: // a SETTINGS frame (RFC 9113, section 3.4)
		return detail.Explain(ErrHTTP2, "the receiver speaks HTTP/2 without being asked to, not HTTP/1.1")
	}
	return detail.Explain(ErrProtocol, "the response does not begin with HTTP/1")
}
