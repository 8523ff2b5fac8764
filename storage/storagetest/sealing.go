package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// RunSealing checks what package sealed relies on: that a backend keeps encrypted values
// as they are, and counts them by key. open returns an empty backend, and t closes it.
func RunSealing(t *testing.T, open func(t *testing.T) storage.Backend) {
	for name, run := range map[string]func(s *sealedFixture){
		"finishes a new endpoint once it has its number": createsNumbered,
		"keeps sealed values as they are":                keepsSealed,
		"counts endpoints by key through every change":   countsKeys,
		"reseals in steps, and nothing else":             resealsInSteps,
		"stores nothing of a step that fails":            resealsAllOrNothing,
		"reseals what changed meanwhile only if needed":  resealsAgain,
	} {
		t.Run(name, func(t *testing.T) { run(&sealedFixture{T: t, Backend: open(t)}) })
	}
}

// sealedFixture is a backend under test.
type sealedFixture struct {
	*testing.T
	storage.Backend
	seq uint64
}

// sealedWith returns what stands for values under a key; "" for none.
func sealedWith(keyID string) webhook.SealedValues {
	if keyID == "" {
		return webhook.SealedValues{}
	}
	return webhook.SealedValues{KeyID: keyID, Text: []byte("sealed with " + keyID), Check: []byte("check of " + keyID)}
}

