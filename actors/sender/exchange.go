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
	before := cn.meter.written
	h, err := t.askHead(cn, in, d, deadline)
	if cn.meter.written > before {
		a.Requests++
	}
	if err != nil {
		// A kept connection is at hand at once: d began when the request did.
		unseen = !in.received && cn.unseen(before, time.Since(d.began), err)
		t.client.hangUp(cn)
		return unseen, in.explain(err)
	}
	cn.answered = true
	a.StatusCode, a.Latency, a.Detail = h.status, in.lineAt.Sub(d.began), h.note
	a.Location, a.ResponseEncoding = h.location, h.encoding
	part := in.readBody(&h, t.excerptOf(&h), deadline)
	if h.encoding == "" {
		a.Response, a.ResponseTruncated = part.excerpt, part.more
	}
	if h.status < 200 || h.status >= 300 {
		a.RetryAfter, _ = webhook.ParseRetryAfter(h.retryAfter, time.Now())
	}
	if part.clean && h.reusable() && in.empty() {
		t.client.dropAll(t.client.idle.put(cn))
	} else {
		t.client.hangUp(cn)
	}
	return false, nil
}

// explain adds words to why there was no response.
func (in *inbox) explain(err error) error {
	cn := in.cn
	switch ended := !in.received && isEnd(err); {
	case cn.secure && !cn.answered:
		return cn.judgeAlert(err)
	case ended && cn.answered:
		return explain(err, "the receiver ended a kept connection without an answer, and may have read the request")
	case ended:
		return explain(err, "the connection ended without a byte of an answer, as on a port that expects https")
	}
	return err
}

// excerptOf returns how much of a response's body is kept. An encoded one would
// not be text that a person can read.
func (t *Target) excerptOf(h *responseHead) int {
	if h.encoding != "" {
		return 0
	}
	return t.client.excerpt
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
		return h, fmt.Errorf("%w, after a write that failed: %w", err, failure)
	}
	return h, err
}
