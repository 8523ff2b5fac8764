package badgerstore

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// TestChangeMoves: what a change does to a delivery's keys, and to the counts, for every
// pair of statuses.
func TestChangeMoves(t *testing.T) {
	statuses := []webhook.Status{webhook.Queued, webhook.Retrying, webhook.Delivered, webhook.Failed, webhook.Cancelled}
	pending := func(s webhook.Status) int64 {
		if s.Finished() {
			return 0
		}
		return 1
	}
	for _, from := range statuses {
		for _, to := range statuses {
			was := webhook.Delivery{ID: someID, Status: from, NextAttemptAt: 7, FinishedAt: time.Unix(1, 0)}
			now := was
			now.Status, now.NextAttemptAt = to, 9
			s := &Store{retention: time.Hour}
			c := &change{}
			s.move(c, was.Place(), &now, []byte("record"))
			if got, want := c.pending(), pending(to)-pending(from); got != want {
				t.Errorf("%s to %s: pending changes by %d, want %d", from, to, got, want)
			}
			keys := map[string]bool{} // key → stored after the change
			keys[string(layout.DeliveryKey(layout.SpaceOf(from), someID))] = true
			if from == webhook.Retrying {
				keys[string(layout.ScheduleKey(layout.SlotOf(7, someID)))] = true
			}
			for _, o := range c.ops {
				keys[string(o.entry.Key)] = !o.remove
			}
			stored := 0
			for _, there := range keys {
				if there {
					stored++
				}
			}
			want := 1
			if to == webhook.Retrying {
				want = 2
			}
			if stored != want || !keys[string(layout.DeliveryKey(layout.SpaceOf(to), someID))] {
				t.Errorf("%s to %s: %d keys are stored, want %d: %+v", from, to, stored, want, c.ops)
			}
		}
	}
}

// TestPutUntil: keys expire a second late rather than early, and never before 1970.
func TestPutUntil(t *testing.T) {
	for _, c := range []struct {
		reason string
		until  time.Time
		want   uint64
	}{
		{"never", time.Time{}, 0},
		{"a whole second", time.Unix(100, 0), 101},
		{"a part of a second", time.Unix(100, 999), 101},
		{"before the epoch: at once, as 0 would be never", time.Unix(-5, 0), 1},
	} {
		got := &change{}
		got.putUntil([]byte("key"), []byte("value"), c.until)
		if at := got.ops[0].entry.ExpiresAt; at != c.want {
			t.Errorf("%s: expires at %d, want %d", c.reason, at, c.want)
		}
	}
}

// TestAcceptEstimates: fits never estimates too low, or a transaction would not hold
// what Accept took on.
func TestAcceptEstimates(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		a := &acceptance{receipts: make([]webhook.Receipt, 50), retention: time.Hour}
		for i := range 50 {
			e := webhook.Event{
				ID: webhook.ID{Seq: uint64(i + 1), Nonce: random.Uint32()}, Type: "type", ClientID: "client",
				Data: bytes.Repeat([]byte("x"), random.IntN(200<<10)), IdempotencyKey: "key",
			}
			for n := range webhook.EndpointNumber(random.IntN(3000)) {
				switch random.IntN(10) {
				case 0:
					e.Disabled = append(e.Disabled, n*7+1)
				default:
					e.Endpoints = append(e.Endpoints, n*7+1)
				}
			}
			a.events = append(a.events, e)
			a.store(i)
		}
		if len(a.change.ops) > maxAcceptOps || a.change.bytes > maxAcceptBytes {
			t.Fatalf("%d ops and %d bytes were taken, at most %d and %d", len(a.change.ops), a.change.bytes, maxAcceptOps, maxAcceptBytes)
		}
		for i, r := range a.receipts {
			if r.EventID != a.events[i].ID || r.Err != nil && !errors.Is(r.Err, webhook.ErrFanOut) {
				t.Fatalf("receipt %d: %+v", i, r)
			}
		}
	}
}

