package badgerstore

import (
	"testing"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// wideEvent is one for some more endpoints than parts transactions hold; each
// hundredth is disabled.
func wideEvent(parts int) webhook.Event {
	e := someEvent()
	e.Endpoints, e.Disabled = nil, nil
	for n := range webhook.EndpointNumber(parts*webhook.MaxFanOut + 10) {
		if n%100 == 0 {
			e.Disabled = append(e.Disabled, n+1)
		} else {
			e.Endpoints = append(e.Endpoints, n+1)
		}
	}
	return e
}

// acceptSome stores an event as Accept does, but ends after so many transactions,
// as a crash does.
func acceptSome(t *testing.T, s *Store, e webhook.Event, transactions int) {
	t.Helper()
	a := &acceptance{events: []webhook.Event{e}, receipts: make([]webhook.Receipt, 1), retention: s.retention}
	jobs := append([]*job{{plan: a.plan}}, a.later()...)
	for _, j := range jobs[:transactions] {
		done := make(chan error, 1)
		j.Done = func(err error) { done <- err }
		s.submit(j)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// TestPartsAfterACrash: an event is stored in three parts, and the store ends after
// each number of them. Open makes what is missing: each recipient has its delivery,
// and a repetition under the event's key is one.
func TestPartsAfterACrash(t *testing.T) {
	const parts = 2
	for transactions := 1; transactions <= parts+1; transactions++ {
		dir := t.TempDir()
		s := openTest(t, dir)
		e := wideEvent(parts)
		acceptSome(t, s, e, transactions)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, dir)
		if got := s.Pending(); got != int64(len(e.Endpoints)) {
			t.Errorf("after %d transactions: %d are pending, want %d", transactions, got, len(e.Endpoints))
		}
		wantParts(t, s, &e)
		receipt := make(chan webhook.Receipt, 1)
		again := e
		again.ID.Seq++
		s.Accept([]webhook.Event{again}, 0, func(r []webhook.Receipt, _ error) { receipt <- r[0] })
		want := webhook.Receipt{EventID: e.ID, Deliveries: len(e.Endpoints), Disabled: len(e.Disabled), Duplicate: true}
		if got := <-receipt; got != want {
			t.Errorf("a repetition: %+v, want %+v", got, want)
		}
		if found, err := s.Check(nil); err != nil || found.Queued != int64(len(e.Endpoints)) || found.Failed != int64(len(e.Disabled)) {
			t.Errorf("check: %+v, %v", found, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// wantParts looks for one delivery of each kind in each part, and that nothing is
// left to be done.
func wantParts(t *testing.T, s *Store, e *webhook.Event) {
	t.Helper()
	for n := webhook.EndpointNumber(1); int(n) <= len(e.Recipients()); n += 50 {
		d, err := s.Delivery(t.Context(), e.ID.For(n))
		if want := e.Withheld(n); err != nil || d.Reason != want || (d.Status == webhook.Queued) != (want == webhook.ReasonNone) {
			t.Fatalf("delivery %d: %+v, %v", n, d, err)
		}
	}
	err := s.view("test", func(tx *badger.Txn) error {
		it := forward(tx, layout.SpaceRemainder.Prefix())
		defer it.Close()
		if it.Rewind(); it.Valid() {
			t.Error("the event counts as unfinished still")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPartsOfARefusedEvent: an event whose key was used for another one stores
// none of its parts.
func TestPartsOfARefusedEvent(t *testing.T) {
	s := openTest(t, t.TempDir())
	e := wideEvent(2)
	e.Endpoints, e.Disabled = e.Endpoints[:1], nil
	other := wideEvent(2)
	other.ID.Seq++
	other.Data = []byte("2")
	receipts := make(chan webhook.Receipt, 2)
	for _, one := range []webhook.Event{e, other} {
		s.Accept([]webhook.Event{one}, 0, func(r []webhook.Receipt, _ error) { receipts <- r[0] })
	}
	if got := <-receipts; got.Err != nil || got.Deliveries != 1 {
		t.Fatalf("%+v", got)
	}
	if got := <-receipts; got.Err == nil || s.Pending() != 1 {
		t.Fatalf("%+v, %d pending", got, s.Pending())
	}
}
