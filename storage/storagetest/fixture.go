package storagetest

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// fixture is a store under test, with helpers to fill it and to look at it.
type fixture struct {
	*testing.T
	storage.Store
	backend Backend
	config  Config
	seq     webhook.Sequence
	nonce   uint32    // of all IDs
	now     time.Time // when events are numbered, to the millisecond
	// ahead is by how much the store's clock is ahead of the process's.
	ahead *atomic.Int64
}

const defaultRetention = 30 * 24 * time.Hour

func (one test) start(t *testing.T, b Backend) {
	config := Config{Dir: t.TempDir(), Retention: defaultRetention}
	if one.timed {
		config.Retention = cmp.Or(b.Retention, time.Minute)
	}
	if one.timed && !b.Remote {
		synctest.Test(t, func(t *testing.T) { one.in(t, b, config) })
		return
	}
	t.Parallel()
	one.in(t, b, config)
}

func (one test) in(t *testing.T, b Backend, config Config) {
	config.Test = t
	f := newFixture(t, b, config)
	f.open()
	defer func() { f.must(f.Close()) }()
	one.run(f)
}

// newFixture returns the fixture of a store that is not open yet.
func newFixture(t *testing.T, b Backend, config Config) *fixture {
	f := &fixture{T: t, backend: b, config: config, ahead: new(atomic.Int64), nonce: 0xfeed}
	if b.Remote {
		f.config.Now = f.clock
	}
	f.now = f.clock()
	return f
}

func (f *fixture) open() {
	f.Helper()
	s, err := f.backend.Open(f.config)
	f.must(err)
	f.Store = s
}

// clock returns the present time as the store has it, to the millisecond.
func (f *fixture) clock() time.Time {
	return time.Now().Add(time.Duration(f.ahead.Load())).UTC().Truncate(time.Millisecond)
}

// sleep lets time pass: that of the bubble, or else that of the store's clock alone.
func (f *fixture) sleep(d time.Duration) {
	if f.backend.Remote {
		f.ahead.Add(int64(d))
		return
	}
	time.Sleep(d)
}

// margin is how far from a deadline a test looks. In a bubble nothing takes time; behind a
// network a busy machine can take seconds for a step, and the store's clock does not wait.
func (f *fixture) margin() time.Duration {
	if f.backend.Remote {
		return 10 * time.Minute
	}
	return 2 * time.Second
}

// expire lets pass the time after which the store keeps nothing that has finished until
// now.
func (f *fixture) expire() { f.sleep(f.config.Retention + f.backend.Overdue + 2*time.Second) }

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) is(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("error is %v, want %v", err, want)
	}
}

// same compares two values in depth.
func same[T any](f *fixture, got, want T) {
	f.Helper()
	if !reflect.DeepEqual(got, want) {
		f.Fatalf("got\n%+v\nwant\n%+v", got, want)
	}
}

// check runs assertions, and again after a restart.
func (f *fixture) check(assert func()) {
	f.Helper()
	assert()
	if f.backend.Persistent {
		f.restart()
		assert()
	}
}

func (f *fixture) restart() {
	f.Helper()
	f.must(f.Close())
	f.open()
}

// id issues the next ID, at f.now.
func (f *fixture) id() webhook.ID {
	return webhook.ID{Seq: f.seq.Next(f.now), Nonce: f.nonce}
}

// at returns the time some seconds after f.now.
func (f *fixture) at(seconds int) time.Time { return f.now.Add(time.Duration(seconds) * time.Second) }

// endpoint registers an endpoint.
func (f *fixture) endpoint(clientID string) webhook.Endpoint {
	f.Helper()
	e, err := f.CreateEndpoint(f.Context(), f.registration(clientID))
	f.must(err)
	return e
}

func (f *fixture) registration(clientID string) webhook.Endpoint {
	return webhook.Endpoint{
		ID: f.id(), ClientID: clientID, EventTypes: []string{"user.*", "content.published"},
		TargetURL: "https://example.com/hook", Description: "ünïcode", Status: webhook.EndpointActive,
		Secrets:   []signing.Secret{{Value: "whsec_new"}, {Value: "whsec_old", ExpiresAt: f.at(60)}},
		CreatedAt: f.now, UpdatedAt: f.at(1), ExpiresAt: f.at(2),
		Settings: webhook.Settings{
			Timeout: 1500 * time.Millisecond, Concurrency: 3, Rate: 2.5, Burst: 7,
			Retry:   webhook.RetryPolicy{MaxAttempts: 4, Initial: time.Second, Multiplier: 1.5, MaxDelay: time.Hour, Jitter: 0.2},
			Breaker: webhook.BreakerPolicy{Failures: 2, Open: time.Minute, MaxOpen: time.Hour},
		},
		Headers: []webhook.CustomHeader{{Name: "X-Team", Value: "crm"}, {Name: "Empty"}}, CABundle: "-----BEGIN",
		DisabledAt: f.at(7), ReceiverSince: 1, GateSince: 3,
	}
}

