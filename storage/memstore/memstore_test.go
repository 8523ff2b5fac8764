package memstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/storagetest"
	"github.com/corpastro/astrohook/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storagetest.Run(t, storagetest.Backend{Open: func(c storagetest.Config) (storage.Store, error) {
		return Open(Options{Retention: c.Retention}), nil
	}})
}

// TestConformanceWithAClock runs the suite as a backend behind a network has it: without
// bubbles, and with a clock that the suite sets.
func TestConformanceWithAClock(t *testing.T) {
	b := storagetest.Backend{Remote: true, Retention: 72 * time.Hour, Overdue: time.Hour}
	b.Open = func(c storagetest.Config) (storage.Store, error) {
		if c.Now == nil || c.Test == nil {
			t.Error("the suite sets no clock or no test")
		}
		return Open(Options{Retention: c.Retention, Now: c.Now}), nil
	}
	storagetest.Run(t, b)
}

// TestVisitorsMayUseTheStore: EachEndpoint and Wakes hold no lock while they visit.
func TestVisitorsMayUseTheStore(t *testing.T) {
	s := Open(Options{})
	defer s.Close()
	e, err := s.CreateEndpoint(t.Context(), webhook.Endpoint{ID: webhook.ID{Seq: 1}})
	if err != nil {
		t.Fatal(err)
	}
	stored := make(chan error, 1)
	s.Accept([]webhook.Event{{ID: webhook.ID{Seq: 9}, Endpoints: []webhook.EndpointNumber{e.Number()}}}, 0,
		func(_ []webhook.Receipt, err error) { stored <- err })
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	visits := 0
	err = errors.Join(
		s.EachEndpoint(t.Context(), func(e webhook.Endpoint) error {
			visits++
			_, err := s.Endpoint(t.Context(), e.Number())
			return err
		}),
		s.Wakes(t.Context(), webhook.AllParts(), 0, func(w webhook.Wake) error {
			visits++
			_, err := s.Backlog(t.Context(), w.Endpoint)
			return err
		}))
	if err != nil || visits != 2 {
		t.Errorf("%d visits, %v", visits, err)
	}
}

// TestAfterClose: reads and writes fail with the error that says so.
func TestAfterClose(t *testing.T) {
	s := Open(Options{})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	settled := make(chan error, 1)
	s.Settle(webhook.Settlement{}, func(err error) { settled <- err })
	_, read := s.Delivery(t.Context(), webhook.ID{})
	for name, err := range map[string]error{
		"a read":      read,
		"a write":     s.CreateAPIKey(t.Context(), webhook.APIKey{ID: "k"}),
		"a callback":  <-settled,
		"a long scan": s.EachEndpoint(t.Context(), func(webhook.Endpoint) error { return nil }),
	} {
		if !errors.Is(err, webhook.ErrShuttingDown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Err(); err != nil {
		t.Error("a closed store is not broken:", err)
	}
}

// TestEndedContext: a write does not begin.
func TestEndedContext(t *testing.T) {
	s := Open(Options{})
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.CreateEventType(ctx, webhook.EventType{Name: "never"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if types, err := s.EventTypes(ctx); err != nil || len(types) > 0 {
		t.Error(types, err)
	}
}

// TestReapIsBounded: a call removes no more than its limit, and says that there is more.
func TestReapIsBounded(t *testing.T) {
	s := Open(Options{Retention: time.Hour})
	defer s.Close()
	for n := range 3 {
		done := make(chan error, 1)
		s.Accept([]webhook.Event{{ID: webhook.ID{Seq: uint64(n + 1)}}}, 0, func(_ []webhook.Receipt, err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(24 * time.Hour)
	for step, want := range []bool{true, false} {
		if more, err := s.Reap(t.Context(), later, 2); err != nil || more != want {
			t.Errorf("step %d: %v, %v", step, more, err)
		}
	}
	if _, err := s.Event(t.Context(), webhook.ID{Seq: 3}); !errors.Is(err, webhook.ErrNotFound) {
		t.Error("the last event stays:", err)
	}
}

// TestReapLeavesNothing: everything that belongs to an event goes with it, or a server
// without a disk would grow for ever.
func TestReapLeavesNothing(t *testing.T) {
	s := Open(Options{Retention: time.Nanosecond})
	defer s.Close()
	done := make(chan error, 1)
	event := webhook.Event{ID: webhook.ID{Seq: 1}, Type: "t", Endpoints: []webhook.EndpointNumber{1, 2}}
	s.Accept([]webhook.Event{event}, 0, func(_ []webhook.Receipt, err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, n := range event.Endpoints {
		was := webhook.Delivery{ID: event.ID.For(n), Status: webhook.Queued}
		for _, code := range []int{500, 200} { // the first attempt stays in the log of the second
			now := was.Attempted(webhook.Attempt{StatusCode: code}, webhook.DefaultSettings().Retry, 0)
			s.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			was = now
		}
	}
	if len(s.logs) != 2 {
		t.Fatalf("%d logs before", len(s.logs))
	}
	if _, err := s.Reap(t.Context(), time.Now().Add(time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	for name, left := range map[string]int{
		"events": len(s.events), "deliveries": len(s.deliveries), "logs": len(s.logs), "order of events": len(s.order[0]), "order": len(s.order[1]) + len(s.order[2]),
	} {
		if left > 0 {
			t.Errorf("%s: %d are left", name, left)
		}
	}
}

func TestSealing(t *testing.T) {
	storagetest.RunSealing(t, func(t *testing.T) storage.Backend {
		s := Open(Options{})
		t.Cleanup(func() { s.Close() })
		return s
	})
}
