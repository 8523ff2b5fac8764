package badgerstore

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record/recordtest"
	"github.com/corpastro/astrohook/webhook"
)

// oldDelivery is a delivery with three attempts as version 1 knew them.
func oldDelivery(id webhook.ID, status webhook.Status) webhook.Delivery {
	at := time.Now().UTC().Truncate(time.Millisecond)
	d := webhook.Delivery{
		ID: id, EventType: "user.created", Status: status, Attempts: 3, Spent: 1, Reason: webhook.ReasonHTTP5xx,
	}
	switch status {
	case webhook.Retrying:
		d.NextAttemptAt = webhook.DueAt(at.Add(time.Minute))
	case webhook.Failed:
		d.FinishedAt = at
	}
	for n := 1; n <= 3; n++ {
		d.AttemptLog = append(d.AttemptLog, webhook.Attempt{
			Number: n, At: at, Duration: time.Duration(n) * time.Millisecond, StatusCode: 500, Requests: 1,
			Response: bytes.Repeat([]byte{byte('0' + n)}, (n+1)*webhook.MaxShortResponse), RetryAfter: time.Second,
		})
	}
	return d
}

// downgrade writes deliveries into a closed directory as schema version 2 had them.
func downgrade(t *testing.T, dir string, list ...webhook.Delivery) {
	t.Helper()
	db, err := badger.Open(badger.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *badger.Txn) error {
		for _, d := range list {
			put := func(key, value []byte) { err = errors.Join(err, tx.Set(key, value)) }
			if d.Status != webhook.Queued {
				err = errors.Join(err, tx.Delete(layout.DeliveryKey(layout.SpaceQueued, d.ID)))
			}
			put(layout.DeliveryKey(layout.SpaceOf(d.Status), d.ID), recordtest.DeliveryVersion1(&d))
			if d.Status == webhook.Retrying {
				put(layout.ScheduleKey(layout.SlotOf(d.NextAttemptAt, d.ID)), nil)
			}
		}
		return errors.Join(err, tx.Set(layout.MetaVersion, layout.EncodeNumber(2)))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestUpgradeKeepsAttempts: the log of what was stored with schema version 2 is
// there after the upgrade, after a further attempt and after a replay.
func TestUpgradeKeepsAttempts(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	ids := acceptMany(t, s, 4, 1)
	closed(t, s)
	retrying, queued := oldDelivery(ids[0].For(1), webhook.Retrying), oldDelivery(ids[1].For(1), webhook.Queued)
	failed, waits := oldDelivery(ids[2].For(1), webhook.Failed), ids[3].For(1)
	downgrade(t, dir, retrying, queued, failed)
	s = openTest(t, dir)
	// A step that was interrupted runs again.
	if err := separateAttempts(s.db); err != nil {
		t.Fatal(err)
	}
	if version, err := schemaOf(s.db); err != nil || version != schemaVersion {
		t.Fatal(version, err)
	}
	isStored(t, s, retrying, 1)
	isStored(t, s, queued, 1)
	isStored(t, s, failed, 0) // it is read as it was
	if d, err := s.Delivery(t.Context(), waits); err != nil || d.Status != webhook.Queued {
		t.Fatal(d, err)
	}
	if _, err := s.Requeue(t.Context(), failed.ID); err != nil {
		t.Fatal(err)
	}
	failed = failed.Requeue()
	isStored(t, s, failed, 1)
	due := retrying
	due.AttemptLog = nil
	settle(t, s, webhook.Settlement{Was: due.Place(), Now: due.Attempted(retrying.AttemptLog[0], webhook.RetryPolicy{}, 0)})
	d, err := s.Delivery(t.Context(), retrying.ID)
	if err != nil || len(d.AttemptLog) != 4 || d.AttemptLog[2].Number != 3 {
		t.Fatal(d, err)
	}
	if found, err := s.Check(nil); err != nil || found.Attempts != 9 {
		t.Fatal(found, err)
	}
}

// isStored says that a delivery is stored as it was, but that its first bodies are cut.
func isStored(t *testing.T, s *Store, want webhook.Delivery, cut int) {
	t.Helper()
	want.AttemptLog = slices.Clone(want.AttemptLog)
	for i := range cut {
		want.AttemptLog[i] = want.AttemptLog[i].Shortened()
	}
	got, err := s.Delivery(t.Context(), want.ID)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("error %v, got\n%+v\nwant\n%+v", err, got, want)
	}
}

func closed(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestUpgradeKeepsIdempotencyKeys: a key that schema version 2 stored stands for the
// document as it was published.
func TestUpgradeKeepsIdempotencyKeys(t *testing.T) {
	dir := t.TempDir()
	closed(t, openTest(t, dir))
	first := webhook.Event{
		ID: webhook.ID{Seq: webhook.SeqAt(time.Now()), Nonce: 1}, Type: "user.created", Publisher: "p", IdempotencyKey: "k",
		Data: []byte(`{"b":1,"a":2}`), Endpoints: []webhook.EndpointNumber{1, 2},
	}
	overwrite(t, dir, layout.IdempotencyKey(&first), recordtest.KeyedEventVersion1(&first))
	overwrite(t, dir, layout.MetaVersion, layout.EncodeNumber(2))
	s := openTest(t, dir)
	again, other := first, first
	again.ID.Nonce, other.ID.Nonce, other.Data = 2, 3, []byte(`{"b":1,"a":3}`)
	done := make(chan []webhook.Receipt, 1)
	s.Accept([]webhook.Event{again, other}, 0, func(receipts []webhook.Receipt, err error) {
		if err != nil {
			t.Error(err)
		}
		done <- receipts
	})
	want := []webhook.Receipt{
		{EventID: first.ID, Deliveries: 2, Duplicate: true},
		{EventID: first.ID, Err: webhook.ErrKeyReused},
	}
	if got := <-done; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

// openWithOldEvent opens a store that keeps what has finished for a second, with an
// event for three endpoints that was accepted an hour ago, and returns that time.
func openWithOldEvent(t *testing.T) (*Store, webhook.Event, time.Time) {
	t.Helper()
	s, err := Open(Options{Dir: t.TempDir(), NoSync: true, Retention: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	long := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	e := webhook.Event{ID: webhook.ID{Seq: webhook.SeqAt(long), Nonce: 1}, Type: "t", Data: []byte("{}"), Endpoints: []webhook.EndpointNumber{1, 2, 3}}
	accepted := make(chan error, 1)
	s.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { accepted <- err })
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	return s, e, long
}

// TestReapLeavesNoLogs: an event takes the records of its deliveries' logs with it.
func TestReapLeavesNoLogs(t *testing.T) {
	s, e, long := openWithOldEvent(t)
	var err error
	for _, n := range e.Endpoints {
		d := webhook.Delivery{ID: e.ID.For(n), EventType: "t", Status: webhook.Queued}
		for range 25 {
			was := d.Place()
			a := webhook.Attempt{At: long, StatusCode: 500, Response: bytes.Repeat([]byte("x"), 1000)}
			d = d.Attempted(a, webhook.RetryPolicy{MaxAttempts: 25, Initial: time.Second, MaxDelay: time.Second}, 0)
			settle(t, s, webhook.Settlement{Was: was, Now: d})
			d.AttemptLog = nil
		}
	}
	if attempts, bodies := keysIn(t, s, layout.SpaceAttempt), keysIn(t, s, layout.SpaceBody); attempts != 60 || bodies != 6 {
		t.Fatalf("%d attempts, %d bodies", attempts, bodies)
	}
	for more := true; more; { // each is over since long ago
		if more, err = s.Reap(t.Context(), time.Now(), 7); err != nil {
			t.Fatal(err)
		}
	}
	for _, space := range []layout.Space{layout.SpaceAttempt, layout.SpaceBody, layout.SpaceEvent, layout.SpaceFailed} {
		if n := keysIn(t, s, space); n != 0 {
			t.Errorf("%d keys are left in %c", n, space)
		}
	}
}

// TestReapRemovesLogsOfExpiredDeliveries: a delivery that waits for ever keeps its
// event, but not the logs of the event's other deliveries.
func TestReapRemovesLogsOfExpiredDeliveries(t *testing.T) {
	s, e, long := openWithOldEvent(t)
	for _, n := range e.Endpoints {
		d := webhook.Delivery{ID: e.ID.For(n), EventType: "t", Status: webhook.Queued}
		for range 4 {
			was := d.Place()
			most := 4
			if n == 2 { // this one continues
				most = 1000
			}
			a := webhook.Attempt{At: long, StatusCode: 500, Response: bytes.Repeat([]byte("x"), 1000)}
			d = d.Attempted(a, webhook.RetryPolicy{MaxAttempts: most, Initial: time.Second, MaxDelay: time.Second}, 0)
			settle(t, s, webhook.Settlement{Was: was, Now: d})
			d.AttemptLog = nil
		}
	}
	for range 10 {
		if _, err := s.Reap(t.Context(), time.Now(), 15); err != nil {
			t.Fatal(err)
		}
	}
	if attempts, bodies := keysIn(t, s, layout.SpaceAttempt), keysIn(t, s, layout.SpaceBody); attempts != 4 || bodies != 2 {
		t.Errorf("%d attempts, %d bodies are left", attempts, bodies)
	}
	if d, err := s.Delivery(t.Context(), e.ID.For(2)); err != nil || len(d.AttemptLog) != 4 {
		t.Error(d, err)
	}
}

func keysIn(t *testing.T, s *Store, of layout.Space) (n int) {
	t.Helper()
	err := s.view("count", func(tx *badger.Txn) error {
		n = countItems(forward(tx, []byte{byte(of)}))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// countItems returns how many items an iterator has, and closes it.
func countItems(it *badger.Iterator) (n int) {
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		n++
	}
	return n
}
