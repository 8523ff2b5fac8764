package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// registerFor makes an endpoint of a client for some patterns.
func (r *rig) registerFor(client string, status webhook.EndpointStatus, patterns ...string) webhook.EndpointNumber {
	r.t.Helper()
	e, err := r.store.CreateEndpoint(context.Background(), webhook.Endpoint{
		ID: webhook.ID{Seq: r.options.Sequence.Next(time.Now())}, ClientID: client, EventTypes: patterns, Status: status,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.d.EndpointChanged(e)
	return e.Number()
}

// calls remembers which events storage was asked to accept.
type calls struct {
	mu   sync.Mutex
	all  [][]webhook.Event
	most int // keys that were under way at a time
	now  int
}

func keysOfAll(events []webhook.Event) (keys int) {
	for i := range events {
		keys += 2 + len(events[i].Recipients())
	}
	return keys
}

// watch returns an Accept that passes calls on to a store, and makes it slow.
func (c *calls) watch(s storage.Store) func([]webhook.Event, func([]webhook.Receipt, error)) {
	return func(events []webhook.Event, done func([]webhook.Receipt, error)) {
		keys := keysOfAll(events)
		c.mu.Lock()
		c.all = append(c.all, events)
		c.now += keys
		c.most = max(c.most, c.now)
		c.mu.Unlock()
		s.Accept(events, 0, func(receipts []webhook.Receipt, err error) {
			time.Sleep(time.Millisecond)
			c.mu.Lock()
			c.now -= keys
			c.mu.Unlock()
			done(receipts, err)
		})
	}
}

// TestWidePublications: publications of events for more endpoints than a transaction
// holds, in batches with others and at the same time, are stored whole, in order,
// in calls that storage accepts, and not too many at a time. Each event has its receipt.
func TestWidePublications(t *testing.T) {
	const wide = webhook.MaxFanOut + 100
	var seen calls
	h := &hook{}
	inRig(t, func(o *Options) {
		h.Store = o.Store.(storage.Store)
		h.accept, o.Store = seen.watch(h.Store), h
		o.ClientLimits = func(client string) webhook.ClientLimits {
			if client == "full" {
				return webhook.ClientLimits{Pending: 1}
			}
			return webhook.ClientLimits{}
		}
	}, func(r *rig) {
		for range wide - 1 {
			r.registerFor("crowd", webhook.EndpointDisabled, "user.*")
		}
		r.registerFor("crowd", webhook.EndpointActive, "user.*")
		r.registerFor("full", webhook.EndpointPaused, "content.*")
		r.publishType("content.published", 1)
		seen.all = nil
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() { r.publishMixed(wide) })
		}
		wait.Wait()
		last := uint64(0)
		for _, events := range seen.all {
			if keys := keysOfAll(events); keys > maxAcceptKeys && len(events) > 1 {
				t.Error("a call of", len(events), "events and", keys, "keys")
			}
			for i := range events {
				if events[i].ID.Seq <= last {
					t.Fatal("events are out of order")
				}
				last = events[i].ID.Seq
			}
		}
		if seen.most > maxStoring+wide || seen.most < maxStoring {
			t.Errorf("%d keys were being stored at a time, of at most %d and an event", seen.most, maxStoring)
		}
	})
}

func (r *rig) publishType(name string, count int) []webhook.Receipt {
	r.t.Helper()
	events := make([]webhook.Event, count)
	for i := range events {
		events[i] = webhook.Event{Type: name, Data: []byte("1")}
	}
	receipts, err := r.d.Publish(context.Background(), events)
	if err != nil {
		r.t.Fatal(err)
	}
	return receipts
}

// publishMixed publishes a batch of wide events, events for nobody, and events that are
// refused.
func (r *rig) publishMixed(wide int) {
	events := make([]webhook.Event, 15)
	for i := range events {
		events[i].Data = []byte("1")
		switch i % 3 {
		case 0:
			events[i].Type = "user.created"
		case 1:
			events[i].Type = "report.generated"
		case 2:
			events[i].Type, events[i].ClientID = "content.published", "full"
		}
	}
	receipts, err := r.d.Publish(context.Background(), events)
	if err != nil {
		r.t.Error(err)
		return
	}
	for i, got := range receipts {
		want := webhook.Receipt{EventID: events[i].ID}
		switch i % 3 {
		case 0:
			want.Deliveries, want.Disabled = 1, wide-1
		case 2:
			want.EventID, want.Err = webhook.ID{}, got.Err
			if !errors.Is(got.Err, webhook.ErrTooManyPending) {
				r.t.Error("an event to a client with too much pending: ", got.Err)
			}
		}
		if got != want {
			r.t.Errorf("event %d: %+v, want %+v", i, got, want)
		}
	}
}

