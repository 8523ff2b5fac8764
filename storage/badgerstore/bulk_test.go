package badgerstore

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// failAll settles deliveries as failed, with an attempt whose details take some room.
func failAll(t *testing.T, s *Store, ids []webhook.ID, detail int) {
	t.Helper()
	done := make(chan error, len(ids))
	for _, id := range ids {
		was := webhook.Delivery{ID: id.For(1), EventType: "user.created", Status: webhook.Queued}
		a := webhook.Attempt{At: time.Now(), StatusCode: 410, Detail: string(bytes.Repeat([]byte("d"), detail))}
		now := was.Attempted(a, webhook.DefaultSettings().Retry, 0)
		s.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
	}
	for range ids {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// TestBulkIsBounded: a call stays below its bounds in deliveries and in bytes whatever
// it is asked for, says where the next continues, and the calls together do everything.
func TestBulkIsBounded(t *testing.T) {
	const asked, count = 1 << 30, maxBulk + 2000
	s := openTest(t, t.TempDir())
	ids := acceptMany(t, s, count, 1)
	total := 0
	for calls := 0; ; calls++ {
		n, err := s.CancelPending(t.Context(), 1, webhook.ReasonCancelled, time.Now(), asked)
		if err != nil || n > maxBulk || calls > 10 {
			t.Fatalf("call %d: %d were cancelled, %v", calls, n, err)
		}
		if n == 0 {
			break
		}
		total += n
	}
	if total != count || s.Pending() != 0 {
		t.Errorf("%d of %d were cancelled, %d are pending", total, count, s.Pending())
	}
	total = 0
	q := webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Cancelled, Limit: asked}
	for calls := 0; ; calls++ {
		n, next, err := s.Replay(t.Context(), q)
		if err != nil || n > maxBulk || calls > 10 {
			t.Fatalf("call %d: %d were replayed, %v", calls, n, err)
		}
		total += n
		if q.Before = next; next == (webhook.ID{}) {
			break
		}
	}
	if total != count || s.Pending() != int64(count) {
		t.Errorf("%d of %d were replayed, %d are pending", total, count, s.Pending())
	}
	if d, err := s.Delivery(t.Context(), ids[0].For(1)); err != nil || d.Status != webhook.Queued {
		t.Errorf("the oldest: %+v, %v", d, err)
	}
}

// TestBulkIsBoundedInBytes: long records end a call early, between two deliveries.
func TestBulkIsBoundedInBytes(t *testing.T) {
	const detail = webhook.MaxDetail
	s := openTest(t, t.TempDir())
	count := 2 * maxBulkBytes / detail
	ids := acceptMany(t, s, count, 1)
	failAll(t, s, ids, detail)
	q := webhook.DeliveryQuery{Endpoint: 1, Limit: count}
	first, next, err := s.Replay(t.Context(), q)
	if err != nil || first == 0 || first == count || next == (webhook.ID{}) {
		t.Fatalf("%d of %d were replayed, next %v, %v", first, count, next, err)
	}
	// Newest first: the last one that was done stands before the rest.
	if at := ids[count-first].For(1); next != at {
		t.Errorf("continues after %v, want %v", next, at)
	}
	total := first
	for next != (webhook.ID{}) {
		var n int
		q.Before = next
		if n, next, err = s.Replay(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != count || s.Pending() != int64(count) {
		t.Errorf("%d of %d were replayed, %d are pending", total, count, s.Pending())
	}
}

// TestSpacesOfAStatus: a list looks where deliveries of the status are, and nowhere else.
func TestSpacesOfAStatus(t *testing.T) {
	for status, want := range map[webhook.Status]string{
		"":             string([]byte{byte(layout.SpaceDelivered), byte(layout.SpaceQueued), byte(layout.SpaceRetrying), byte(layout.SpaceFailed)}),
		webhook.Queued: "q", webhook.Retrying: "a", webhook.Delivered: "d", webhook.Failed: "f", webhook.Cancelled: "f", "unheard of": "",
	} {
		got := ""
		for _, space := range spacesOf(status) {
			got += string(rune(space))
		}
		if got != want {
			t.Errorf("%q is looked for in %q, want %q", status, got, want)
		}
		if status == webhook.Queued || status == webhook.Retrying {
			if finished := finishedSpaces(status); finished != nil {
				t.Errorf("%q is taken for finished: %q", status, finished)
			}
		}
	}
}

// TestAcceptRefusesWhatDoesNotFit: the events of one call that fit are stored although
// one among them does not, and the refused one leaves nothing.
func TestAcceptRefusesWhatDoesNotFit(t *testing.T) {
	s := openTest(t, t.TempDir())
	big := bytes.Repeat([]byte("x"), 200<<10)
	var events []webhook.Event
	for i := range 20 {
		events = append(events, webhook.Event{ID: webhook.ID{Seq: uint64(i + 1)}, Type: "t", Data: big, Endpoints: []webhook.EndpointNumber{1}})
	}
	events = append(events, webhook.Event{ID: webhook.ID{Seq: 99}, Type: "t", Data: []byte("{}"), Endpoints: []webhook.EndpointNumber{1}})
	for _, keyed := range []bool{false, true} { // with a key, the change is made in the committer
		receipts := make(chan []webhook.Receipt, 1)
		for i := range events {
			events[i].ID.Nonce++
			if keyed {
				events[i].IdempotencyKey = string(rune('a' + i))
			}
		}
		s.Accept(events, 0, func(r []webhook.Receipt, err error) {
			if err != nil {
				t.Error(err)
			}
			receipts <- r
		})
		stored := 0
		for i, r := range <-receipts {
			_, err := s.Event(t.Context(), events[i].ID)
			if r.Err == nil {
				stored++
			}
			if r.EventID != events[i].ID || r.Err != nil && !errors.Is(r.Err, webhook.ErrFanOut) || (r.Err == nil) != (err == nil) {
				t.Errorf("event %d: %+v, read with %v", i, r, err)
			}
			if last := i == len(events)-1; last && r.Err != nil {
				t.Errorf("a small event after the large ones: %v", r.Err)
			}
		}
		if stored < 10 || stored == len(events) {
			t.Errorf("%d of %d were stored", stored, len(events))
		}
	}
}
