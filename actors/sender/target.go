package sender

import (
	"errors"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// Target is an endpoint that requests can be sent to. Client.Open makes one. It is
// safe for concurrent use.
type Target struct {
	destination
	client   *Client
	id       webhook.ID
	clientID string
	head     string // the beginning of each request; see headOptions.forTarget
	sentAs   uint32 // see webhook.Attempt.SentAs
	signer   *signing.Signer
	timeout  time.Duration
	maxIdle  int // its share of the origin's idle connections
	closed   sync.Once
}

// Send makes the next attempt of a delivery and waits for its outcome. It returns
// within the endpoint's timeout, which covers name resolution, connecting, the
// request and the response's head; the body gets up to a second of what is left.
// The status line decides, and neither headers nor body change the verdict.
// Attempt.Failure has the reason if no status line came. The caller fills in
// Attempt.Number. Send does not keep due.Data.
func (t *Target) Send(due webhook.Due) webhook.Attempt {
	now := time.Now()
	a := webhook.Attempt{At: now.Round(0).UTC(), SentAs: t.sentAs}
	d := delivery{
		id: due.Delivery.ID, eventType: due.Delivery.EventType, data: due.Data,
		attempt: due.Delivery.Attempts + 1, at: a.At, began: now,
	}
	if err := t.deliver(d, now.Add(t.timeout), &a); err != nil {
		a.Failure, a.Detail = t.client.judge(err)
		if t.client.running.Err() == nil {
			t.client.notices.unsent(t, err)
		}
	}
	a.Duration = time.Since(now)
	return a
}

// deliver makes the request on a kept connection, or else on a new one. A receiver
// may have closed a kept connection just before the request. If it cannot have read
// any of the request, deliver repeats it on a new connection within the same
// attempt. Otherwise the receiver may be at work on the request, so a repetition
// could be a duplicate, and the attempt fails.
func (t *Target) deliver(d delivery, deadline time.Time, a *webhook.Attempt) error {
	for cn := t.take(); cn != nil; cn = t.take() {
		a.Connection = cn.ends
		unseen, err := t.exchange(cn, d, deadline, a)
		if err == nil || !unseen {
			return err
		}
		if !errors.Is(err, errArrived) {
			break // a request was written: the next one goes over a new connection
		}
	}
	a.Connection = webhook.Connection{}
	cn, err := t.client.connect(t.client.running, &t.destination, deadline, &a.Connection)
	if err != nil {
		return err
	}
	_, err = t.exchange(cn, d, deadline, a)
	return err
}

// Close closes the idle connections that no other endpoint of the origin has room
// for. Requests in flight continue. It may be called twice.
func (t *Target) Close() {
	t.closed.Do(func() { t.client.closeAllIdle(t.client.idle.leave(t.origin, t.maxIdle)) })
}

// take returns a kept connection that can carry a request, or nil. It closes those
// on which something arrived meanwhile, except where exchange finds that out.
func (t *Target) take() *conn {
	for {
		cn := t.client.idle.take(t.origin)
		if cn == nil || cn.asks() || cn.quiet() {
			return cn
		}
		t.client.closeInUse(cn)
	}
}
