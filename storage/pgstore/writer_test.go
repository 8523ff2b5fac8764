package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/webhook"
)

// someEvent makes an event for some endpoints; number makes the events of one test differ.
func someEvent(number uint64, to ...webhook.EndpointNumber) webhook.Event {
	return webhook.Event{
		ID: webhook.ID{Seq: webhook.SeqAt(time.Now()) + number, Nonce: 7}, Type: "user.created", Data: []byte(`{"a":1}`),
		Publisher: "p", Endpoints: to,
	}
}

// answer is what Accept calls done with.
type answer struct {
	receipts []webhook.Receipt
	err      error
}

// acceptLater hands events over, and returns where the answer comes.
func acceptLater(s *Store, matched uint64, events ...webhook.Event) <-chan answer {
	got := make(chan answer, 1)
	s.Accept(events, matched, func(r []webhook.Receipt, err error) { got <- answer{r, err} })
	return got
}

// accept stores events and fails the test if one is not stored.
func accept(t testing.TB, s *Store, events ...webhook.Event) {
	t.Helper()
	got := <-acceptLater(s, 0, events...)
	if got.err != nil {
		t.Fatal(got.err)
	}
	for _, r := range got.receipts {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// settleLater hands a settlement over, and returns where the answer comes.
func settleLater(s *Store, was, now webhook.Delivery) <-chan error {
	done := make(chan error, 1)
	s.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
	return done
}

// attempted returns a delivery after an attempt with a status code.
func attempted(d webhook.Delivery, code int) webhook.Delivery {
	a := webhook.Attempt{At: time.Now(), Duration: time.Millisecond, StatusCode: code, Response: []byte("r"), Requests: 1}
	return d.Attempted(a, webhook.DefaultSettings().Retry, 0)
}

func queuedDelivery(e webhook.Event, n webhook.EndpointNumber) webhook.Delivery {
	return webhook.Delivery{ID: e.ID.For(n), EventType: e.Type, Status: webhook.Queued}
}

// statusOf returns a delivery's status, "" if it is not stored.
func statusOf(t testing.TB, s *Store, id webhook.ID) webhook.Status {
	t.Helper()
	d, err := s.Delivery(t.Context(), id)
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		t.Fatal(err)
	}
	return d.Status
}

// pendingInTables counts what is pending as an auditor would.
func pendingInTables(t testing.TB, url string) int64 {
	t.Helper()
	return valueOf[int64](t, url, "SELECT (SELECT count(*) FROM queued) + (SELECT count(*) FROM retrying)")
}

// checkCounts compares the numbers in memory and in fence with the rows.
func checkCounts(t testing.TB, s *Store, url string) {
	t.Helper()
	want := pendingInTables(t, url)
	if got := s.Pending(); got != want {
		t.Errorf("Pending returns %d, and %d are", got, want)
	}
	if got := valueOf[int64](t, url, "SELECT sum(pending)::int8 FROM fence"); got != want {
		t.Errorf("fence counts %d pending deliveries, and there are %d", got, want)
	}
}

// behindProxy opens a store whose connections go through a proxy.
func behindProxy(t *testing.T) (s *Store, p *pgtest.Proxy, url string) {
	t.Helper()
	p, err := pgtest.NewProxy(postgres)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() }) // after the store's own
	url = database(t)
	through, err := p.URL(url)
	if err != nil {
		t.Fatal(err)
	}
	return openTest(t, through), p, url
}

// TestUnknownOutcomes: whatever becomes of a commit whose answer is lost, each event and
// each settlement is stored once, and nobody is told otherwise.
func TestUnknownOutcomes(t *testing.T) {
	for name, fate := range map[string]pgtest.Fate{"committed": pgtest.LoseAnswer, "not committed": pgtest.BreakOff} {
		t.Run(name, func(t *testing.T) {
			s, proxy, url := behindProxy(t)
			for i := range uint64(8) {
				e := someEvent(i, 1, 2, 3)
				e.IdempotencyKey = fmt.Sprint("key ", i)
				proxy.Next(fate)
				accept(t, s, e)
				was := queuedDelivery(e, 1)
				proxy.Next(fate)
				if err := <-settleLater(s, was, attempted(was, 200)); err != nil {
					t.Fatal(err)
				}
				was = queuedDelivery(e, 2)
				retried := attempted(was, 500)
				proxy.Next(fate, fate)
				if err := <-settleLater(s, was, retried); err != nil {
					t.Fatal(err)
				}
				for n, want := range map[webhook.EndpointNumber]webhook.Status{1: webhook.Delivered, 2: webhook.Retrying, 3: webhook.Queued} {
					if got := statusOf(t, s, e.ID.For(n)); got != want {
						t.Fatalf("event %d: delivery %d is %q, want %q", i, n, got, want)
					}
				}
				checkCounts(t, s, url)
			}
			if proxy.Met() < 24 {
				t.Errorf("only %d commits were lost", proxy.Met())
			}
		})
	}
}

