package app

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

const (
	// leaseGrace is the least time that every lease lasts after a start: clients that
	// could not renew while the server was down can do so then.
	leaseGrace = 30 * time.Second
	// leaseLook is the longest wait for the next look. Leases end by the wall clock,
	// which may be stepped.
	leaseLook = time.Minute
	// leaseRetry is the wait after storage has failed.
	leaseRetry = time.Minute
)

// leases deletes temporary webhooks whose lease has ended. It sees all webhooks
// once, when the dispatcher reads them at the start, and every change after that. Its
// knowledge is a hint only: storage decides whether a lease has ended.
type leases struct {
	store   storage.Endpoints
	log     *slog.Logger
	changed func(webhook.Endpoint) // makes a deletion effective; set before Run

	mu   sync.Mutex // guards book
	book *leaseBook
	wake chan struct{} // holds a token if the first lease may have changed
}

func newLeases(store storage.Endpoints, log *slog.Logger) *leases {
	return &leases{store: store, log: log, book: newLeaseBook(), wake: make(chan struct{}, 1)}
}

// note takes a webhook as it is now; its lease does not end before earliest. It wakes
// Run only if the first lease has changed. Renewals are many, and rarely change it.
func (l *leases) note(e *webhook.Endpoint, earliest time.Time) {
	l.mu.Lock()
	first := l.book.next()
	if e.Deleted() || e.ExpiresAt.IsZero() {
		l.book.remove(e.Number(), e.Revision)
	} else {
		due := e.ExpiresAt
		if earliest.After(due) {
			due = earliest
		}
		l.book.put(e.Number(), e.Revision, due)
	}
	moved := !l.book.next().Equal(first)
	l.mu.Unlock()
	if moved {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// Run deletes webhooks whose lease has ended until ctx ends.
func (l *leases) Run(ctx context.Context) {
	timer := time.NewTimer(leaseLook)
	defer timer.Stop()
	for {
		timer.Reset(l.work(ctx, time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.wake:
		}
	}
}

// work deletes all webhooks whose lease has ended, and returns the wait for the next look.
func (l *leases) work(ctx context.Context, now time.Time) time.Duration {
	for ctx.Err() == nil {
		l.mu.Lock()
		n, found := l.book.due(now)
		next := l.book.next()
		l.mu.Unlock()
		if !found {
			return wait(next, now)
		}
		l.end(ctx, n, now)
	}
	return leaseLook
}

func wait(next, now time.Time) time.Duration {
	if next.IsZero() {
		return leaseLook
	}
	return min(next.Sub(now), leaseLook)
}

// errLeased is the reason for not deleting: the lease has not ended, or there is none.
var errLeased = errors.New("the lease has not ended")

// end deletes a webhook as the API does, if its lease has ended.
func (l *leases) end(ctx context.Context, n webhook.EndpointNumber, now time.Time) {
	var seen webhook.Endpoint
	e, err := l.store.UpdateEndpoint(ctx, n, func(e *webhook.Endpoint) error {
		seen = *e
		if e.Deleted() || e.ExpiresAt.IsZero() || e.ExpiresAt.After(now) {
			return errLeased
		}
		e.Delete(now.UTC().Truncate(time.Millisecond))
		e.UpdatedAt = e.DeletedAt
		return nil
	})
	switch {
	case errors.Is(err, errLeased):
		l.note(&seen, time.Time{})
	case errors.Is(err, webhook.ErrNotFound):
		l.forget(n)
	case err != nil:
		l.later(n, now.Add(leaseRetry))
		l.log.LogAttrs(ctx, slog.LevelError, "a temporary webhook was not deleted; it is tried again", slog.Any("error", err))
	default:
		l.note(&e, time.Time{})
		l.changed(e)
		l.log.LogAttrs(ctx, slog.LevelInfo, "the lease of a temporary webhook has ended: it is deleted",
			slog.String("webhook_id", webhook.EndpointID.Format(e.ID)), slog.String("client_id", e.ClientID),
			slog.String("target_host", hostOf(e.TargetURL)))
	}
}

// forget drops a webhook that storage does not have, whatever its revision was.
func (l *leases) forget(n webhook.EndpointNumber) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.remove(n, ^uint64(0))
}

// later schedules another look at a webhook.
func (l *leases) later(n webhook.EndpointNumber, due time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.book.byNumber[n]; known != nil {
		l.book.put(n, known.revision, due)
	}
}

// hostOf returns a target's host for the log. Path and query may hold secrets.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Host
}

// leasingStore passes all webhooks that the dispatcher reads at its start to the leases,
// which saves reading two million of them twice.
type leasingStore struct {
	storage.Store
	leases   *leases
	earliest time.Time // no lease ends before this
}

// EachEndpoint calls visit for every webhook.
func (s leasingStore) EachEndpoint(ctx context.Context, visit func(webhook.Endpoint) error) error {
	return s.Store.EachEndpoint(ctx, func(e webhook.Endpoint) error {
		if !e.ExpiresAt.IsZero() && !e.Deleted() {
			s.leases.note(&e, s.earliest)
		}
		return visit(e)
	})
}

// leasingDispatcher passes every change that the API makes effective to the leases. The
// API knows the dispatcher only.
type leasingDispatcher struct {
	*actors.Dispatcher
	leases *leases
}

// EndpointChanged makes a stored change of a webhook effective.
func (d leasingDispatcher) EndpointChanged(e webhook.Endpoint) {
	d.leases.note(&e, time.Time{})
	d.Dispatcher.EndpointChanged(e)
}
