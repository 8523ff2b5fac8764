package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// Compare makes the same random calls on two empty stores, and fails where one of them
// returns something else than the other. It finds what no table of cases has: what the
// interface does not say, and what only a sequence of changes brings about.
//
// The same seed makes the same calls. Compare does not close the stores.
func Compare(t *testing.T, seed uint64, steps int, a, b storage.Store) {
	t.Helper()
	p := &pair{
		T: t, a: a, b: b, random: rand.New(rand.NewPCG(seed, 0)),
		now: time.Now().UTC().Truncate(time.Millisecond),
	}
	for range 4 {
		p.register()
	}
	for step := range steps {
		p.change()
		if step%20 == 0 || step == steps-1 {
			p.compareAll()
		}
		if t.Failed() {
			t.Fatalf("seed %d, step %d: %s", seed, step, p.last)
		}
	}
}

// pair is two stores that shall agree.
type pair struct {
	*testing.T
	a, b   storage.Store
	random *rand.Rand
	seq    webhook.Sequence
	now    time.Time
	last   string // the last change

	endpoints  []webhook.EndpointNumber
	events     []webhook.ID
	deliveries []webhook.ID
}

// clients own the endpoints in turn.
var clients = []string{"client-1", "client-2"}

// both makes a call on both stores, compares the results, and returns the first one.
func both[T any](p *pair, call string, on func(s storage.Store) (T, error)) (T, error) {
	p.Helper()
	got, err := on(p.a)
	other, otherErr := on(p.b)
	if kind, want := kindOf(otherErr), kindOf(err); !errors.Is(kind, want) {
		p.Errorf("%s: %v and %v", call, err, otherErr)
	}
	if one, two := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", other); err == nil && one != two {
		p.Errorf("%s:\n%s\nand\n%s", call, one, two)
	}
	return got, err
}

// kindOf returns the sentinel of an error, by which callers decide.
func kindOf(err error) error {
	for _, kind := range []error{webhook.ErrNotFound, webhook.ErrConflict, webhook.ErrExists, webhook.ErrKeyReused} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return err
}

// some returns a random element; zero of an empty list.
func some[T any](p *pair, list []T) (one T) {
	if len(list) > 0 {
		one = list[p.random.IntN(len(list))]
	}
	return one
}

func (p *pair) register() {
	e := webhook.Endpoint{
		ID: webhook.ID{Seq: p.seq.Next(p.now), Nonce: 1}, ClientID: clients[len(p.endpoints)%2], TargetURL: "https://example.com",
		Status: webhook.EndpointActive, EventTypes: []string{"*"}, CreatedAt: p.now, UpdatedAt: p.now,
	}
	e, err := both(p, "CreateEndpoint", func(s storage.Store) (webhook.Endpoint, error) { return s.CreateEndpoint(p.Context(), e) })
	if err != nil {
		p.Fatal(err)
	}
	p.endpoints = append(p.endpoints, e.Number())
}

// change makes one random change. Accepting and settling are the likeliest.
func (p *pair) change() {
	changes := []struct {
		weight int
		name   string
		make   func()
	}{
		{6, "accept", p.accept},
		{12, "settle", p.settle},
		{2, "requeue", p.requeue},
		{2, "cancel", p.cancel},
		{1, "replay", p.replay},
		{1, "cancel pending", p.cancelPending},
		{1, "save gate", p.saveGate},
		{1, "update endpoint", p.updateEndpoint},
		{1, "registry", p.registry},
		{1, "job", p.job},
	}
	total := 0
	for _, c := range changes {
		total += c.weight
	}
	at := p.random.IntN(total)
	for _, c := range changes {
		if at -= c.weight; at < 0 {
			p.last = c.name
			c.make()
			return
		}
	}
}