// TestALateTwinIsRefused: half a transaction that the network held back, and that was
// repeated meanwhile, changes nothing when the rest of it arrives.
func TestALateTwinIsRefused(t *testing.T) {
	s, proxy, url := behindProxy(t)
	e := someEvent(1, 1)
	accept(t, s, e)
	was := queuedDelivery(e, 1)
	retried := attempted(was, 500)
	proxy.Next(pgtest.Stall)
	settled := settleLater(s, was, retried)
	for proxy.Met() == 0 {
		time.Sleep(time.Millisecond)
	}
	proxy.Mend()
	if err := <-settled; err != nil {
		t.Fatal(err)
	}
	if err := <-settleLater(s, retried, attempted(retried, 200)); err != nil {
		t.Fatal(err)
	}
	if got := statusOf(t, s, was.ID); got != webhook.Delivered {
		t.Errorf("it is %q", got)
	}
	checkCounts(t, s, url)
}

// TestStaleEvents: of a group only those fail that were matched with an older version.
func TestStaleEvents(t *testing.T) {
	url := database(t)
	s := openTest(t, url)
	registered(t, s, "a")
	version := uint64(valueOf[int64](t, url, "SELECT version FROM registry"))
	release := holdCommitter(t, s, url)
	stale, fresh := acceptLater(s, version-1, someEvent(1, 1)), acceptLater(s, version, someEvent(2, 1))
	unmatched := acceptLater(s, 0, someEvent(3, 1))
	release()
	if got := <-stale; !errors.Is(got.err, webhook.ErrStale) {
		t.Errorf("an older version: %v", got.err)
	}
	for name, got := range map[string]answer{"the same": <-fresh, "none": <-unmatched} {
		if got.err != nil {
			t.Errorf("%s: %v", name, got.err)
		}
	}
	checkCounts(t, s, url)
}

// holdCommitter makes the committer wait in a commit, so that what is handed over until
// the result is called becomes one group.
func holdCommitter(t *testing.T, s *Store, url string) (release func()) {
	t.Helper()
	conn := connectTest(t, url)
	ctx := context.Background()
	tx, err := conn.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, "SELECT 1 FROM fence WHERE incarnation = $1 FOR UPDATE", int64(s.incarnation))
	}
	if err != nil {
		t.Fatal(err)
	}
	accepted := acceptLater(s, 0, someEvent(1000, 1))
	for !valueOf[bool](t, url, "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())") {
		time.Sleep(time.Millisecond)
	}
	return func() {
		if err := tx.Rollback(ctx); err != nil {
			t.Error(err)
		}
		if got := <-accepted; got.err != nil {
			t.Error(got.err)
		}
	}
}

// TestTakenIDs: two events with one ID are not mixed up: the second is refused, and others
// of its group are stored.
func TestTakenIDs(t *testing.T) {
	url := database(t)
	s := openTest(t, url)
	e := someEvent(1, 1)
	accept(t, s, e)
	release := holdCommitter(t, s, url)
	twin, other := acceptLater(s, 0, e), acceptLater(s, 0, someEvent(2, 1))
	release()
	if got := <-twin; !errors.Is(got.err, webhook.ErrExists) {
		t.Errorf("the twin: %v", got.err)
	}
	if got := <-other; got.err != nil {
		t.Errorf("another one: %v", got.err)
	}
	checkCounts(t, s, url)
}

