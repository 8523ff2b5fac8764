package sender

import (
	"context"
	"errors"
	"os"

	"github.com/corpastro/astrohook/actors/sender/detail"
	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/webhook"
)

// errAborted means that Abort ended the attempt.
var errAborted = errors.New("aborted")

// judge returns the reason why an attempt got no response, and words on it for the
// webhook's owner. After an abort there are no words: the failure says something
// about this server, and nothing about the receiver.
func (c *Client) judge(err error) (webhook.Reason, string) {
	reason := c.classify(err)
	if c.running.Err() != nil {
		return reason, ""
	}
	return reason, detail.Of(err)
}

// classify returns the reason why an attempt got no response. It is the only place
// that decides this. Causes inside this server come first: an abort or a deadline
// shows up as many other errors.
func (c *Client) classify(err error) webhook.Reason {
	var failed *tlsFailure
	switch {
	case errors.Is(err, webhook.ErrBlockedAddress):
		return webhook.ReasonBlockedAddress
	case errors.Is(err, errUnresolved):
		return webhook.ReasonDNS
	case c.running.Err() != nil:
		return webhook.ReasonReset
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), http1.IsTimeout(err):
		return webhook.ReasonTimeout
	case errors.As(err, &failed):
		return failed.reason
	case errors.Is(err, http1.ErrProtocol):
		return webhook.ReasonProtocol
	case errors.Is(err, http1.ErrEnded):
		return webhook.ReasonReset
	}
	return webhook.ReasonConnect
}
