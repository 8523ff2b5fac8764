package badgerstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// TestCheckFindsFaults: one fault each, written or removed behind the store's back.
func TestCheckFindsFaults(t *testing.T) {
	event := layout.ParseEventKey(layout.EventKey(webhook.ID{Seq: 1 << 40, Nonce: 1}))
	queued := event.For(1)
	put := func(key, value []byte) func(tx *badger.Txn) error {
		return func(tx *badger.Txn) error { return tx.Set(key, value) }
	}
	remove := func(key []byte) func(tx *badger.Txn) error {
		return func(tx *badger.Txn) error { return tx.Delete(key) }
	}
	slot := layout.SlotOf(webhook.DueTime(7), queued)
	retrying := webhook.Delivery{ID: queued, Status: webhook.Retrying, NextAttemptAt: 7, Attempts: 1}
	for _, c := range []struct {
		reason string
		fault  func(tx *badger.Txn) error
		want   error
	}{
		{"a kind that does not exist", put([]byte("Zsomething"), nil), errForeignKey},
		{"a delivery's key that is too short", put(layout.DeliveryKey(layout.SpaceQueued, queued)[:9], record.Fresh), errForeignKey},
		{"an event's key that is too long", put(append(layout.EventKey(event), 0), nil), errForeignKey},
		{"an event that cannot be read", put(layout.EventKey(event), []byte{9}), record.ErrDamaged},
		{"a queued delivery that cannot be read", put(layout.DeliveryKey(layout.SpaceQueued, queued), []byte{2, 99}), record.ErrDamaged},
		{"a finished delivery that cannot be read", put(layout.DeliveryKey(layout.SpaceFailed, queued), []byte{2}), record.ErrDamaged},
		{"an endpoint that cannot be read", put(layout.EndpointKey(layout.SpaceEndpoint, 1), []byte{1}), record.ErrDamaged},
		{"an API key that cannot be read", put(layout.APIKeyKey("a"), nil), record.ErrDamaged},
		{"an event type that cannot be read", put(layout.EventTypeKey("a"), []byte{1, 9}), record.ErrDamaged},
		{"a breaker's state that cannot be read", put(layout.EndpointKey(layout.SpaceGate, 1), []byte{9}), record.ErrDamaged},
		{"an idempotency key that cannot be read", put(append(layout.SpaceIdempotency.Prefix(), 1), []byte{2, 1}), record.ErrDamaged},
		{"a number that cannot be read", put(layout.MetaLastNumber, []byte{1}), record.ErrDamaged},
		{"a cursor key that is too short", put(layout.MetaCursorKey, make([]byte, 31)), record.ErrDamaged},
		{"a tally that cannot be read", put(layout.MetaPending, make([]byte, 15)), record.ErrDamaged},
		{"a key count that cannot be read", put(layout.SecretKeyKey("k"), nil), record.ErrDamaged},
		{"a key count without endpoints", put(layout.SecretKeyKey("k"), layout.KeyCount{Endpoints: 2}.Encode()), errMiscounted},
		{"a remainder that cannot be read", put(layout.RemainderKey(event), []byte{1}), record.ErrDamaged},
		{"a part without its event", put(layout.PartKey(webhook.ID{Seq: 5}, 1), (&layout.Part{}).Encode()), errNoEvent},
		{"a part that cannot be read", put(layout.PartKey(event, 1), []byte{1}), record.ErrDamaged},
		{"a queued delivery without its event", remove(layout.EventKey(event)), errNoEvent},
		{"a slot without its delivery", put(layout.ScheduleKey(slot), nil), errNoDelivery},
		{
			"a retrying delivery without its slot",
			put(layout.DeliveryKey(layout.SpaceRetrying, queued), record.EncodeDelivery(&retrying)), errNoSchedule,
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s := openTest(t, t.TempDir())
			acceptMany(t, s, 1, 1)
			if _, err := s.Check(nil); err != nil {
				t.Fatal("before the fault:", err)
			}
			if err := s.db.Update(c.fault); err != nil {
				t.Fatal(err)
			}
			if found, err := s.Check(nil); !errors.Is(err, c.want) || found.Damaged != 1 {
				t.Errorf("%+v, %v; want %v", found, err, c.want)
			}
		})
	}
}

// TestCheckNamesTheFirstFaults: a directory full of damage does not fill a log.
func TestCheckNamesTheFirstFaults(t *testing.T) {
	s := openTest(t, t.TempDir())
	const faults = 3 * firstFaults
	err := s.db.Update(func(tx *badger.Txn) error {
		for i := range faults {
			if err := tx.Set(layout.EventKey(webhook.ID{Seq: uint64(i + 1)}), []byte{9}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Check(nil)
	if found.Damaged != faults || err == nil || strings.Count(err.Error(), "record ") < firstFaults || strings.Count(err.Error(), "\n") > firstFaults {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestCheckCounts: every kind of record is counted once.
func TestCheckCounts(t *testing.T) {
	s := openWith(t, t.TempDir(), "k")
	registerMany(t, s, 2)
	ids := acceptMany(t, s.disk, 6, 1)
	for i, status := range []webhook.Status{webhook.Delivered, webhook.Failed, webhook.Cancelled, webhook.Retrying} {
		was := webhook.Delivery{ID: ids[i].For(1), Status: webhook.Queued}
		now := was
		now.Status, now.EventType, now.NextAttemptAt, now.FinishedAt = status, "t", 5, time.Now()
		settle(t, s.disk, webhook.Settlement{Was: was.Place(), Now: now})
	}
	for i := range 3 {
		if err := s.CreateEventType(t.Context(), webhook.EventType{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	found, err := s.disk.Check(nil)
	want := CheckReport{Endpoints: 2, EventTypes: 3, Events: 6, Queued: 2, Retrying: 1, Failed: 2, Delivered: 1}
	if err != nil || found != want {
		t.Errorf("%+v, %v; want %+v", found, err, want)
	}
}