// TestSettlesElsewhere: of a group only the deliveries that are not where they were
// believed to be are looked for, and the counts stay right.
func TestSettlesElsewhere(t *testing.T) {
	url := database(t)
	s := openTest(t, url)
	ctx := t.Context()
	e := someEvent(1, 1, 2, 3, 4)
	accept(t, s, e)
	if _, err := s.Cancel(ctx, e.ID.For(2), webhook.ReasonCancelled, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cancel(ctx, e.ID.For(3), webhook.ReasonCancelled, time.Now()); err != nil {
		t.Fatal(err)
	}
	release := holdCommitter(t, s, url)
	var answers []<-chan error
	for n, code := range map[webhook.EndpointNumber]int{1: 200, 2: 200, 3: 500, 4: 500} {
		was := queuedDelivery(e, n)
		answers = append(answers, settleLater(s, was, attempted(was, code)))
	}
	release()
	for _, one := range answers {
		if err := <-one; err != nil {
			t.Error(err)
		}
	}
	for n, want := range map[webhook.EndpointNumber]webhook.Status{
		1: webhook.Delivered, 2: webhook.Delivered, 3: webhook.Cancelled, 4: webhook.Retrying,
	} {
		d, err := s.Delivery(ctx, e.ID.For(n))
		if err != nil || d.Status != want || len(d.AttemptLog) != 1 {
			t.Errorf("delivery %d: %s with %d attempts, %v; want %s", n, d.Status, len(d.AttemptLog), err, want)
		}
	}
	checkCounts(t, s, url)
}

// TestAnUnreachableDatabase: events are refused after five seconds, settlements wait, and
// all is well again without a restart.
func TestAnUnreachableDatabase(t *testing.T) {
	s, proxy, url := behindProxy(t)
	e := someEvent(1, 1)
	accept(t, s, e)
	proxy.Cut()
	began := time.Now()
	was := queuedDelivery(e, 1)
	settled := settleLater(s, was, attempted(was, 200))
	got := <-acceptLater(s, 0, someEvent(2, 1))
	if !errors.Is(got.err, webhook.ErrUnavailable) || time.Since(began) < patience {
		t.Errorf("after %v: %v", time.Since(began), got.err)
	}
	var again *webhook.RetryAfterError
	if !errors.As(got.err, &again) {
		t.Errorf("nobody is told when to come again: %v", got.err)
	}
	if _, err := s.Gate(t.Context(), 1); !errors.Is(err, webhook.ErrUnavailable) {
		t.Errorf("a read: %v", err)
	}
	if err := s.change(t.Context(), "note", note("x")); !errors.Is(err, webhook.ErrUnavailable) {
		t.Errorf("a change: %v", err)
	}
	select {
	case err := <-settled:
		t.Errorf("a settlement does not wait: %v", err)
	default:
	}
	proxy.Mend()
	if err := <-settled; err != nil || s.Err() != nil {
		t.Errorf("%v, %v", err, s.Err())
	}
	accept(t, s, someEvent(3, 1))
	checkCounts(t, s, url)
}

// TestFencedWriters: nothing of a fenced node is stored, and everything it hands over is
// answered.
func TestFencedWriters(t *testing.T) {
	url := database(t)
	s := openTest(t, url)
	e := someEvent(1, 1)
	accept(t, s, e)
	exec(t, url, "UPDATE fence SET fenced = true")
	was := queuedDelivery(e, 1)
	if err := <-settleLater(s, was, attempted(was, 200)); !errors.Is(err, webhook.ErrFenced) {
		t.Errorf("settle: %v", err)
	}
	if got := <-acceptLater(s, 0, someEvent(2, 1)); !errors.Is(got.err, webhook.ErrFenced) {
		t.Errorf("accept: %v", got.err)
	}
	if got := statusOf(t, s, was.ID); got != webhook.Queued {
		t.Errorf("it is %q", got)
	}
	<-s.Fenced()
}

// TestTwinsInOneGroup: a delivery that is settled twice in a row ends as the second one
// says, though both may be handed over before the first is stored.
func TestTwinsInOneGroup(t *testing.T) {
	url := database(t)
	s := openTest(t, url)
	e := someEvent(1, 1)
	accept(t, s, e)
	was := queuedDelivery(e, 1)
	retried := attempted(was, 500)
	release := holdCommitter(t, s, url)
	first, second := settleLater(s, was, retried), settleLater(s, retried, attempted(retried, 200))
	release()
	if err := errors.Join(<-first, <-second); err != nil {
		t.Fatal(err)
	}
	if got := statusOf(t, s, was.ID); got != webhook.Delivered {
		t.Errorf("it is %q", got)
	}
	checkCounts(t, s, url)
}

// TestCommitted: each group that is stored is reported once, before its jobs are done.
func TestCommitted(t *testing.T) {
	var commits atomic.Int32
	s, err := Open(t.Context(), Options{URL: database(t), LonePrimary: true, Committed: func(took time.Duration) {
		if took <= 0 {
			t.Error("a group took", took)
		}
		commits.Add(1)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range uint64(3) {
		before := commits.Load()
		accept(t, s, someEvent(i, 1))
		if n := commits.Load() - before; n != 1 {
			t.Errorf("event %d: %d commits were reported", i, n)
		}
	}
}