// TestKeyTally: counts follow the endpoints, and what cannot be is damage.
func TestKeyTally(t *testing.T) {
	s := openTest(t, t.TempDir())
	sealed := func(id string) webhook.SealedValues {
		return webhook.SealedValues{KeyID: id, Check: []byte("check of " + id)}
	}
	move := func(pairs ...string) error {
		return s.update(t.Context(), "move", func(tx *badger.Txn) (*change, error) {
			c := &change{}
			var tally storage.KeyTally
			for i := 0; i < len(pairs); i += 2 {
				tally.Move(sealed(pairs[i]), sealed(pairs[i+1]))
			}
			return c, writeKeyUses(tx, c, &tally)
		})
	}
	want := func(reason string, counts map[string]int64) {
		t.Helper()
		uses, err := s.KeyUses(t.Context())
		if err != nil || len(uses) != len(counts) {
			t.Fatalf("%s: %+v, %v; want %v", reason, uses, err, counts)
		}
		for _, use := range uses {
			if use.Endpoints != counts[use.KeyID] || string(use.Check) != "check of "+use.KeyID {
				t.Errorf("%s: %+v, want %v", reason, use, counts)
			}
		}
	}
	if err := move("", "a", "", "a", "", "b"); err != nil {
		t.Fatal(err)
	}
	want("three new ones", map[string]int64{"a": 2, "b": 1})
	if err := move("a", "b", "b", "a", "a", "a"); err != nil {
		t.Fatal(err)
	}
	want("to and fro", map[string]int64{"a": 2, "b": 1})
	if err := move("a", "b", "a", ""); err != nil {
		t.Fatal(err)
	}
	want("the last of a key", map[string]int64{"b": 2})
	if err := move("b", "", "b", "", "b", ""); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("more than there are: %v", err)
	}
	want("the refused change", map[string]int64{"b": 2})
}

// TestBacklog: the two sources of a count may come in any order.
func TestBacklog(t *testing.T) {
	b := newBacklog()
	b.start(3)
	left := &change{}
	left.leave(webhook.ID{Seq: 1, Endpoint: 7}, webhook.Place{Status: webhook.Queued}, false)
	b.apply([]*change{left}) // it left before it was counted
	if got := b.of(7); got != (pending{}) || b.sum() != 2 || b.sumOf([]webhook.EndpointNumber{7, 8}) != 0 {
		t.Errorf("of %+v, sum %d", got, b.sum())
	}
	b.add(7, pending{queued: 2, retrying: 1})
	b.add(9, pending{retrying: 1})
	if got := b.of(7); got != (pending{queued: 1, retrying: 1}) {
		t.Errorf("of %+v", got)
	}
	if got := b.sumOf([]webhook.EndpointNumber{7, 8, 9}); got != 3 {
		t.Errorf("sum of three: %d", got)
	}
	if got := b.from(8); len(got) != 1 || got[0] != 9 {
		t.Errorf("from 8: %v", got)
	}
	b.apply([]*change{{drift: -5}})
	if b.sum() != 0 {
		t.Errorf("a total below zero shows: %d", b.sum())
	}
	b.add(9, pending{retrying: -1})
	if got := b.from(0); len(got) != 1 || got[0] != 7 {
		t.Errorf("endpoints without pending deliveries are kept: %v", got)
	}
}

// TestSkipper: it finds the first and the last number, and ends.
func TestSkipper(t *testing.T) {
	s := openTest(t, t.TempDir())
	numbers := []webhook.EndpointNumber{1, 2, 300, 1<<32 - 1}
	acceptMany(t, s, 5, numbers...)
	err := s.view("skip", func(tx *badger.Txn) error {
		for first := range numbers {
			k := newSkipper(tx, layout.SpaceQueued, numbers[first])
			for _, want := range numbers[first:] {
				if k.n != want {
					t.Errorf("from %d: at %d, want %d", numbers[first], k.n, want)
				}
				k.skip()
			}
			if k.n != 0 {
				t.Errorf("from %d: at %d after the end", numbers[first], k.n)
			}
			k.it.Close()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