// event makes an event for some endpoints.
func (f *fixture) event(to ...webhook.EndpointNumber) webhook.Event {
	return webhook.Event{
		ID: f.id(), Type: "user.created", ClientID: "client-1", Data: []byte(`{"name":"Ada"}`),
		Publisher: "backend", Endpoints: to,
	}
}

// accept stores events and waits.
func (f *fixture) accept(events ...webhook.Event) []webhook.Receipt {
	f.Helper()
	type answer struct {
		receipts []webhook.Receipt
		err      error
	}
	done := make(chan answer, 1)
	f.Accept(events, 0, func(receipts []webhook.Receipt, err error) { done <- answer{receipts, err} })
	got := <-done
	f.must(got.err)
	return got.receipts
}

// queued accepts count events for one endpoint, one each, and returns their deliveries.
func (f *fixture) queued(n webhook.EndpointNumber, count int) []webhook.ID {
	f.Helper()
	events := make([]webhook.Event, count)
	ids := make([]webhook.ID, count)
	for i := range events {
		events[i] = f.event(n)
		ids[i] = events[i].ID.For(n)
	}
	f.accept(events...)
	return ids
}

// settle stores a settlement and waits.
func (f *fixture) settle(st webhook.Settlement) {
	f.Helper()
	f.must(f.trySettle(st))
}

func (f *fixture) trySettle(st webhook.Settlement) error {
	done := make(chan error, 1)
	f.Settle(st, func(err error) { done <- err })
	return <-done
}

// attempt is one that got a response.
func (f *fixture) attempt(code int) webhook.Attempt {
	return webhook.Attempt{
		At: f.now, Duration: 1234 * time.Microsecond, StatusCode: code, Response: []byte("response"),
	}
}

// attempted settles an attempt of a stored delivery and returns the delivery after it.
// The settlement knows of no other attempt.
func (f *fixture) attempted(id webhook.ID, code int) webhook.Delivery {
	f.Helper()
	was := f.delivery(id)
	policy := webhook.RetryPolicy{MaxAttempts: 3, Initial: 10 * time.Second, Multiplier: 2, MaxDelay: time.Hour}
	a := f.attempt(code)
	now := was.Attempted(a, policy, 0)
	settled := now
	settled.AttemptLog = []webhook.Attempt{*now.LastAttempt()}
	f.settle(webhook.Settlement{Was: was.Place(), Now: settled})
	return now
}

func (f *fixture) delivery(id webhook.ID) webhook.Delivery {
	f.Helper()
	d, err := f.Delivery(f.Context(), id)
	f.must(err)
	return d
}

// withoutLog returns a delivery as it is read to be attempted.
func withoutLog(d webhook.Delivery) webhook.Delivery {
	d.AttemptLog = nil
	return d
}

// queue reads an endpoint's whole queue.
func (f *fixture) queue(n webhook.EndpointNumber) []webhook.ID {
	f.Helper()
	due, err := f.Queued(f.Context(), n, webhook.ID{}, 1000, 1<<30)
	f.must(err)
	return idsOf(due)
}

// schedule reads the part of an endpoint's retry schedule that is due some seconds after f.now.
func (f *fixture) schedule(n webhook.EndpointNumber, seconds int) []webhook.ID {
	f.Helper()
	due, _, err := f.Scheduled(f.Context(), n, webhook.Slot{}, f.at(seconds), 1000, 1<<30)
	f.must(err)
	return idsOf(due)
}

func idsOf(due []webhook.Due) []webhook.ID {
	var ids []webhook.ID
	for _, one := range due {
		ids = append(ids, one.Delivery.ID)
	}
	return ids
}

// listed reads a whole list page by page.
func (f *fixture) listed(q webhook.DeliveryQuery) []webhook.ID {
	f.Helper()
	var ids []webhook.ID
	for {
		page, err := f.ListDeliveries(f.Context(), q)
		f.must(err)
		if len(page.Deliveries) > q.Limit {
			f.Fatalf("a page of %d has %d deliveries", q.Limit, len(page.Deliveries))
		}
		for _, d := range page.Deliveries {
			ids = append(ids, d.ID)
		}
		if page.Next == (webhook.ID{}) {
			return ids
		}
		q.Before = page.Next
	}
}

func reversed(ids []webhook.ID) []webhook.ID {
	out := slices.Clone(ids)
	slices.Reverse(out)
	return out
}
