package member

import (
	"context"
	"errors"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cluster/peer"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/webhook"
)

// Paths of the questions that only the owner of an endpoint can answer.
const (
	pathHealth   = "/v1/health"
	pathProgress = "/v1/progress"
	pathRetry    = "/v1/retry"
	pathCancel   = "/v1/cancel"
)

const (
	// forwardTimeout bounds how long a question looks for an owner that answers.
	forwardTimeout = 2 * time.Second
	// ownerRetry is the wait before it looks again while a part moves.
	ownerRetry = 50 * time.Millisecond
	// attemptPoll is how often a test looks whether another node has made its attempt.
	attemptPoll = 50 * time.Millisecond
)

// forwarded adds the handlers of questions that other nodes forward.
func (m *Member) forwarded(handlers map[string]peer.Handler) {
	handlers[pathHealth] = peer.Answer(func(ctx context.Context, n webhook.EndpointNumber) (webhook.Health, error) {
		return owned(m, n, func(d Dispatcher) (webhook.Health, error) { return d.Health(ctx, n) })
	})
	handlers[pathProgress] = peer.Answer(func(ctx context.Context, n webhook.EndpointNumber) (webhook.Progress, error) {
		return owned(m, n, func(d Dispatcher) (webhook.Progress, error) { return d.Progress(ctx, n) })
	})
	handlers[pathRetry] = peer.Answer(func(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
		return owned(m, id.Endpoint, func(d Dispatcher) (webhook.Delivery, error) { return d.Retry(ctx, id) })
	})
	handlers[pathCancel] = peer.Answer(func(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
		return owned(m, id.Endpoint, func(d Dispatcher) (webhook.Delivery, error) { return d.Cancel(ctx, id) })
	})
}

// owned answers if this node owns the endpoint.
func owned[A any](m *Member, n webhook.EndpointNumber, answer func(Dispatcher) (A, error)) (none A, err error) {
	if m.node.OwnerOf(n.Part()) != m.node.Self() {
		return none, webhook.ErrUnavailable
	}
	local, _ := m.parts()
	return answer(local)
}

// Dispatcher returns a dispatcher for the whole cluster, of this node's own: it asks the
// owner of an endpoint whatever only the owner knows or may change.
func (m *Member) Dispatcher(local httpapi.Dispatcher) httpapi.Dispatcher {
	return &forwarding{Dispatcher: local, member: m}
}

type forwarding struct {
	httpapi.Dispatcher
	member *Member
}

// Health returns what is stored, and says so, if the owner does not answer.
func (f *forwarding) Health(ctx context.Context, n webhook.EndpointNumber) (webhook.Health, error) {
	h, err := forward(ctx, f.member, n, pathHealth, n, func() (webhook.Health, error) { return f.Dispatcher.Health(ctx, n) })
	if errors.Is(err, errOwnerAway) {
		h, err = f.Dispatcher.Health(ctx, n)
		h.OwnerAway = true
	}
	return h, err
}

// Progress returns nothing in flight if the owner does not answer.
func (f *forwarding) Progress(ctx context.Context, n webhook.EndpointNumber) (webhook.Progress, error) {
	p, err := forward(ctx, f.member, n, pathProgress, n, func() (webhook.Progress, error) { return f.Dispatcher.Progress(ctx, n) })
	if errors.Is(err, errOwnerAway) {
		return f.Dispatcher.Progress(ctx, n)
	}
	return p, err
}

// Retry has the owner send a delivery again.
func (f *forwarding) Retry(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	return forward(ctx, f.member, id.Endpoint, pathRetry, id, func() (webhook.Delivery, error) { return f.Dispatcher.Retry(ctx, id) })
}

// Cancel has the owner give up a delivery.
func (f *forwarding) Cancel(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	return forward(ctx, f.member, id.Endpoint, pathCancel, id, func() (webhook.Delivery, error) { return f.Dispatcher.Cancel(ctx, id) })
}

// Test publishes here. If another node makes the attempt, storage shows its outcome.
func (f *forwarding) Test(ctx context.Context, e webhook.Endpoint, event webhook.Event, wait bool) (webhook.Delivery, error) {
	m := f.member
	if here := m.node.OwnerOf(e.Number().Part()) == m.node.Self(); !wait || here {
		return f.Dispatcher.Test(ctx, e, event, wait)
	}
	d, err := f.Dispatcher.Test(ctx, e, event, false)
	for err == nil && d.Attempts == 0 && !d.Status.Finished() {
		select {
		case <-ctx.Done():
			return d, nil
		case <-time.After(attemptPoll):
		}
		now, readErr := m.options.Store.Delivery(ctx, d.ID)
		if readErr != nil {
			return d, nil // the test is published; only its outcome is not known here
		}
		d = now
	}
	return d, err
}

// errOwnerAway reports that the owner of an endpoint gave no answer.
var errOwnerAway = errors.New("the node that delivers to the webhook cannot be reached")

// forward asks the owner of an endpoint, which may be this node. While the endpoint's part
// moves it asks again. errOwnerAway, in an ErrUnavailable that passes, if nobody answers;
// what a change came to is not known then.
func forward[Q, A any](
	ctx context.Context, m *Member, n webhook.EndpointNumber, path string, question Q, here func() (A, error),
) (answer A, err error) {
	looking, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	for {
		owner, known := m.node.Lookup(m.node.OwnerOf(n.Part()))
		switch {
		case known && owner.Incarnation == m.node.Self():
			answer, err = here()
		case known && owner.Address != "":
			answer, err = peer.Ask[Q, A](looking, m.client, owner, path, question)
		default:
			err = webhook.ErrUnavailable
		}
		if errors.Is(err, peer.ErrAway) {
			return answer, unavailable(errOwnerAway)
		}
		if !errors.Is(err, webhook.ErrUnavailable) {
			return answer, err
		}
		m.node.Look()
		select {
		case <-looking.Done():
			return answer, unavailable(errOwnerAway)
		case <-time.After(ownerRetry):
		}
	}
}