// TestClientLimit: a client has as much pending as it may. Events for it alone are
// refused. Of events for all, its deliveries are stored as failed, and everybody else
// gets theirs. When less is pending, the client gets events again.
func TestClientLimit(t *testing.T) {
	const limit = 10
	inRig(t, func(o *Options) {
		o.ClientLimits = func(string) webhook.ClientLimits { return webhook.ClientLimits{Pending: limit} }
	}, func(r *rig) {
		hoarders := []webhook.EndpointNumber{
			r.registerFor("hoarder", webhook.EndpointPaused, "*"), r.registerFor("hoarder", webhook.EndpointPaused, "*"),
		}
		other := r.registerFor("other", webhook.EndpointActive, "*")
		for i, got := range r.publishType("user.created", limit/2) {
			if got.Deliveries != 3 || got.Paused != 2 || got.Limited != 0 {
				t.Errorf("event %d: %+v", i, got)
			}
		}
		beyond := r.publishType("user.created", 3)
		for _, got := range beyond {
			if got.Deliveries != 1 || got.Limited != 2 || got.Paused != 0 {
				t.Errorf("beyond the limit: %+v", got)
			}
		}
		id := beyond[0].EventID
		r.wantStatus(id.For(hoarders[0]), webhook.Failed, webhook.ReasonClientLimit, 0)
		r.wantStatus(id.For(other), webhook.Delivered, "", 1)
		r.wantRefused("hoarder", webhook.LimitPending, limit)
		r.wantPublished()
		if _, err := r.d.Test(context.Background(), r.endpoint(hoarders[0]), webhook.Event{Type: "t"}, false); !errors.Is(err, webhook.ErrTooManyPending) {
			t.Error("a test: ", err)
		}
		q := webhook.DeliveryQuery{Endpoint: hoarders[0], Status: webhook.Failed, Limit: 10}
		if n, _, err := r.d.Replay(context.Background(), q); n != 0 || !errors.Is(err, webhook.ErrTooManyPending) {
			t.Error("a replay: ", n, err)
		}
		r.publishTo("other", 1)
		r.setStatus(hoarders[0], webhook.EndpointActive)
		time.Sleep(2 * countAge)
		if n, _, err := r.d.Replay(context.Background(), q); n != 3 || err != nil {
			t.Error("a replay with room: ", n, err)
		}
		r.wantStatus(id.For(hoarders[0]), webhook.Delivered, "", 1)
		r.publishTo("hoarder", 1)
	})
}

// wantRefused checks how an event to a client alone is refused.
func (r *rig) wantRefused(client, setting string, limit int64) {
	r.t.Helper()
	receipts, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", ClientID: client, Data: []byte("1")}})
	if err != nil {
		r.t.Fatal(err)
	}
	var full *webhook.LimitError
	var later *webhook.RetryAfterError
	if !errors.As(receipts[0].Err, &full) || !errors.As(receipts[0].Err, &later) || later.After <= 0 {
		r.t.Fatalf("an event to %s: %+v", client, receipts[0])
	}
	if full.Client != client || full.Setting != setting || full.Max != limit {
		r.t.Errorf("an event to %s: %+v", client, full)
	}
}

func (r *rig) endpoint(n webhook.EndpointNumber) webhook.Endpoint {
	r.t.Helper()
	e, err := r.store.Endpoint(r.t.Context(), n)
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

// TestDisabledKeepsItsEvents: what is published while an endpoint is disabled is
// recorded for it, and delivered when it is replayed.
func TestDisabledKeepsItsEvents(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, answers(410, 0))
		gone := r.publishOne(n)
		r.wantStatus(gone, webhook.Failed, webhook.ReasonGone, 1)
		receipts := r.publishType("user.created", 2)
		if got := receipts[0]; got.Deliveries != 0 || got.Disabled != 1 {
			t.Errorf("while it is disabled: %+v", got)
		}
		id := receipts[1].EventID.For(n)
		r.wantStatus(id, webhook.Failed, webhook.ReasonEndpointDisabled, 0)
		r.receiver.does(n, answers(200, 0))
		r.setStatus(n, webhook.EndpointActive)
		q := webhook.DeliveryQuery{Endpoint: n, Status: webhook.Failed, Limit: 10}
		if got, _, err := r.d.Replay(context.Background(), q); got != 3 || err != nil {
			t.Error(got, err)
		}
		r.wantStatus(id, webhook.Delivered, "", 1)
	})
}

