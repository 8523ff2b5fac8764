package sender

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// exchange sends a request over a connection and reads the response, all until
// the deadline. The connection is then kept for the next request or closed.
// answered tells whether a byte of a response arrived. err is nil once the
// response's head was read: what follows the head changes nothing.
func (t *Target) exchange(cn *conn, d delivery, deadline time.Time, a *webhook.Attempt) (answered bool, err error) {
	in := newInbox(cn)
	defer in.free()
	h, err := t.askHead(cn, in, d, deadline)
	if err != nil {
		t.client.hangUp(cn)
		return in.received, err
	}
	a.StatusCode = h.status
	var clean bool
	a.Response, clean = in.readBody(&h, t.client.excerpt, deadline)
	if h.status < 200 || h.status >= 300 {
		a.RetryAfter, _ = webhook.ParseRetryAfter(h.retryAfter, time.Now())
	}
	if clean && h.reusable() && in.empty() {
		t.client.dropAll(t.client.idle.put(cn))
	} else {
		t.client.hangUp(cn)
	}
	return true, nil
}

// askHead writes the request in one piece and reads the response's head. A
// receiver may answer and close before it has read all: after a failed write
// there can be a response nevertheless.
func (t *Target) askHead(cn *conn, in *inbox, d delivery, deadline time.Time) (responseHead, error) {
	if err := cn.SetDeadline(deadline); err != nil {
		return responseHead{}, fmt.Errorf("%w: set deadline: %w", errEnded, err)
	}
	m := messages.Get().(*message)
	t.appendRequest(m, d)
	_, failure := cn.Write(m.whole)
	m.free() // not kept while the receiver thinks
	h, err := in.readHead()
	if err != nil && failure != nil {
		return h, fmt.Errorf("%w: write: %w", errEnded, failure)
	}
	return h, err
}
