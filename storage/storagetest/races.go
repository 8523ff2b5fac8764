package storagetest

import (
	"errors"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// racers is how many callers do the same at a time.
const racers = 8

// race calls run from several goroutines, which start together, and returns their errors.
func race(run func(caller int) error) []error {
	errs, start := make([]error, racers), make(chan struct{})
	var all sync.WaitGroup
	for caller := range racers {
		all.Go(func() {
			<-start
			errs[caller] = run(caller)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// raceTests have several callers do what only one can: the store decides in which order
// they came, and all of them learn of the same result.
var raceTests = []test{
	{name: "stores one event of all that come under one key", run: func(f *fixture) {
		events := make([]webhook.Event, racers)
		for i := range events {
			events[i] = f.keyed("p", "k", "1")
		}
		receipts := make([]webhook.Receipt, racers)
		for _, err := range race(func(i int) error {
			got, err := waitFor(f.Store, events[i:i+1])
			if err == nil {
				receipts[i] = got[0]
			}
			return err
		}) {
			f.must(err)
		}
		first := 0
		for i, r := range receipts {
			same(f, r.EventID, receipts[0].EventID)
			same(f, r.Deliveries, 2)
			if !r.Duplicate {
				first++
				same(f, r.EventID, events[i].ID)
			}
		}
		same(f, first, 1)
		f.check(func() { same(f, f.Pending(), 2) })
	}},
	{name: "gives each new endpoint a number of its own", run: func(f *fixture) {
		registrations := make([]webhook.Endpoint, racers)
		for i := range registrations {
			registrations[i] = f.registration("a")
		}
		numbers := make([]webhook.EndpointNumber, racers)
		for _, err := range race(func(i int) error {
			e, err := f.CreateEndpoint(f.Context(), registrations[i])
			numbers[i] = e.Number()
			return err
		}) {
			f.must(err)
		}
		f.check(func() {
			for i, n := range numbers {
				e, err := f.Endpoint(f.Context(), n)
				f.must(err)
				same(f, e.ID.Seq, registrations[i].ID.Seq)
			}
		})
	}},
	{name: "lets one of several take a name or give it up", run: func(f *fixture) {
		for _, c := range []struct {
			run  func(int) error
			lost error
		}{
			{func(int) error { return f.CreateEventType(f.Context(), webhook.EventType{Name: "a"}) }, webhook.ErrExists},
			{func(int) error { return f.DeleteEventType(f.Context(), "a") }, webhook.ErrNotFound},
			{func(int) error { return f.CreateAPIKey(f.Context(), webhook.APIKey{ID: "a"}) }, webhook.ErrExists},
			{func(int) error { return f.DeleteAPIKey(f.Context(), "a") }, webhook.ErrNotFound},
		} {
			f.one(race(c.run), c.lost)
		}
	}},
	{name: "agrees on one cursor key", run: func(f *fixture) {
		keys := make([][32]byte, racers)
		for _, err := range race(func(i int) (err error) {
			keys[i], err = f.CursorKey(f.Context(), [32]byte{byte(i + 1)})
			return err
		}) {
			f.must(err)
		}
		for _, k := range keys {
			same(f, k, keys[0])
		}
		same(f, keys[0] != [32]byte{}, true)
	}},
	{name: "counts a delivery once however many requeue it", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		f.attempted(id, 410)
		for _, err := range race(func(int) error {
			due, err := f.Requeue(f.Context(), id)
			if err == nil && (due.Delivery.Status != webhook.Queued || string(due.Data) != string(f.event().Data)) {
				err = errors.New("another delivery came back")
			}
			return err
		}) {
			f.must(err)
		}
		f.check(func() {
			same(f, f.queue(1), []webhook.ID{id})
			same(f, f.Pending(), 1)
			same(f, f.delivery(id).Spent, 1)
		})
	}},
	{name: "lets one of several cancel a delivery", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		at := make([]time.Time, racers)
		errs := race(func(i int) error {
			at[i] = f.now.Add(time.Duration(i) * time.Second)
			_, err := f.Cancel(f.Context(), id, webhook.ReasonCancelled, at[i])
			return err
		})
		winner := f.one(errs, webhook.ErrConflict)
		f.check(func() { same(f, f.delivery(id).FinishedAt, at[winner]); same(f, f.Pending(), 0) })
	}},
	{name: "counts what was delivered although it is cancelled and requeued meanwhile", run: cancelledInFlight},
	{name: "cancels each delivery once, whoever asks", run: func(f *fixture) {
		const deliveries = 100
		f.queued(1, deliveries)
		cancelled := make([]int, racers)
		for _, err := range race(func(i int) error {
			for {
				n, err := f.CancelPending(f.Context(), 1, webhook.ReasonCancelled, f.now, 7)
				cancelled[i] += n
				if err != nil || f.PendingOf([]webhook.EndpointNumber{1}) == 0 {
					return err
				}
			}
		}) {
			f.must(err)
		}
		sum := 0
		for _, n := range cancelled {
			sum += n
		}
		same(f, sum, deliveries)
		f.check(func() { same(f, f.Pending(), 0); same(f, f.queue(1), nil) })
	}},
}

// one checks that one call of a race succeeded and all others failed as they should, and
// returns which one.
func (f *fixture) one(errs []error, lost error) (winner int) {
	f.Helper()
	won := 0
	for i, err := range errs {
		if err == nil {
			winner = i
			won++
			continue
		}
		f.is(err, lost)
	}
	same(f, won, 1)
	return winner
}

// cancelledInFlight settles deliveries while others cancel and requeue them. Whatever
// the order, an attempt that delivered counts, and the figures agree with the lists.
func cancelledInFlight(f *fixture) {
	const deliveries = 40
	ids := f.queued(1, deliveries)
	var before []webhook.Delivery
	for _, id := range ids {
		before = append(before, f.delivery(id))
	}
	for _, err := range race(func(caller int) error {
		for i, id := range ids {
			var err error
			switch {
			case caller == 0:
				now := before[i].Attempted(f.attempt(200), forever, 0)
				err = f.trySettle(webhook.Settlement{Was: before[i].Place(), Now: now})
			case caller%2 == 0:
				_, err = f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.now)
			default:
				_, err = f.Requeue(f.Context(), id)
			}
			if err != nil && !errors.Is(err, webhook.ErrConflict) {
				return err
			}
		}
		return nil
	}) {
		f.must(err)
	}
	f.check(func() {
		queued := int64(0)
		for _, id := range ids {
			d := f.delivery(id)
			same(f, d.Attempts, 1)
			same(f, len(d.AttemptLog), 1)
			f.onlyIn(id, d)
			if d.Status == webhook.Queued {
				queued++
			}
		}
		same(f, f.Pending(), queued)
		same(f, int64(len(f.queue(1))), queued)
	})
}
