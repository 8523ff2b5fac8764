package storagetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/storage/storagetest"
	"github.com/corpastro/astrohook/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaultyIsAStoreWithoutCommands(t *testing.T) {
	storagetest.Run(t, storagetest.Backend{Open: func(c storagetest.Config) (storage.Store, error) {
		return storagetest.NewFaulty(memstore.Open(memstore.Options{Retention: c.Retention})), nil
	}})
}

func open(t *testing.T) *storagetest.Faulty {
	s := storagetest.NewFaulty(memstore.Open(memstore.Options{}))
	t.Cleanup(func() { s.Close() })
	return s
}

func event(seq uint64) webhook.Event {
	return webhook.Event{ID: webhook.ID{Seq: seq}, Type: "user.created", Endpoints: []webhook.EndpointNumber{1}}
}

func accept(s storage.Store, seq uint64) error {
	done := make(chan error, 1)
	s.Accept([]webhook.Event{event(seq)}, 0, func(_ []webhook.Receipt, err error) { done <- err })
	return <-done
}

func TestFaultyFailsTheNextWrites(t *testing.T) {
	s, refused := open(t), errors.New("refused")
	s.FailNext(2, refused)
	if err := accept(s, 1); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	if err := s.CreateEventType(t.Context(), webhook.EventType{Name: "a"}); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	if err := accept(s, 2); err != nil {
		t.Fatal(err)
	}
	if s.Pending() != 1 || s.Err() != nil {
		t.Fatal(s.Pending(), s.Err())
	}
}

func TestFaultyBreaks(t *testing.T) {
	s, cause := open(t), errors.New("disk on fire")
	s.Break(cause)
	<-s.Broken()
	for _, err := range []error{accept(s, 1), s.Err(), s.DeleteEventType(t.Context(), "a")} {
		if !errors.Is(err, webhook.ErrBroken) || !errors.Is(err, cause) {
			t.Fatal(err)
		}
	}
}

func TestFaultyHoldsDonesInOrder(t *testing.T) {
	s, refused := open(t), errors.New("refused")
	s.Hold()
	order := make(chan int, 3)
	s.Accept([]webhook.Event{event(1)}, 0, func([]webhook.Receipt, error) { order <- 1 })
	s.FailNext(1, refused)
	s.SaveGate(1, webhook.GateState{Openings: 1}, func(error) { order <- 2 })
	s.SaveGate(1, webhook.GateState{Openings: 2}, func(error) { order <- 3 })
	if err := s.CreateEventType(t.Context(), webhook.EventType{Name: "a"}); err != nil { // all before it is stored
		t.Fatal(err)
	}
	if len(order) != 0 || s.Pending() != 1 {
		t.Fatal(len(order), s.Pending())
	}
	s.Release()
	for want := 1; want <= 3; want++ {
		if got := <-order; got != want {
			t.Fatal(got, want)
		}
	}
}

// TestFaultyFailsEveryWrite: no write of the interface gets past a command.
func TestFaultyFailsEveryWrite(t *testing.T) {
	ctx, refused := context.Background(), errors.New("refused")
	id := webhook.ID{Seq: 1, Endpoint: 1}
	for name, write := range map[string]func(s *storagetest.Faulty) error{
		"Accept": func(s *storagetest.Faulty) error { return accept(s, 7) },
		"Settle": func(s *storagetest.Faulty) error {
			done := make(chan error, 1)
			s.Settle(webhook.Settlement{}, func(err error) { done <- err })
			return <-done
		},
		"SaveGate": func(s *storagetest.Faulty) error {
			done := make(chan error, 1)
			s.SaveGate(1, webhook.GateState{Openings: 1}, func(err error) { done <- err })
			return <-done
		},
		"CreateEndpoint": func(s *storagetest.Faulty) error { _, err := s.CreateEndpoint(ctx, webhook.Endpoint{}); return err },
		"UpdateEndpoint": func(s *storagetest.Faulty) error { _, err := s.UpdateEndpoint(ctx, 1, nil); return err },
		"Reencrypt":      func(s *storagetest.Faulty) error { _, err := s.Reencrypt(ctx, 1); return err },
		"CreateEventType": func(s *storagetest.Faulty) error {
			return s.CreateEventType(ctx, webhook.EventType{Name: "a"})
		},
		"UpdateEventType": func(s *storagetest.Faulty) error {
			return s.UpdateEventType(ctx, webhook.EventType{Name: "a"})
		},
		"DeleteEventType": func(s *storagetest.Faulty) error { return s.DeleteEventType(ctx, "a") },
		"CreateAPIKey":    func(s *storagetest.Faulty) error { return s.CreateAPIKey(ctx, webhook.APIKey{ID: "a"}) },
		"DeleteAPIKey":    func(s *storagetest.Faulty) error { return s.DeleteAPIKey(ctx, "a") },
		"CreateGrant":     func(s *storagetest.Faulty) error { return s.CreateGrant(ctx, webhook.Grant{ID: "a"}) },
		"RedeemGrant":     func(s *storagetest.Faulty) error { return s.RedeemGrant(ctx, "a", webhook.Grant{ID: "b"}) },
		"DeleteGrant":     func(s *storagetest.Faulty) error { return s.DeleteGrant(ctx, "a") },
		"CursorKey":       func(s *storagetest.Faulty) error { _, err := s.CursorKey(ctx, [32]byte{1}); return err },
		"Requeue":         func(s *storagetest.Faulty) error { _, err := s.Requeue(ctx, id); return err },
		"Cancel": func(s *storagetest.Faulty) error {
			_, err := s.Cancel(ctx, id, webhook.ReasonCancelled, time.Now())
			return err
		},
		"Replay": func(s *storagetest.Faulty) error {
			_, _, err := s.Replay(ctx, webhook.DeliveryQuery{Endpoint: 1, Limit: 1})
			return err
		},
		"CancelPending": func(s *storagetest.Faulty) error {
			_, err := s.CancelPending(ctx, 1, webhook.ReasonCancelled, time.Now(), 1)
			return err
		},
		"Reap": func(s *storagetest.Faulty) error { _, err := s.Reap(ctx, time.Now(), 1); return err },
	} {
		s := open(t)
		s.FailNext(1, refused)
		if err := write(s); !errors.Is(err, refused) {
			t.Errorf("%s: %v", name, err)
		}
		types, err := s.EventTypes(ctx)
		if err != nil || len(types) > 0 || s.Pending() > 0 {
			t.Errorf("%s is stored although it failed", name)
		}
		s.Break(errors.New("disk on fire"))
		if err := write(s); !errors.Is(err, webhook.ErrBroken) {
			t.Errorf("%s of a broken store: %v", name, err)
		}
	}
}
