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
	// errEnded: the connection ended before a response.
	errEnded = errors.New("connection ended before a response")
)

// judge returns the reason of an attempt that got no response, and words on it for
// the endpoint's client.
func (c *Client) judge(err error) (webhook.Reason, string) {
	reason := c.classify(err)
	if c.running.Err() != nil {
		return reason, "" // whatever else it seems to be
	}
	return reason, detailOf(err)
}

// classify returns the reason of an attempt that got no response. It is the only
// place where this is decided.
func (c *Client) classify(err error) webhook.Reason {
	var failed *tlsFailure
	switch {
	case errors.Is(err, webhook.ErrBlockedAddress):
		return webhook.ReasonBlockedAddress
	case errors.Is(err, errUnresolved):
		return webhook.ReasonDNS
	case c.running.Err() != nil:
		return webhook.ReasonReset
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return webhook.ReasonTimeout
	case errors.As(err, &failed):
		return failed.reason
	case errors.Is(err, errProtocol):
		return webhook.ReasonProtocol
	case errors.Is(err, errEnded):
		return webhook.ReasonReset
	}
	return webhook.ReasonConnect
}
