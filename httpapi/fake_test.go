package httpapi

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// fakeDispatcher does what the actors do as far as the API can see, but makes no
// request: deliveries stay where the store has them. It fails on command.
type fakeDispatcher struct {
	store    storage.Store
	sequence *webhook.Sequence

	mu       sync.Mutex
	fail     error // of every call
	events   int   // handed over to Publish
	changes  []webhook.Endpoint
	inFlight map[webhook.ID]time.Time
	waiting  webhook.Waiting // of every endpoint
	byHand   []webhook.ID
	health   webhook.Health
	asked    int // how often Health was
	// ofEndpoint takes the place of health for some endpoints.
	ofEndpoint map[webhook.EndpointNumber]webhook.Health
	overview   webhook.Overview
	worst      map[webhook.Order][]webhook.Summary
	// list, if set, takes the place of what the store has.
	list func(webhook.EndpointQuery) webhook.EndpointNumbers
	// hold, if set, blocks Publish until it is closed.
	hold chan struct{}
}

func (f *fakeDispatcher) failing() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail
}

func (f *fakeDispatcher) setFailure(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

func (f *fakeDispatcher) published() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.events
}

func (f *fakeDispatcher) lastChange() webhook.Endpoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.changes) == 0 {
		return webhook.Endpoint{}
	}
	return f.changes[len(f.changes)-1]
}

