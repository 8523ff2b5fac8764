package badgerstore

import (
	"bytes"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/webhook"
)

// TestSqueeze: while the disk is nearly full, reaped records leave it although nothing
// more is written. While it is not, tables stay as they are.
func TestSqueeze(t *testing.T) {
	if !engine.Patched() {
		t.Skip("the patch has tables merged")
	}
	const events, size = 2000, 4096
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, Retention: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	fillExpired(t, s, events, size)
	if err := s.Close(); err != nil { // what is in memory becomes a table
		t.Fatal(err)
	}
	if s, err = Open(Options{Dir: dir, Retention: time.Second}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := tighten(s)
	d.left.Store(1 << 30)
	d.free.Store(1 << 40)
	reapAll(t, s)
	if got := s.db.TableBytes(); got < events*size {
		t.Errorf("%d bytes of tables are left although there is room", got)
	}
	d.free.Store(int64(s.SpaceNeeded()))
	reapAll(t, s)
	deadline := time.After(time.Minute)
	for s.db.TableBytes() > events*size/4 {
		select {
		case <-deadline:
			t.Fatalf("%d bytes of tables are left", s.db.TableBytes())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// fillExpired stores events whose deliveries have finished, and expired.
func fillExpired(t *testing.T, s *Store, events, size int) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	settled := make(chan error, events)
	for i := range events {
		id := webhook.ID{Seq: uint64(i + 1)}
		e := webhook.Event{ID: id, Type: "user.created", Data: bytes.Repeat([]byte("x"), size), Endpoints: []webhook.EndpointNumber{1}}
		s.Accept([]webhook.Event{e}, func([]webhook.Receipt, error) {})
		s.Settle(webhook.Settlement{
			Was: webhook.Place{Status: webhook.Queued},
			Now: webhook.Delivery{ID: id.For(1), Status: webhook.Delivered, FinishedAt: old},
		}, func(err error) { settled <- err })
	}
	for range events {
		if err := <-settled; err != nil {
			t.Fatal(err)
		}
	}
}

// reapAll reaps until there is nothing left.
func reapAll(t *testing.T, s *Store) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.Reap(t.Context(), time.Now().Add(time.Hour), 1000); err != nil {
			t.Fatal(err)
		}
	}
}