// accept publishes one to three events to random endpoints, sometimes under an
// idempotency key that was used before.
func (p *pair) accept() {
	var events []webhook.Event
	for range 1 + p.random.IntN(3) {
		e := webhook.Event{
			ID: webhook.ID{Seq: p.seq.Next(p.now), Nonce: p.random.Uint32()}, Type: some(p, []string{"user.created", "user.deleted"}),
			Data: fmt.Appendf(nil, `{"n":%d}`, p.random.IntN(5)), Publisher: "p",
		}
		if p.random.IntN(4) == 0 {
			e.IdempotencyKey = fmt.Sprint("key-", p.random.IntN(5))
		}
		for _, n := range p.endpoints {
			switch p.random.IntN(8) {
			case 0:
				e.Disabled = append(e.Disabled, n)
			case 1:
				e.Limited = append(e.Limited, n)
			case 2, 3, 4, 5:
				e.Endpoints = append(e.Endpoints, n)
			}
		}
		events = append(events, e)
	}
	receipts, err := both(p, "Accept", func(s storage.Store) ([]webhook.Receipt, error) { return waitFor(s, events) })
	if err != nil {
		p.Fatal(err)
	}
	for i, r := range receipts {
		if r.Err != nil || r.Duplicate {
			continue
		}
		p.events = append(p.events, r.EventID)
		for _, n := range events[i].Recipients() {
			p.deliveries = append(p.deliveries, r.EventID.For(n))
		}
	}
}

// waitFor accepts events and waits for their receipts.
func waitFor(s storage.Store, events []webhook.Event) (receipts []webhook.Receipt, err error) {
	done := make(chan struct{})
	s.Accept(events, 0, func(r []webhook.Receipt, e error) {
		receipts, err = r, e
		close(done)
	})
	<-done
	return receipts, err
}

// settle records the outcome of an attempt at a pending delivery: delivered, to be
// retried, or failed for good.
func (p *pair) settle() {
	id := some(p, p.deliveries)
	was, err := p.a.Delivery(p.Context(), id)
	if err != nil || was.Status.Finished() {
		return
	}
	policy := webhook.RetryPolicy{MaxAttempts: 4, Initial: 10 * time.Second, Multiplier: 2, MaxDelay: time.Hour}
	p.now = p.now.Add(time.Millisecond)
	attempt := webhook.Attempt{
		At: p.now, Duration: time.Millisecond, StatusCode: some(p, []int{200, 500, 503, 410}), Requests: 1, Response: []byte("response"),
	}
	now := was.Attempted(attempt, policy, 0)
	now.AttemptLog = []webhook.Attempt{*now.LastAttempt()}
	_, err = both(p, "Settle", func(s storage.Store) (struct{}, error) {
		done := make(chan error, 1)
		s.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
		return struct{}{}, <-done
	})
	if err != nil {
		p.Fatal(err)
	}
}

func (p *pair) requeue() {
	id := some(p, p.deliveries)
	_, _ = both(p, "Requeue", func(s storage.Store) (webhook.Due, error) { return s.Requeue(p.Context(), id) })
}

func (p *pair) cancel() {
	id := some(p, p.deliveries)
	_, _ = both(p, "Cancel", func(s storage.Store) (webhook.Delivery, error) {
		return s.Cancel(p.Context(), id, webhook.ReasonCancelled, p.now)
	})
}

// replay requeues up to three finished deliveries of an endpoint.
func (p *pair) replay() {
	q := webhook.DeliveryQuery{Endpoint: some(p, p.endpoints), Limit: 3, Status: some(p, []webhook.Status{"", webhook.Failed})}
	_, _ = both(p, "Replay", func(s storage.Store) (int, error) {
		n, _, err := s.Replay(p.Context(), q)
		return n, err
	})
}

// cancelPending cancels all that an endpoint has pending, because stores may choose
// different ones where the limit is smaller.
func (p *pair) cancelPending() {
	n := some(p, p.endpoints)
	_, _ = both(p, "CancelPending", func(s storage.Store) (sum int, err error) {
		for done := 1; done > 0 && err == nil; sum += done {
			done, err = s.CancelPending(p.Context(), n, webhook.ReasonEndpointDeleted, p.now, 100)
		}
		return sum, err
	})
}

func (p *pair) saveGate() {
	n, g := some(p, p.endpoints), webhook.GateState{OpenUntil: p.now.Add(time.Minute), Openings: p.random.IntN(3)}
	if g.Openings == 0 {
		g = webhook.GateState{}
	}
	_, _ = both(p, "SaveGate", func(s storage.Store) (struct{}, error) {
		done := make(chan error, 1)
		s.SaveGate(n, g, func(err error) { done <- err })
		return struct{}{}, <-done
	})
}

// updateEndpoint changes an endpoint, or fails to.
func (p *pair) updateEndpoint() {
	n, fails := some(p, p.endpoints), p.random.IntN(4) == 0
	text := fmt.Sprint("description ", p.random.IntN(100))
	_, _ = both(p, "UpdateEndpoint", func(s storage.Store) (webhook.Endpoint, error) {
		return s.UpdateEndpoint(p.Context(), n, func(e *webhook.Endpoint) error {
			e.Description = text
			if fails {
				return webhook.ErrConflict
			}
			return nil
		})
	})
}

