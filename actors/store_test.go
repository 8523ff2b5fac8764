package actors

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// hook is a store with single methods replaced, or preceded, by the test's.
type hook struct {
	storage.Store
	accept func(events []webhook.Event, done func([]webhook.Receipt, error))
	settle func(webhook.Settlement)
	queued func()
	each   func(func(webhook.Endpoint) error) error
	wakes  func(func(webhook.Wake) error) error
	update func() error
}

func (h *hook) Accept(events []webhook.Event, matched uint64, done func([]webhook.Receipt, error)) {
	if h.accept != nil {
		h.accept(events, done)
		return
	}
	h.Store.Accept(events, matched, done)
}

func (h *hook) Settle(s webhook.Settlement, done func(error)) {
	if h.settle != nil {
		h.settle(s)
	}
	h.Store.Settle(s, done)
}

func (h *hook) Queued(ctx context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	if h.queued != nil {
		h.queued()
	}
	return h.Store.Queued(ctx, n, from, limit, maxBytes)
}

func (h *hook) EachEndpoint(ctx context.Context, visit func(webhook.Endpoint) error) error {
	if h.each != nil {
		return h.each(visit)
	}
	return h.Store.EachEndpoint(ctx, visit)
}

func (h *hook) Wakes(ctx context.Context, parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	if h.wakes != nil {
		return h.wakes(visit)
	}
	return h.Store.Wakes(ctx, parts, from, visit)
}

func (h *hook) UpdateEndpoint(
	ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	if h.update != nil {
		if err := h.update(); err != nil {
			return webhook.Endpoint{}, err
		}
	}
	return h.Store.UpdateEndpoint(ctx, n, change)
}

// late is a store that records outcomes late.
type late struct {
	storage.Store
	by time.Duration
}

func (l *late) Settle(s webhook.Settlement, done func(error)) {
	time.AfterFunc(l.by, func() { l.Store.Settle(s, done) })
}

// unready is a store that fails some times to read the endpoint, the queue or the retry
// schedule, or to cancel what is pending; failures counts down in this order.
type unready struct {
	storage.Store
	failures [4]atomic.Int32
}

var errUnready = errors.New("storage does not answer")

func (u *unready) fails(i int) error {
	if u.failures[i].Add(-1) >= 0 {
		return errUnready
	}
	u.failures[i].Store(0)
	return nil
}

func (u *unready) left() (left []int32) {
	for i := range u.failures {
		left = append(left, u.failures[i].Load())
	}
	return left
}

func (u *unready) Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	if err := u.fails(0); err != nil {
		return webhook.Endpoint{}, err
	}
	return u.Store.Endpoint(ctx, n)
}

func (u *unready) Queued(ctx context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	if err := u.fails(1); err != nil {
		return nil, err
	}
	return u.Store.Queued(ctx, n, from, limit, maxBytes)
}

func (u *unready) Scheduled(ctx context.Context,
	n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int,
) ([]webhook.Due, webhook.DueTime, error) {
	if err := u.fails(2); err != nil {
		return nil, 0, err
	}
	return u.Store.Scheduled(ctx, n, from, now, limit, maxBytes)
}

func (u *unready) CancelPending(
	ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int,
) (int, error) {
	if err := u.fails(3); err != nil {
		return 0, err
	}
	return u.Store.CancelPending(ctx, n, reason, now, limit)
}
