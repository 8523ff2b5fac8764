package pgstore

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/webhook"
)

// shifted is a store whose clock a test sets.
type shifted struct {
	*Store
	t     *testing.T
	url   string
	ahead atomic.Int64
	seq   webhook.Sequence
}

// openShifted opens a store with a retention of an hour, on a clock of its own.
func openShifted(t *testing.T) *shifted {
	t.Helper()
	f := &shifted{t: t, url: database(t)}
	s, err := Open(t.Context(), Options{URL: f.url, LonePrimary: true, Retention: time.Hour, Now: f.now})
	if err != nil {
		t.Fatal(err)
	}
	f.Store = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *shifted) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())).UTC() }

// accepted stores an event for some endpoints, and returns its ID.
func (f *shifted) accepted(to ...webhook.EndpointNumber) webhook.ID {
	f.t.Helper()
	e := webhook.Event{ID: webhook.ID{Seq: f.seq.Next(f.now()), Nonce: 7}, Type: "user.created", Data: []byte(`{}`), Endpoints: to}
	done := make(chan error, 1)
	f.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
	if err := <-done; err != nil {
		f.t.Fatal(err)
	}
	return e.ID
}

// attempted settles an attempt of a delivery that ended now.
func (f *shifted) attempted(id webhook.ID, code int) webhook.Delivery {
	f.t.Helper()
	was, err := f.Delivery(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	a := webhook.Attempt{At: f.now().Truncate(time.Microsecond), StatusCode: code, Response: []byte("response"), Requests: 1}
	now := was.Attempted(a, webhook.RetryPolicy{MaxAttempts: 100, Initial: time.Hour, MaxDelay: time.Hour, Multiplier: 1}, 0)
	done := make(chan error, 1)
	f.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
	if err := <-done; err != nil {
		f.t.Fatal(err)
	}
	return now
}

// reap reaps until there is no more.
func (f *shifted) reap() {
	f.t.Helper()
	for range 1000 {
		more, err := f.Reap(f.t.Context(), f.now(), 100)
		if err != nil {
			f.t.Fatal(err)
		}
		if !more {
			return
		}
	}
	f.t.Fatal("Reap does not end")
}

// days returns the days that have tables.
func (f *shifted) days() []time.Time {
	f.t.Helper()
	days, err := schema.Days(f.t.Context(), f.writes)
	if err != nil {
		f.t.Fatal(err)
	}
	return days
}

// TestDayIsDropped: a day goes as a whole once nobody needs it, and what is pending keeps
// its event, its place and its attempts.
func TestDayIsDropped(t *testing.T) {
	f, ctx := openShifted(t), t.Context()
	day := f.now().Truncate(24 * time.Hour)
	done, retrying, queued := f.accepted(1), f.accepted(2), f.accepted(3)
	f.attempted(done.For(1), 200)
	want := f.attempted(retrying.For(2), 500)
	last := f.LastSeq()

	untilEnd := day.AddDate(0, 0, 1).Sub(f.now())
	f.ahead.Store(int64(untilEnd + 58*time.Minute))
	f.reap()
	if !slices.Contains(f.days(), day) {
		t.Fatal("a day was dropped before its retention was over")
	}
	f.ahead.Store(int64(untilEnd + 62*time.Minute))
	f.reap()
	days := f.days()
	if slices.Contains(days, day) {
		t.Errorf("the day stays: %v", days)
	}
	if ahead := f.now().Truncate(24*time.Hour).AddDate(0, 0, schema.DaysAhead); !slices.Contains(days, ahead) {
		t.Errorf("there is no table for %v: %v", ahead, days)
	}
	if _, err := f.Event(ctx, done); unless(err, webhook.ErrNotFound) != nil {
		t.Errorf("the event of an expired delivery: %v", err)
	}
	for _, id := range []webhook.ID{retrying, queued} {
		if e, err := f.Event(ctx, id); err != nil || string(e.Data) != `{}` {
			t.Errorf("the event of a pending delivery: %+v, %v", e, err)
		}
	}
	got, err := f.Delivery(ctx, retrying.For(2))
	if err != nil || got.Attempts != 1 || len(got.AttemptLog) != 1 || string(got.AttemptLog[0].Response) != "response" || got.NextAttemptAt != want.NextAttemptAt {
		t.Errorf("a retrying delivery of a dropped day: %+v, %v", got, err)
	}
	if due, err := f.Queued(ctx, 3, webhook.ID{}, 5, 1<<20); err != nil || len(due) != 1 || string(due[0].Data) != `{}` {
		t.Errorf("the queue: %+v, %v", due, err)
	}
	page, err := f.ListDeliveries(ctx, webhook.DeliveryQuery{Limit: 10})
	if err != nil || len(page.Deliveries) != 2 || page.Deliveries[0].EventType != "user.created" {
		t.Errorf("the list of all: %+v, %v", page, err)
	}
	if f.LastSeq() < last || valueOf[int64](t, f.url, "SELECT last_seq FROM registry") < int64(last) {
		t.Error("IDs of a dropped day could be issued again")
	}
	f.keptUntilFinished(retrying.For(2), queued.For(3))
}

// keptUntilFinished settles what outlived its day: it is listed for the retention, and then
// everything of it goes, row by row.
func (f *shifted) keptUntilFinished(ids ...webhook.ID) {
	f.t.Helper()
	for _, id := range ids {
		f.attempted(id, 200)
	}
	f.reap()
	for _, id := range ids {
		if d, err := f.Delivery(f.t.Context(), id); err != nil || d.Status != webhook.Delivered {
			f.t.Errorf("just finished: %+v, %v", d, err)
		}
	}
	f.ahead.Add(int64(2 * time.Hour))
	f.reap()
	for _, table := range []string{"event_kept", "event_other", "done_other", "attempt_other", "queued", "retrying"} {
		if n := valueOf[int64](f.t, f.url, "SELECT count(*) FROM "+table); n != 0 {
			f.t.Errorf("%d rows are left in %s", n, table)
		}
	}
}

// TestLateFinishKeepsItsDay: a delivery that finishes long after its event is listed for
// the whole retention, and keeps its day for so long; but twice the retention is the end.
func TestLateFinishKeepsItsDay(t *testing.T) {
	f, ctx := openShifted(t), t.Context()
	day := f.now().Truncate(24 * time.Hour)
	untilEnd := day.AddDate(0, 0, 1).Sub(f.now())
	late := f.accepted(1).For(1)
	// It finishes half an hour after its day has ended, half a retention before the day is due.
	f.ahead.Store(int64(untilEnd + 30*time.Minute))
	f.attempted(late, 200)
	f.ahead.Store(int64(untilEnd + 70*time.Minute))
	f.reap()
	if d, err := f.Delivery(ctx, late); err != nil || !slices.Contains(f.days(), day) {
		t.Errorf("40 minutes after it finished: %+v, %v", d, err)
	}
	f.ahead.Store(int64(untilEnd + 100*time.Minute))
	f.reap()
	if slices.Contains(f.days(), day) {
		t.Error("the day stays although its last delivery has expired")
	}
}

// TestDayIsDroppedAfterTwiceItsRetention: deliveries that finish again and again cannot keep
// a day on disk for ever.
func TestDayIsDroppedAfterTwiceItsRetention(t *testing.T) {
	f, ctx := openShifted(t), t.Context()
	day := f.now().Truncate(24 * time.Hour)
	untilEnd := day.AddDate(0, 0, 1).Sub(f.now())
	id := f.accepted(1).For(1)
	f.attempted(id, 410)
	for _, after := range []time.Duration{30 * time.Minute, 80 * time.Minute} {
		f.ahead.Store(int64(untilEnd + after))
		_, _ = f.Requeue(ctx, id) // not once it has expired
		if d, err := f.Delivery(ctx, id); err == nil && !d.Status.Finished() {
			f.attempted(id, 410)
		}
		f.reap()
	}
	f.ahead.Store(int64(untilEnd + 3*time.Hour))
	f.reap()
	if slices.Contains(f.days(), day) {
		t.Error("the day stays")
	}
}

// TestReapUnderWriters: a day is dropped while others write, and neither waits for ever.
func TestReapUnderWriters(t *testing.T) {
	f := openShifted(t)
	for range 20 {
		f.attempted(f.accepted(1).For(1), 200)
	}
	f.ahead.Store(int64(26 * time.Hour))
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		count := 0
		for {
			select {
			case <-stop:
				stopped <- count
				return
			default:
				f.attempted(f.accepted(1).For(1), 200)
				count++
			}
		}
	}()
	f.reap()
	close(stop)
	if n := <-stopped; n == 0 {
		t.Error("nothing was written meanwhile")
	}
	page, err := f.ListDeliveries(t.Context(), webhook.DeliveryQuery{Endpoint: 1, Limit: 1000})
	for _, d := range page.Deliveries {
		if d.ID.Time().Before(f.now().Add(-3 * time.Hour)) {
			t.Errorf("%+v has outlived its day", d)
		}
	}
	if err != nil {
		t.Error(err)
	}
}
