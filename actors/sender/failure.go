package sender

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/corpastro/astrohook/webhook"
)

var (
	// errAborted: the client was told to stop at once.
	errAborted = errors.New("aborted")
	// errProtocol: what came back is not an HTTP response, or is beyond its bounds.
	errProtocol = errors.New("not a valid HTTP response")
	// errLongHead: a response's head goes on beyond maxHead.
	errLongHead = fmt.Errorf("head of more than %d bytes: %w", maxHead, errProtocol)
	// errHTTP2: the receiver speaks HTTP/2 over TLS, though HTTP/1.1 was agreed on.
	errHTTP2 = fmt.Errorf("HTTP/2: %w", errProtocol)
	// errEnded: the connection ended before a response.
	errEnded = errors.New("connection ended before a response")
)

// classify gives the reason of an attempt that got no response. It is the only
// place where this is decided.
func (c *Client) classify(err error) webhook.Reason {
	var handshake *handshakeError
	switch {
	case errors.Is(err, webhook.ErrBlockedAddress):
		return webhook.ReasonBlockedAddress
	case errors.Is(err, errUnresolved):
		return webhook.ReasonDNS
	case c.running.Err() != nil:
		return webhook.ReasonReset
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return webhook.ReasonTimeout
	case errors.Is(err, errProtocol):
		return webhook.ReasonProtocol
	case errors.As(err, &handshake):
		return webhook.ReasonTLS
	case errors.Is(err, errEnded):
		return webhook.ReasonReset
	}
	return webhook.ReasonConnect
}