// TestVolumeOfAClient: bytes of events for one client alone are limited per day. The limit
// holds for no other client, nor for events for all.
func TestVolumeOfAClient(t *testing.T) {
	const size = 10_000
	inRig(t, func(o *Options) {
		o.ClientLimits = func(client string) webhook.ClientLimits {
			if client == "limited" {
				return webhook.ClientLimits{Bytes: 24 * 60 * (size + eventOverhead)} // one event a minute
			}
			return webhook.ClientLimits{}
		}
	}, func(r *rig) {
		publish := func(client string) webhook.Receipt {
			receipts, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "t", ClientID: client, Data: make([]byte, size)}})
			if err != nil {
				t.Fatal(err)
			}
			return receipts[0]
		}
		accepted := 0
		var last webhook.Receipt
		for last = publish("limited"); last.Err == nil; last = publish("limited") {
			accepted++
		}
		if accepted != 60 {
			t.Errorf("%d events were accepted, of one a minute for an hour", accepted)
		}
		var full *webhook.LimitError
		var later *webhook.RetryAfterError
		if !errors.As(last.Err, &full) || full.Setting != webhook.LimitBytes || !errors.As(last.Err, &later) || later.After > time.Minute+time.Second {
			t.Fatalf("%+v", last)
		}
		for _, other := range []string{"", "other"} {
			if got := publish(other); got.Err != nil {
				t.Error(got.Err)
			}
		}
		time.Sleep(later.After)
		if got := publish("limited"); got.Err != nil {
			t.Error("after the time that the refusal names: ", got.Err)
		}
		if got := publish("limited"); got.Err == nil {
			t.Error("one more than that was accepted")
		}
	})
}

// TestOnePublisherLeavesRoom: a publisher whose events are stored slowly has used its
// share of the memory for them. It is refused, another publisher is not.
func TestOnePublisherLeavesRoom(t *testing.T) {
	inRig(t, func(o *Options) { o.MaxPublishing = 100_000 }, func(r *rig) {
		r.register(webhook.Settings{})
		r.store.Hold()
		var wait sync.WaitGroup
		publish := func(who string) (refused error) {
			_, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Publisher: who, Data: make([]byte, 9000)}})
			return err
		}
		refusals := make(chan error, 20)
		for range cap(refusals) {
			wait.Go(func() { refusals <- publish("greedy") })
		}
		synctest.Wait()
		if len(refusals) != 15 { // half of the memory holds five
			t.Error(len(refusals), "were refused")
		}
		for range len(refusals) {
			if err := <-refusals; !errors.Is(err, webhook.ErrShareUsed) {
				t.Error(err)
			}
		}
		wait.Go(func() {
			if err := publish("modest"); err != nil {
				t.Error("another publisher: ", err)
			}
		})
		synctest.Wait()
		r.store.Release()
		wait.Wait()
		r.wantPublished()
	})
}

// TestStopWithWaitingPublications: those that wait for room are answered when the dispatcher stops.
func TestStopWithWaitingPublications(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		for range 500 {
			r.registerFor("crowd", webhook.EndpointDisabled, "*")
		}
		r.store.Hold()
		answers := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := r.d.Publish(context.Background(), make500())
				answers <- err
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		done := make(chan struct{})
		go func() { _ = r.d.Stop(ctx); close(done) }()
		synctest.Wait()
		r.store.Release()
		<-done
		for range 2 {
			if err := <-answers; err != nil && !errors.Is(err, webhook.ErrShuttingDown) {
				t.Error(err)
			}
		}
		r.start()
	})
}

// make500 makes a batch of 500 small events.
func make500() []webhook.Event {
	return slices.Repeat([]webhook.Event{{Type: "user.created", Data: []byte("1")}}, 500)
}

// BenchmarkIndexMatchClient is a client with many endpoints that have many patterns.
func BenchmarkIndexMatchClient(b *testing.B) {
	x := newIndex()
	for n := webhook.EndpointNumber(1); n <= 1000; n++ {
		e := endpoint(n, "client")
		for i := range 100 {
			e.EventTypes = append(e.EventTypes, fmt.Sprintf("type%d.n%d", i, n))
		}
		x.put(&e)
	}
	event := webhook.Event{Type: "type77.n500", ClientID: "client"}
	b.ReportAllocs()
	for b.Loop() {
		if len(x.match(&event)) != 1 {
			b.Fatal("no match")
		}
	}
}
