package badgerstore

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/webhook"
)

// tightDisk is what a test pretends about the disk and the log in use.
type tightDisk struct{ free, left, waiting atomic.Int64 }

// tighten lets a store see a full disk, until the test sets other values.
func tighten(s *Store) *tightDisk {
	d := &tightDisk{}
	s.db.PretendDisk(d.free.Load, func() (int64, int) { return d.left.Load(), int(d.waiting.Load()) })
	return d
}

// TestFullDiskHolds: on a full disk publishing and changes are refused, an outcome waits
// until there is space, and everything that was accepted can be read.
func TestFullDiskHolds(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids := acceptMany(t, s, 2, 1)
	d := tighten(s)

	settled := make(chan error, 2)
	s.Settle(delivered(ids[0].For(1)), func(err error) { settled <- err })
	for name, err := range map[string]error{
		"accept": acceptOne(s, 1),
		"create": func() error {
			_, err := s.CreateEndpoint(t.Context(), webhook.Endpoint{ID: webhook.ID{Seq: 1}, ClientID: "acme"})
			return err
		}(),
	} {
		retry, is := errors.AsType[*webhook.RetryAfterError](err)
		if !errors.Is(err, webhook.ErrDiskReserve) || !is || retry.After <= 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	select {
	case err := <-settled:
		t.Errorf("settled on a full disk: %v", err)
	default:
	}
	if got, err := s.Delivery(t.Context(), ids[0].For(1)); err != nil || got.Status != webhook.Queued {
		t.Errorf("%+v, %v", got, err)
	}
	s.Settle(delivered(ids[1].For(1)), func(err error) { settled <- err })
	d.free.Store(1 << 40)
	for range 2 {
		if err := <-settled; err != nil {
			t.Error(err)
		}
	}
	if got, err := s.Delivery(t.Context(), ids[0].For(1)); err != nil || got.Status != webhook.Delivered {
		t.Errorf("%+v, %v", got, err)
	}
	if err := acceptOne(s, 1); err != nil {
		t.Error(err)
	}
}

// acceptOne stores an event for one endpoint, and returns the error.
func acceptOne(s *Store, n webhook.EndpointNumber) error {
	e := webhook.Event{ID: webhook.ID{Seq: s.LastSeq() + 1}, Type: "user.created", Data: []byte("{}"), Endpoints: []webhook.EndpointNumber{n}}
	done := make(chan error, 1)
	s.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
	return <-done
}

// TestFullDiskReaps: removals, which free space, are written into the end of the log.
func TestFullDiskReaps(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), Retention: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := acceptMany(t, s, 1, 1)[0]
	settle(t, s, webhook.Settlement{
		Was: webhook.Place{Status: webhook.Queued},
		Now: webhook.Delivery{ID: id.For(1), Status: webhook.Delivered, FinishedAt: time.Now().Add(-time.Hour)},
	})
	d := tighten(s)
	d.left.Store(1)
	if err := acceptOne(s, 1); !errors.Is(err, webhook.ErrDiskReserve) {
		t.Error("publishing:", err)
	}
	if _, err := s.Reap(t.Context(), time.Now().Add(time.Hour), 1000); err != nil {
		t.Error("reaping:", err)
	}
	if _, err := s.Event(t.Context(), id); !errors.Is(err, webhook.ErrNotFound) {
		t.Error("the event is still there:", err)
	}
}

// TestCloseOnAFullDisk: Close does not wait for space. An outcome for which there was none
// is not recorded, as after a kill, and its delivery is sent again.
func TestCloseOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	id := acceptMany(t, s, 1, 1)[0].For(1)
	tighten(s)
	settled := make(chan error, 1)
	s.Settle(delivered(id), func(err error) { settled <- err })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-settled; !errors.Is(err, webhook.ErrDiskReserve) {
		t.Error(err)
	}
	s = openTest(t, dir)
	if got, err := s.Delivery(t.Context(), id); err != nil || got.Status != webhook.Queued {
		t.Errorf("%+v, %v", got, err)
	}
}

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
		s.Accept([]webhook.Event{e}, 0, func([]webhook.Receipt, error) {})
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
