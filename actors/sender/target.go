package sender

import (
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Target is an endpoint that is ready to be sent to. It is safe for concurrent use.
type Target struct {
	client   *Client
	id       webhook.ID
	clientID string
	url      TargetURL
	head     string // how each request begins
	origin   *origin
	signer   *webhook.Signer
	timeout  time.Duration
	maxIdle  int
	// allowedOnly: only addresses that the operator allowed by name will do.
	allowedOnly bool
	closed      sync.Once
}

// Send makes a delivery's next attempt, and waits for its outcome: at most the endpoint's timeout, which covers all from name
// resolution to the response's headers. The response's status line decides: its
// headers and its body change nothing, and the body gets up to a second of what is
// left. Failures
// are told by Attempt.Failure. Attempt.Number is left to the caller. due.Data is not
// kept after the return.
func (t *Target) Send(due webhook.Due) webhook.Attempt {
	now := time.Now()
	a := webhook.Attempt{At: now.Round(0).UTC()}
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

// deliver makes the request on a kept connection, or else on a fresh one. The
// receiver may have closed a kept connection just before the request: if it cannot
// have read any of the request, a fresh connection is used within the same attempt.
// Otherwise the receiver may be at work on the request, and the attempt has failed.
func (t *Target) deliver(d delivery, deadline time.Time, a *webhook.Attempt) error {
	if cn := t.take(); cn != nil {
		unseen, err := t.exchange(cn, d, deadline, a)
		if err == nil || !unseen {
			return err
		}
	}
	cn, err := t.client.connect(t.client.running, t, deadline)
	if err != nil {
		return err
	}
	_, err = t.exchange(cn, d, deadline, a)
	return err
}

// Close closes the idle connections that no other endpoint has a use for. Requests
// in flight go on. It may be called twice.
func (t *Target) Close() {
	t.closed.Do(func() { t.client.dropAll(t.client.idle.leave(t.origin, t.maxIdle)) })
}

// take gives a connection that can be used again, or nil.
func (t *Target) take() *conn {
	for {
		cn := t.client.idle.take(t.origin)
		if cn == nil || cn.quiet() {
			return cn
		}
		t.client.hangUp(cn)
	}
}
