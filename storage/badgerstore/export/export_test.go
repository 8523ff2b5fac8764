package export

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// everything notes in words what it gets.
type everything struct {
	got   map[string]int
	order []string
	err   error // of the kind failing
	fails string
}

func (s *everything) note(kind string, what any) error {
	if s.got == nil {
		s.got = map[string]int{}
	}
	s.got[fmt.Sprint(kind, " ", what)]++
	if n := len(s.order); n == 0 || s.order[n-1] != kind {
		s.order = append(s.order, kind)
	}
	if kind == s.fails {
		return s.err
	}
	return nil
}

func (s *everything) Numbers(last webhook.EndpointNumber, seq uint64) error {
	return s.note("numbers", fmt.Sprint(last, " ", seq))
}
func (s *everything) CursorKey(key [32]byte) error { return s.note("cursor", key[0]) }
func (s *everything) KeyUse(use storage.KeyUse) error {
	return s.note("key", fmt.Sprint(use.KeyID, use.Endpoints))
}

func (s *everything) Endpoint(e webhook.Endpoint) error {
	return s.note("endpoint", fmt.Sprint(e.Number(), e.Sealed.KeyID))
}
func (s *everything) EventType(t webhook.EventType) error { return s.note("type", t) }
func (s *everything) APIKey(k webhook.APIKey) error       { return s.note("api", k.ID) }
func (s *everything) Audit(e audit.Entry) error           { return s.note("audit", e.Action) }
func (s *everything) Gate(n webhook.EndpointNumber, g webhook.GateState) error {
	return s.note("gate", fmt.Sprint(n, g.Openings))
}

func (s *everything) IdempotencyKey(hash [16]byte, first record.KeyedEvent) error {
	e := webhook.Event{Publisher: "p", IdempotencyKey: "k"}
	return s.note("idempotency", fmt.Sprint(hash == record.KeyHash(&e), first.Deliveries))
}

func (s *everything) Event(e webhook.Event) error {
	return s.note("event", fmt.Sprint(e.Type, len(e.Endpoints), string(e.Data)))
}

func (s *everything) Delivery(d webhook.Delivery) error {
	return s.note("delivery", fmt.Sprint(d.Status, d.Attempts, len(d.AttemptLog)))
}

func (s *everything) Attempt(of webhook.ID, a webhook.Attempt) error {
	return s.note("attempt", fmt.Sprint(of.Endpoint, a.StatusCode))
}

func (s *everything) Body(of webhook.ID, b record.Body) error {
	return s.note("body", fmt.Sprint(of.Endpoint, len(b.Text)))
}

func (s *everything) Job(j bulk.Job) error {
	return s.note("job", fmt.Sprint(j.Action, j.ID.Endpoint, j.Status))
}

// filled makes a directory with one of each, and a wide event, and returns it closed.
func filled(t *testing.T) string {
	t.Helper()
	dir, ctx := filepath.Join(t.TempDir(), "store"), t.Context()
	s, err := badgerstore.Open(badgerstore.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.CreateNumbered(ctx, webhook.Endpoint{ID: webhook.ID{Seq: 5}}, func(e *webhook.Endpoint) error {
		e.Sealed = webhook.SealedValues{KeyID: "k1", Text: []byte("sealed"), Check: []byte("check")}
		return nil
	})
	must(err)
	must(s.CreateEventType(ctx, webhook.EventType{Name: "user.created", Description: "d"}))
	must(s.CreateAPIKey(ctx, webhook.APIKey{ID: "api"}))
	must(s.AppendAudit(ctx, audit.Entry{ID: webhook.ID{Seq: 4, Nonce: 1}, At: time.Now(), Action: "key.create"}))
	_, err = s.CursorKey(ctx, [32]byte{9})
	must(err)
	done := make(chan error, 1)
	s.SaveGate(1, webhook.GateState{Openings: 3}, func(err error) { done <- err })
	must(<-done)
	now := time.Now()
	wide := make([]webhook.EndpointNumber, webhook.MaxFanOut+5)
	for i := range wide {
		wide[i] = webhook.EndpointNumber(i + 1)
	}
	event := func(n uint32, e webhook.Event) webhook.ID {
		e.ID, e.Type, e.Data = webhook.ID{Seq: webhook.SeqAt(now) + uint64(n), Nonce: n}, "user.created", []byte(`{}`)
		s.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
		must(<-done)
		return e.ID
	}
	event(1, webhook.Event{Endpoints: wide})
	retried := event(2, webhook.Event{Endpoints: []webhook.EndpointNumber{1}, Publisher: "p", IdempotencyKey: "k"}).For(1)
	delivered := event(3, webhook.Event{Endpoints: []webhook.EndpointNumber{1}}).For(1)
	for id, code := range map[webhook.ID]int{retried: 500, delivered: 200} {
		was := webhook.Delivery{ID: id, EventType: "user.created", Status: webhook.Queued}
		a := webhook.Attempt{At: now, StatusCode: code, Requests: 1, Response: make([]byte, 300)}
		s.Settle(webhook.Settlement{Was: was.Place(), Now: was.Attempted(a, webhook.DefaultSettings().Retry, 0)}, func(err error) { done <- err })
		must(<-done)
	}
	_, err = s.CreateJob(ctx, bulk.Job{ID: webhook.ID{Seq: 9, Endpoint: 1}, Action: bulk.Replay, Status: bulk.Paused})
	must(err)
	must(s.Close())
	return dir
}

// TestEverythingIsHandedOut: each kind arrives once, events before their deliveries, and a
// wide event with all its recipients.
func TestEverythingIsHandedOut(t *testing.T) {
	var got everything
	if err := Dir(filled(t), &got); err != nil {
		t.Fatal(err)
	}
	for what, times := range map[string]int{
		"numbers 1 5": 1, "cursor 9": 1, "key k11": 1, "endpoint 1k1": 1, "type {user.created d}": 1, "api api": 1, "audit key.create": 1, "gate 1 3": 1,
		"idempotency true 1": 1, "event user.created20005{}": 1, "event user.created1{}": 2,
		"delivery queued0 0": webhook.MaxFanOut + 5, "delivery retrying1 0": 1, "delivery delivered1 1": 1,
		"attempt 1 500": 1, "body 1 300": 2, "job replay1paused": 1,
	} {
		if got.got[what] != times {
			t.Errorf("%q came %d times, want %d", what, got.got[what], times)
		}
		delete(got.got, what)
	}
	if len(got.got) > 0 {
		t.Errorf("besides: %v", got.got)
	}
	want := "[key endpoint type api audit gate idempotency event delivery attempt body job cursor numbers]"
	if fmt.Sprint(got.order) != want {
		t.Errorf("order %v, want %v", got.order, want)
	}
}

// TestAnErrorEndsTheExport: whatever cannot be taken over must not be left out in silence.
func TestAnErrorEndsTheExport(t *testing.T) {
	dir, refused := filled(t), errors.New("refused")
	for _, kind := range []string{"key", "endpoint", "type", "api", "gate", "idempotency", "event", "delivery", "attempt", "body", "job", "cursor", "numbers"} {
		got := everything{fails: kind, err: refused}
		if err := Dir(dir, &got); !errors.Is(err, refused) || got.order[len(got.order)-1] != kind {
			t.Errorf("%s: %v, after %v", kind, err, got.order)
		}
	}
	if err := Dir(filepath.Join(t.TempDir(), "missing"), &everything{}); err == nil {
		t.Error("a directory that is missing was exported")
	}
}