// registry adds, changes and removes event types, API keys and grants, some of them in vain.
func (p *pair) registry() {
	name := some(p, []string{"a", "b", "c"})
	t, k := webhook.EventType{Name: name, Description: fmt.Sprint(p.random.IntN(10))}, webhook.APIKey{ID: name, Name: "key"}
	link := webhook.Grant{ID: name, Kind: webhook.GrantLink, CreatedAt: p.now, ExpiresAt: p.now.AddDate(50, 0, 0)}
	session := webhook.Grant{ID: name + name, Kind: webhook.GrantSession, CreatedAt: p.now, ExpiresAt: p.now.AddDate(60, 0, 0)}
	e := audit.Entry{ID: webhook.ID{Seq: p.seq.Next(p.now), Nonce: 1}, At: p.now, Action: "key.create", Resource: name}
	calls := []func(s storage.Store, ctx context.Context) error{
		func(s storage.Store, ctx context.Context) error { return s.CreateEventType(ctx, t) },
		func(s storage.Store, ctx context.Context) error { return s.UpdateEventType(ctx, t) },
		func(s storage.Store, ctx context.Context) error { return s.DeleteEventType(ctx, name) },
		func(s storage.Store, ctx context.Context) error { return s.CreateAPIKey(ctx, k) },
		func(s storage.Store, ctx context.Context) error { return s.DeleteAPIKey(ctx, name) },
		func(s storage.Store, ctx context.Context) error { return s.CreateGrant(ctx, link) },
		func(s storage.Store, ctx context.Context) error { return s.RedeemGrant(ctx, name, session) },
		func(s storage.Store, ctx context.Context) error { return s.DeleteGrant(ctx, name) },
		func(s storage.Store, ctx context.Context) error { return s.AppendAudit(ctx, e) },
	}
	call := some(p, calls)
	_, _ = both(p, "registry", func(s storage.Store) (struct{}, error) { return struct{}{}, call(s, p.Context()) })
}

// compareAll reads everything that the stores show.
func (p *pair) compareAll() {
	for _, id := range p.deliveries {
		_, _ = both(p, "Delivery", func(s storage.Store) (webhook.Delivery, error) { return s.Delivery(p.Context(), id) })
	}
	for _, id := range p.events {
		_, _ = both(p, "Event", func(s storage.Store) (webhook.Event, error) { return s.Event(p.Context(), id) })
		from := some(p, p.endpoints)
		_, _ = both(p, "EventDeliveries", func(s storage.Store) ([]webhook.Delivery, error) { return s.EventDeliveries(p.Context(), id, from, 2) })
	}
	for _, n := range p.endpoints {
		p.compareEndpoint(n)
	}
	_, _ = both(p, "Pending", func(s storage.Store) (int64, error) { return s.Pending(), nil })
	_, _ = both(p, "PendingOf", func(s storage.Store) (int64, error) { return s.PendingOf(p.endpoints), nil })
	_, _ = both(p, "LastSeq", func(s storage.Store) (uint64, error) { return s.LastSeq(), nil })
	_, _ = both(p, "EventTypes", func(s storage.Store) ([]webhook.EventType, error) { return s.EventTypes(p.Context()) })
	_, _ = both(p, "APIKeys", func(s storage.Store) ([]webhook.APIKey, error) { return s.APIKeys(p.Context()) })
	_, _ = both(p, "Grants", func(s storage.Store) ([]webhook.Grant, error) { return s.Grants(p.Context()) })
	for _, q := range []audit.Query{{Limit: 3}, {Resource: "a", Limit: 1}} {
		_, _ = both(p, "ListAudit", func(s storage.Store) (audit.Page, error) { return s.ListAudit(p.Context(), q) })
	}
	_, _ = both(p, "Wakes", func(s storage.Store) (wakes []webhook.Wake, err error) {
		err = s.Wakes(p.Context(), webhook.AllParts(), 0, func(w webhook.Wake) error { wakes = append(wakes, w); return nil })
		return wakes, err
	})
	for _, q := range p.queries() {
		_, _ = both(p, fmt.Sprintf("ListDeliveries %+v", q), func(s storage.Store) ([]webhook.ID, error) { return everyPage(p.Context(), s, q) })
	}
	p.compareEvents()
}