// create stores an endpoint under a key.
func (s *sealedFixture) create(keyID string) webhook.Endpoint {
	s.Helper()
	s.seq++
	e, err := s.CreateNumbered(s.Context(), webhook.Endpoint{ID: webhook.ID{Seq: s.seq}, ClientID: "client"}, func(e *webhook.Endpoint) error {
		e.Sealed = sealedWith(keyID)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return e
}

// want compares the counts by key.
func (s *sealedFixture) want(counts map[string]int64) {
	s.Helper()
	uses, err := s.KeyUses(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	got := map[string]int64{}
	for i, use := range uses {
		got[use.KeyID] = use.Endpoints
		if string(use.Check) != "check of "+use.KeyID || i > 0 && use.KeyID <= uses[i-1].KeyID {
			s.Errorf("%+v", uses)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(counts) {
		s.Errorf("endpoints by key: %v, want %v", got, counts)
	}
}

// reseal takes one step to a key.
func (s *sealedFixture) reseal(keyID string, from webhook.EndpointNumber, limit int) (done int, next webhook.EndpointNumber) {
	s.Helper()
	done, next, err := s.Reseal(s.Context(), storage.Resealing{
		KeyID: keyID, From: from, Limit: limit,
		Seal: func(webhook.Endpoint) (webhook.SealedValues, error) { return sealedWith(keyID), nil },
	})
	if err != nil {
		s.Fatal(err)
	}
	return done, next
}

func createsNumbered(s *sealedFixture) {
	first := s.create("a")
	var saw webhook.Endpoint
	e, err := s.CreateNumbered(s.Context(), webhook.Endpoint{ID: webhook.ID{Seq: 9}}, func(e *webhook.Endpoint) error {
		saw = *e
		e.Description = "finished"
		return nil
	})
	if err != nil || saw.Number() != first.Number()+1 || saw.Revision != 1 || e.Description != "finished" || e.ID != saw.ID {
		s.Errorf("finish saw %+v, stored was %+v, %v", saw, e, err)
	}
	refused := errors.New("refused")
	if _, err := s.CreateNumbered(s.Context(), webhook.Endpoint{}, func(*webhook.Endpoint) error { return refused }); !errors.Is(err, refused) {
		s.Error(err)
	}
	if next := s.create("a"); next.Number() != e.Number()+1 {
		s.Errorf("number %d after a refused endpoint, want %d", next.Number(), e.Number()+1)
	}
}

func keepsSealed(s *sealedFixture) {
	e := s.create("a")
	check := func(keyID string) {
		s.Helper()
		got, err := s.Endpoint(s.Context(), e.Number())
		if err != nil || got.Sealed.KeyID != keyID || string(got.Sealed.Text) != "sealed with "+keyID {
			s.Errorf("%+v, %v", got.Sealed, err)
		}
		list, err := s.ListEndpoints(s.Context(), "client", 0, 10)
		if err != nil || len(list) != 1 || list[0].Sealed.KeyID != keyID {
			s.Errorf("%+v, %v", list, err)
		}
	}
	check("a")
	_, err := s.UpdateEndpoint(s.Context(), e.Number(), func(stored *webhook.Endpoint) error {
		if stored.Sealed.KeyID != "a" {
			s.Errorf("the change sees %+v", stored.Sealed)
		}
		stored.Sealed = sealedWith("b")
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	check("b")
}

func countsKeys(s *sealedFixture) {
	s.want(nil)
	a, b, none := s.create("a"), s.create("b"), s.create("")
	s.want(map[string]int64{"a": 1, "b": 1})
	move := func(e webhook.Endpoint, keyID string, fails error) {
		_, err := s.UpdateEndpoint(s.Context(), e.Number(), func(e *webhook.Endpoint) error {
			e.Sealed = sealedWith(keyID)
			return fails
		})
		if !errors.Is(err, fails) {
			s.Error(err)
		}
	}
	move(a, "b", nil)
	s.want(map[string]int64{"b": 2})
	move(b, "a", webhook.ErrConflict)
	s.want(map[string]int64{"b": 2})
	move(none, "a", nil)
	move(b, "", nil)
	s.want(map[string]int64{"a": 1, "b": 1})
	move(a, "", nil)
	s.want(map[string]int64{"a": 1})
}

func resealsInSteps(s *sealedFixture) {
	var all []webhook.Endpoint
	for _, key := range []string{"old", "new", "old", "", "older", "old"} {
		all = append(all, s.create(key))
	}
	total, from := 0, webhook.EndpointNumber(0)
	for steps := 0; ; steps++ {
		done, next := s.reseal("new", from, 2)
		if total += done; done > 2 || steps > 5 {
			s.Fatalf("step %d: %d in one step", steps, done)
		}
		if from = next; next == 0 {
			break
		}
	}
	if total != 4 {
		s.Errorf("%d were resealed, want 4", total)
	}
	s.want(map[string]int64{"new": 5})
	for _, e := range all {
		got, err := s.Endpoint(s.Context(), e.Number())
		if err != nil || got.Revision != 1 || got.ClientID != e.ClientID || (got.Sealed.KeyID == "") != (e.Sealed.KeyID == "") {
			s.Errorf("%+v, %v", got, err)
		}
	}
	if done, next := s.reseal("new", 0, 10); done != 0 || next != 0 {
		s.Errorf("with nothing to do: %d, %d", done, next)
	}
}

func resealsAllOrNothing(s *sealedFixture) {
	s.create("old")
	last := s.create("old")
	damaged := errors.New("damaged")
	done, _, err := s.Reseal(s.Context(), storage.Resealing{KeyID: "new", Limit: 10, Seal: func(e webhook.Endpoint) (webhook.SealedValues, error) {
		if e.Number() == last.Number() {
			return webhook.SealedValues{}, damaged
		}
		return sealedWith("new"), nil
	}})
	if !errors.Is(err, damaged) || done != 0 {
		s.Errorf("%d, %v", done, err)
	}
	s.want(map[string]int64{"old": 2})
	ended, end := context.WithCancel(s.Context())
	end()
	if _, _, err := s.Reseal(ended, storage.Resealing{KeyID: "new", Limit: 10}); !errors.Is(err, context.Canceled) {
		s.Error(err)
	}
}

// resealsAgain changes an endpoint between two steps: the next one must see that.
func resealsAgain(s *sealedFixture) {
	e := s.create("old")
	if done, _ := s.reseal("new", 0, 10); done != 1 {
		s.Errorf("%d were resealed, want 1", done)
	}
	_, err := s.UpdateEndpoint(s.Context(), e.Number(), func(e *webhook.Endpoint) error {
		e.Sealed = sealedWith("old") // by a server that still has the old keys
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	if done, _ := s.reseal("new", 0, 10); done != 1 {
		s.Errorf("%d were resealed after the change, want 1", done)
	}
	s.want(map[string]int64{"new": 1})
}