func (f *fakeDispatcher) Publish(ctx context.Context, events []webhook.Event) ([]webhook.Receipt, error) {
	if err := f.failing(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.events += len(events)
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		<-hold
	}
	for i := range events {
		e := &events[i]
		e.ID = f.newID()
		err := f.store.EachEndpoint(ctx, func(to webhook.Endpoint) error {
			switch {
			case !matches(&to, e):
			case to.Status == webhook.EndpointDisabled:
				e.Disabled = append(e.Disabled, to.Number())
			default:
				e.Endpoints = append(e.Endpoints, to.Number())
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return f.accept(events)
}

// Footprint counts what the store has.
func (f *fakeDispatcher) Footprint(ctx context.Context, client string) (has webhook.Footprint, err error) {
	err = f.store.EachEndpoint(ctx, func(e webhook.Endpoint) error {
		if !e.Deleted() {
			has.All++
			if e.ClientID == client {
				has.Webhooks++
				has.Patterns += len(e.EventTypes)
			}
		}
		return nil
	})
	return has, err
}

// List returns what the store has.
func (f *fakeDispatcher) List(ctx context.Context, q webhook.EndpointQuery) (page webhook.EndpointNumbers, err error) {
	if err := f.failing(); err != nil {
		return page, err
	}
	f.mu.Lock()
	list := f.list
	f.mu.Unlock()
	if list != nil {
		return list(q), nil
	}
	err = f.store.EachEndpoint(ctx, func(e webhook.Endpoint) error {
		if n := e.Number(); !e.Deleted() && (q.Before == 0 || n < q.Before) && (q.ClientID == "" || e.ClientID == q.ClientID) &&
			(q.Status == "" || e.Status == q.Status) && (q.EventType == "" || matches(&e, &webhook.Event{Type: q.EventType})) {
			page.Numbers = append(page.Numbers, n)
		}
		return nil
	})
	slices.Sort(page.Numbers)
	slices.Reverse(page.Numbers)
	if len(page.Numbers) > q.Limit {
		page.Numbers = page.Numbers[:q.Limit]
		page.Next = page.Numbers[q.Limit-1]
	}
	return page, err
}

func matches(to *webhook.Endpoint, e *webhook.Event) bool {
	if to.Deleted() || e.ClientID != "" && e.ClientID != to.ClientID {
		return false
	}
	for _, pattern := range to.EventTypes {
		if webhook.MatchType(pattern, e.Type) {
			return true
		}
	}
	return false
}

func (f *fakeDispatcher) newID() webhook.ID {
	return webhook.ID{Seq: f.sequence.Next(time.Now()), Nonce: rand.Uint32()}
}

func (f *fakeDispatcher) accept(events []webhook.Event) ([]webhook.Receipt, error) {
	type result struct {
		receipts []webhook.Receipt
		err      error
	}
	done := make(chan result, 1)
	f.store.Accept(events, 0, func(r []webhook.Receipt, err error) { done <- result{r, err} })
	r := <-done
	return r.receipts, r.err
}

func (f *fakeDispatcher) Test(ctx context.Context, e webhook.Endpoint, event webhook.Event, wait bool) (webhook.Delivery, error) {
	if err := f.failing(); err != nil {
		return webhook.Delivery{}, err
	}
	event.ID, event.Endpoints = f.newID(), []webhook.EndpointNumber{e.Number()}
	if _, err := f.accept([]webhook.Event{event}); err != nil {
		return webhook.Delivery{}, err
	}
	id := event.ID.For(e.Number())
	if wait {
		return f.attempt(id, webhook.Attempt{StatusCode: 200, Response: []byte("ok\xff")})
	}
	return f.store.Delivery(ctx, id)
}

// attempt settles an attempt for a delivery.
func (f *fakeDispatcher) attempt(id webhook.ID, a webhook.Attempt) (webhook.Delivery, error) {
	d, err := f.store.Delivery(context.Background(), id)
	if err != nil {
		return d, err
	}
	a.At, a.Duration = time.Now().UTC().Truncate(time.Millisecond), 20*time.Millisecond
	now := d.Attempted(a, webhook.DefaultSettings().Retry, 0)
	done := make(chan error, 1)
	f.store.Settle(webhook.Settlement{Was: d.Place(), Now: now}, func(err error) { done <- err })
	return now, <-done
}

func (f *fakeDispatcher) EndpointChanged(e webhook.Endpoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, e)
}

// Ranked returns the worst of the test.
func (f *fakeDispatcher) Ranked(_ context.Context, by webhook.Order, most int) (webhook.Ranking, error) {
	if err := f.failing(); err != nil {
		return webhook.Ranking{}, err
	}
	all := f.worst[by]
	return webhook.Ranking{Coverage: f.overview.Coverage, Endpoints: all[:min(most, len(all))]}, nil
}

func (f *fakeDispatcher) Overview(_ context.Context, q webhook.OverviewQuery) (webhook.Overview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.overview
	if o.StartedAt.IsZero() {
		o.StartedAt, o.LookedAt = time.Now(), time.Now()
	}
	o.Worst = f.worst[q.By]
	return o, f.fail
}

func (f *fakeDispatcher) Health(ctx context.Context, n webhook.EndpointNumber) (webhook.Health, error) {
	backlog, err := f.store.Backlog(ctx, n)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	h := f.health
	h.Backlog = backlog
	if own, there := f.ofEndpoint[n]; there {
		h = own
	}
	if f.fail != nil {
		err = f.fail
	}
	return h, err
}

func (f *fakeDispatcher) Progress(_ context.Context, n webhook.EndpointNumber) (webhook.Progress, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := webhook.Progress{Started: map[webhook.ID]time.Time{}, Waiting: f.waiting, ByHand: f.byHand}
	for id, since := range f.inFlight {
		if id.Endpoint == n {
			p.Started[id] = since
		}
	}
	return p, f.fail
}

// fly puts an attempt for a delivery in flight.
func (f *fakeDispatcher) fly(id webhook.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inFlight == nil {
		f.inFlight = map[webhook.ID]time.Time{}
	}
	f.inFlight[id] = time.Now()
}

func (f *fakeDispatcher) Retry(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	if err := f.failing(); err != nil {
		return webhook.Delivery{}, err
	}
	due, err := f.store.Requeue(ctx, id)
	return due.Delivery, err
}

func (f *fakeDispatcher) Cancel(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	if err := f.failing(); err != nil {
		return webhook.Delivery{}, err
	}
	f.mu.Lock()
	_, flying := f.inFlight[id]
	f.mu.Unlock()
	if flying {
		return webhook.Delivery{}, fmt.Errorf("in flight: %w", webhook.ErrConflict)
	}
	return f.store.Cancel(ctx, id, webhook.ReasonCancelled, time.Now())
}

func (f *fakeDispatcher) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	if err := f.failing(); err != nil {
		return 0, webhook.ID{}, err
	}
	return f.store.Replay(ctx, q)
}

// stepping asks before each step of a replay whether it is to fail.
type stepping struct {
	*fakeDispatcher
	before func() error
}

func (s stepping) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	if err := s.before(); err != nil {
		return 0, webhook.ID{}, err
	}
	return s.fakeDispatcher.Replay(ctx, q)
}