// compareEndpoint compares an endpoint's registration, queue, schedule and counts.
func (p *pair) compareEndpoint(n webhook.EndpointNumber) {
	_, _ = both(p, "Endpoint", func(s storage.Store) (webhook.Endpoint, error) { return s.Endpoint(p.Context(), n) })
	_, _ = both(p, "Gate", func(s storage.Store) (webhook.GateState, error) { return s.Gate(p.Context(), n) })
	_, _ = both(p, "Backlog", func(s storage.Store) (webhook.Backlog, error) { return s.Backlog(p.Context(), n) })
	limit, later := 1+p.random.IntN(5), p.now.Add(time.Duration(p.random.IntN(60))*time.Second)
	from := some(p, p.deliveries)
	_, _ = both(p, "Queued", func(s storage.Store) ([]webhook.Due, error) {
		return s.Queued(p.Context(), n, webhook.ID{}, limit, 1<<20)
	})
	_, _ = both(p, "Queued from", func(s storage.Store) ([]webhook.Due, error) { return s.Queued(p.Context(), n, from, limit, 20) })
	_, _ = both(p, "Scheduled", func(s storage.Store) (string, error) {
		due, next, err := s.Scheduled(p.Context(), n, webhook.Slot{}, later, limit, 1<<20)
		return fmt.Sprintf("%+v, then %d", due, next), err
	})
}

// queries returns lists by every filter, with random values.
func (p *pair) queries() []webhook.DeliveryQuery {
	limit := 1 + p.random.IntN(10)
	return []webhook.DeliveryQuery{
		{Limit: limit},
		{Limit: limit, Endpoint: some(p, p.endpoints)},
		{Limit: limit, ClientID: some(p, clients)},
		{Limit: limit, ClientID: some(p, clients), Endpoint: some(p, p.endpoints)},
		{Limit: limit, Status: some(p, []webhook.Status{webhook.Queued, webhook.Retrying, webhook.Delivered, webhook.Failed, webhook.Cancelled})},
		{Limit: limit, EventType: "user.created", Endpoint: some(p, p.endpoints)},
		{Limit: limit, Since: p.now.Add(-time.Hour), Until: p.now.Add(time.Hour)},
		{Limit: limit, Before: some(p, p.deliveries)},
		{Limit: limit, Code: some(p, []webhook.CodeFilter{"2xx", "5xx", "503"}), ClientID: some(p, append(clients, ""))},
		{Limit: limit, Reason: webhook.ReasonHTTP5xx, Endpoint: some(p, p.endpoints)},
		{Limit: limit, Reason: webhook.ReasonGone, MinAttempts: p.random.IntN(4)},
	}
}

// compareEvents compares lists of events by every filter, with random values.
func (p *pair) compareEvents() {
	limit := 1 + p.random.IntN(10)
	for _, q := range []webhook.EventQuery{
		{Limit: limit},
		{Limit: limit, ClientID: some(p, clients), Matched: webhook.OnlyMatched},
		{Limit: limit, ClientID: some(p, clients), Publisher: "p", Matched: webhook.OnlyUnmatched},
		{Limit: limit, EventType: "user.created", Before: some(p, p.events)},
		{Limit: limit, Publisher: some(p, []string{"p", "q"}), Since: p.now.Add(-time.Minute), Until: p.now},
	} {
		_, _ = both(p, fmt.Sprintf("ListEvents %+v", q), func(s storage.Store) ([]webhook.EventSummary, error) {
			return eventsOfPages(p.Context(), s, q)
		})
	}
}

// everyPage follows a list to its end: where a page ends is the store's choice.
func everyPage(ctx context.Context, s storage.Store, q webhook.DeliveryQuery) (ids []webhook.ID, err error) {
	for {
		page, err := s.ListDeliveries(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, d := range page.Deliveries {
			ids = append(ids, d.ID)
		}
		if page.Next == (webhook.ID{}) {
			return ids, nil
		}
		q.Before = page.Next
	}
}

// eventsOfPages follows a list of events to its end.
func eventsOfPages(ctx context.Context, s storage.Store, q webhook.EventQuery) (list []webhook.EventSummary, err error) {
	for {
		page, err := s.ListEvents(ctx, q)
		if list = append(list, page.Events...); err != nil || page.Next == (webhook.ID{}) {
			return list, err
		}
		q.Before = page.Next
	}
}
