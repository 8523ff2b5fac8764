package sender

import (
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Target is an endpoint that is ready to be sent to, with connections of its
// own. It is safe for concurrent use.
type Target struct {
	client  *Client
	url     TargetURL
	head    headTemplate
	signer  *webhook.Signer
	timeout time.Duration
	maxIdle int

	mu     sync.Mutex
	idle   []*conn // the one used last at the end
	closed bool
}

// Send makes one attempt to deliver data, an event's canonical data, and waits
// for its outcome: at most the endpoint's timeout, which covers all from name
// resolution to the response's headers. A response's body, which changes
// nothing, gets up to a second of what is left. Failures
// are told by Attempt.Failure. Attempt.Number is left to the caller. data is not
// kept after the return.
func (t *Target) Send(id webhook.ID, eventType string, data []byte) webhook.Attempt {
	now := time.Now()
	a := webhook.Attempt{At: now.Round(0).UTC()}
	d := delivery{id: id, eventType: eventType, data: data, at: a.At}
	if err := t.deliver(d, now.Add(t.timeout), &a); err != nil {
		a = webhook.Attempt{At: a.At, Failure: t.client.classify(err)}
	}
	a.Duration = time.Since(now)
	return a
}

// deliver makes the request on a connection at hand, or else on a fresh one. A
// connection at hand can turn out to have been closed by the receiver just then:
// if not a byte of a response arrived, a fresh one is used within the same attempt.
func (t *Target) deliver(d delivery, deadline time.Time, a *webhook.Attempt) error {
	if cn := t.take(); cn != nil {
		answered, err := t.exchange(cn, d, deadline, a)
		if err == nil || answered || isTimeout(err) {
			return err
		}
	}
	cn, err := t.client.connect(t, deadline)
	if err != nil {
		return err
	}
	_, err = t.exchange(cn, d, deadline, a)
	return err
}

// Close closes the idle connections. Requests in flight go on; their connections
// are closed after them. It may be called twice.
func (t *Target) Close() {
	t.mu.Lock()
	idle := t.idle
	t.idle, t.closed = nil, true
	t.mu.Unlock()
	t.dropAll(idle)
}

// take gives a connection that can be used again, or nil.
func (t *Target) take() *conn {
	for {
		cn := t.pop()
		if cn == nil || cn.quiet() {
			return cn
		}
		t.client.drop(cn)
	}
}

// pop takes the connection used last, if it has not expired.
func (t *Target) pop() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.idle) - 1
	if last < 0 || time.Since(t.idle[last].idleSince) > idleTimeout {
		return nil // the janitor closes what has expired
	}
	cn := t.idle[last]
	t.idle[last] = nil
	t.idle = t.idle[:last]
	return cn
}

// release keeps a connection for the next request, or closes it.
func (t *Target) release(cn *conn) {
	t.mu.Lock()
	keep := !t.closed && len(t.idle) < t.maxIdle
	if keep {
		cn.idleSince = time.Now()
		t.idle = append(t.idle, cn)
	}
	t.mu.Unlock()
	if !keep {
		t.client.drop(cn)
	}
}

// closeExpired closes the connections that were idle for too long: the first ones.
func (t *Target) closeExpired() {
	t.mu.Lock()
	n := 0
	for n < len(t.idle) && time.Since(t.idle[n].idleSince) > idleTimeout {
		n++
	}
	expired := append([]*conn(nil), t.idle[:n]...)
	if n > 0 {
		t.idle = append([]*conn(nil), t.idle[n:]...)
	}
	t.mu.Unlock()
	t.dropAll(expired)
}

func (t *Target) dropAll(conns []*conn) {
	for _, cn := range conns {
		t.client.drop(cn)
	}
}
