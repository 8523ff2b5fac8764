package memstore

import (
	"context"
	"errors"
	"reflect"
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

// register stores an endpoint that a key encrypts, or none for "".
func register(t *testing.T, s *Store, keyID string) webhook.Endpoint {
	t.Helper()
	e, err := s.CreateNumbered(t.Context(), webhook.Endpoint{ID: webhook.ID{Seq: 1}}, func(e *webhook.Endpoint) error {
		e.Sealed = webhook.SealedValues{KeyID: keyID, Text: []byte("sealed"), Check: []byte("check of " + keyID)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func wantUses(t *testing.T, s *Store, want ...storage.KeyUse) {
	t.Helper()
	if got, err := s.KeyUses(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("uses: %+v, %v; want %+v", got, err, want)
	}
}

// TestReseal: it changes the endpoints of other keys, up to the limit, and continues
// where it stopped.
func TestReseal(t *testing.T) {
	s := Open(Options{})
	defer s.Close()
	for _, key := range []string{"old", "old", "", "new", "older"} {
		register(t, s, key)
	}
	wantUses(t, s,
		storage.KeyUse{KeyID: "new", Endpoints: 1, Check: []byte("check of new")},
		storage.KeyUse{KeyID: "old", Endpoints: 2, Check: []byte("check of old")},
		storage.KeyUse{KeyID: "older", Endpoints: 1, Check: []byte("check of older")})
	step := storage.Resealing{KeyID: "new", Limit: 2, Seal: func(webhook.Endpoint) (webhook.SealedValues, error) {
		return webhook.SealedValues{KeyID: "new", Text: []byte("again"), Check: []byte("check of new")}, nil
	}}
	for _, want := range []struct {
		done int
		next webhook.EndpointNumber
	}{{2, 5}, {1, 0}, {0, 0}} {
		done, next, err := s.Reseal(t.Context(), step)
		if err != nil || done != want.done || next != want.next {
			t.Errorf("%d, %d, %v; want %+v", done, next, err, want)
		}
		step.From = next
	}
	wantUses(t, s, storage.KeyUse{KeyID: "new", Endpoints: 4, Check: []byte("check of new")})
	if e, err := s.Endpoint(1); err != nil || e.Revision != 1 || string(e.Sealed.Text) != "again" {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestResealFails: nothing of a failed step is stored.
func TestResealFails(t *testing.T) {
	s := Open(Options{})
	defer s.Close()
	register(t, s, "old")
	register(t, s, "old")
	damaged := errors.New("damaged")
	_, _, err := s.Reseal(t.Context(), storage.Resealing{KeyID: "new", Limit: 5, Seal: func(e webhook.Endpoint) (webhook.SealedValues, error) {
		if e.Number() == 2 {
			return webhook.SealedValues{}, damaged
		}
		return webhook.SealedValues{KeyID: "new"}, nil
	}})
	if !errors.Is(err, damaged) {
		t.Error(err)
	}
	wantUses(t, s, storage.KeyUse{KeyID: "old", Endpoints: 2, Check: []byte("check of old")})
}

// TestVisitorsMayUseTheStore: EachEndpoint and Wakes hold no lock while they visit.
func TestVisitorsMayUseTheStore(t *testing.T) {
	s := Open(Options{})
	defer s.Close()
	e := register(t, s, "")
	stored := make(chan error, 1)
	s.Accept([]webhook.Event{{ID: webhook.ID{Seq: 9}, Endpoints: []webhook.EndpointNumber{e.Number()}}},
		func(_ []webhook.Receipt, err error) { stored <- err })
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	visits := 0
	err := errors.Join(
		s.EachEndpoint(func(e webhook.Endpoint) error {
			visits++
			_, err := s.Endpoint(e.Number())
			return err
		}),
		s.Wakes(0, func(w webhook.Wake) error {
			visits++
			_, err := s.Backlog(w.Endpoint)
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
	_, read := s.Delivery(webhook.ID{})
	for name, err := range map[string]error{
		"a read":      read,
		"a write":     s.CreateAPIKey(t.Context(), webhook.APIKey{ID: "k"}),
		"a callback":  <-settled,
		"a long scan": s.EachEndpoint(func(webhook.Endpoint) error { return nil }),
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
	if types, err := s.EventTypes(); err != nil || len(types) > 0 {
		t.Error(types, err)
	}
}

// TestReapIsBounded: a call removes no more than its limit, and says that there is more.
func TestReapIsBounded(t *testing.T) {
	s := Open(Options{Retention: time.Hour})
	defer s.Close()
	for n := range 3 {
		done := make(chan error, 1)
		s.Accept([]webhook.Event{{ID: webhook.ID{Seq: uint64(n + 1)}}}, func(_ []webhook.Receipt, err error) { done <- err })
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
	if _, err := s.Event(webhook.ID{Seq: 3}); !errors.Is(err, webhook.ErrNotFound) {
		t.Error("the last event stays:", err)
	}
}
