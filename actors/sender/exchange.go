package sender

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// exchange sends a request over a connection and reads the response, all until
// the deadline. The connection is then kept for the next request or closed.
// err is nil once the response's head was read: what follows the head changes
// nothing. unseen reports that the request failed, and that the receiver cannot
// have read any of it.
func (t *Target) exchange(cn *conn, d delivery, deadline time.Time, a *webhook.Attempt) (unseen bool, err error) {
	in := newInbox(cn)
	defer in.free()
	began, before := time.Now(), cn.meter.written
	h, err := t.askHead(cn, in, d, deadline)
	if cn.meter.written > before {
		a.Requests++
	}
	if err != nil {
		unseen = !in.received && cn.unseen(before, time.Since(began), err)
		t.client.hangUp(cn)
		return unseen, err
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
	return false, nil
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
		return h, fmt.Errorf("write: %w; read: %w", failure, err)
	}
	return h, err
}
