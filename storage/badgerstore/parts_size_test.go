package badgerstore

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// TestParts: a part is made for each webhook.MaxFanOut recipients after the first as many.
func TestParts(t *testing.T) {
	for recipients, want := range map[int]int{
		0: 0, 1: 0, webhook.MaxFanOut: 0, webhook.MaxFanOut + 1: 1, 2 * webhook.MaxFanOut: 1, 2*webhook.MaxFanOut + 1: 2,
	} {
		e := webhook.Event{Endpoints: make([]webhook.EndpointNumber, recipients)}
		if got := parts(&e); got != want {
			t.Errorf("%d recipients: %d parts, want %d", recipients, got, want)
		}
		if recipients <= webhook.MaxFanOut && partBytes(&e) != 0 {
			t.Errorf("%d recipients take %d bytes for parts", recipients, partBytes(&e))
		}
	}
}

// TestBitsOf: as many as the number needs, and one for zero.
func TestBitsOf(t *testing.T) {
	for n, want := range map[webhook.EndpointNumber]int{0: 1, 1: 1, 2: 2, 3: 2, 4: 3, 127: 7, 128: 8, 1<<32 - 1: 32} {
		if got := bitsOf(n); got != want {
			t.Errorf("%d: %d bits, want %d", n, got, want)
		}
	}
}

// scattered returns an event for many endpoints, whose numbers have gaps of all sizes.
func scattered(random *rand.Rand, recipients int) webhook.Event {
	e := webhook.Event{ID: someID.Event(), Type: "t", Data: []byte("{}")}
	n := webhook.EndpointNumber(0)
	for range recipients {
		n += 1 + webhook.EndpointNumber(random.IntN(1<<random.IntN(16)))
		switch random.IntN(8) {
		case 0:
			e.Disabled = append(e.Disabled, n)
		case 1:
			e.Limited = append(e.Limited, n)
		default:
			e.Endpoints = append(e.Endpoints, n)
		}
	}
	return e
}

// TestPartsLoseNobody: the first part and the records of the others name every
// recipient once, with why its delivery is withheld, in no more bytes than were planned.
func TestPartsLoseNobody(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		e := scattered(random, 2*webhook.MaxFanOut+1+random.IntN(webhook.MaxFanOut))
		to := e.Recipients()
		c := &change{}
		c.announceParts(&e, to)
		if c.bytes > partBytes(&e) {
			t.Errorf("%d bytes, planned %d", c.bytes, partBytes(&e))
		}
		all := slices.Clone(to[:webhook.MaxFanOut])
		withheld := map[webhook.EndpointNumber]webhook.Reason{}
		for _, n := range all {
			withheld[n] = e.Withheld(n)
		}
		for _, o := range c.ops[:len(c.ops)-1] {
			some, err := layout.DecodePart(o.entry.Value)
			if err != nil || len(some.All) > webhook.MaxFanOut {
				t.Fatalf("%d recipients, %v", len(some.All), err)
			}
			part := webhook.Event{Disabled: some.Disabled, Limited: some.Limited}
			for _, n := range some.All {
				withheld[n] = part.Withheld(n)
			}
			all = append(all, some.All...)
		}
		if !slices.Equal(all, to) {
			t.Errorf("%d recipients, want %d", len(all), len(to))
		}
		for _, n := range to {
			if withheld[n] != e.Withheld(n) {
				t.Fatalf("endpoint %d: %q, want %q", n, withheld[n], e.Withheld(n))
			}
		}
		note, err := layout.DecodeRemainder(c.ops[len(c.ops)-1].entry.Value)
		if err != nil || note.Next != 1 || note.Last != parts(&e) {
			t.Errorf("the note: %+v, %v", note, err)
		}
	}
}

// TestPartDone: the note moves on with each part, and goes with the last.
func TestPartDone(t *testing.T) {
	for next, removed := range map[int]bool{1: false, 2: false, 3: true} {
		c := &change{}
		c.partDone(someID, layout.Remainder{Next: next, Last: 3})
		o := c.ops[0]
		if !bytes.Equal(o.entry.Key, layout.RemainderKey(someID)) || o.remove != removed {
			t.Errorf("part %d: %+v", next, o)
		}
		if note, err := layout.DecodeRemainder(o.entry.Value); !removed && (err != nil || note.Next != next+1) {
			t.Errorf("after part %d: %+v, %v", next, note, err)
		}
	}
}

// TestPayloadsWalkAndLookUp: both ways of reading find the same payload, and the same
// hole where an event is missing.
func TestPayloadsWalkAndLookUp(t *testing.T) {
	s := openTest(t, t.TempDir())
	ids := acceptMany(t, s, 100, 1)
	missing := ids[41]
	if err := s.db.Update(func(tx *badger.Txn) error { return tx.Delete(layout.EventKey(missing)) }); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string][]int{
		"every event":               {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		"one":                       {50},
		"as far as a walk goes":     {0, nearby, 2 * nearby, 3 * nearby},
		"one further than that":     {0, 1, 1 + nearby + 1, 2 + nearby + 1},
		"the missing one":           {39, 40, 41, 42, 43},
		"the missing one first":     {41, 42},
		"the last":                  {97, 98, 99},
		"far, and then near":        {0, 60, 61, 62},
		"near, far, and near again": {0, 1, 2, 70, 71},
	} {
		err := s.view("read", func(tx *badger.Txn) error {
			p := payloads{tx: tx}
			defer p.close()
			for _, i := range read {
				want, wantErr := readPayload(tx, ids[i])
				got, err := p.read(ids[i])
				if got.EventType != want.EventType || !bytes.Equal(got.Data, want.Data) || (err == nil) != (wantErr == nil) {
					t.Errorf("%s: event %d: %+v, %v; want %+v, %v", name, i, got, err, want, wantErr)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestWithoutItsEvent: a pending delivery whose event is lost is handed out without
// data, so that the attempt fails with a reason that says so.
func TestWithoutItsEvent(t *testing.T) {
	s := openTest(t, t.TempDir())
	ids := acceptMany(t, s, 3, 1)
	if err := s.db.Update(func(tx *badger.Txn) error { return tx.Delete(layout.EventKey(ids[1])) }); err != nil {
		t.Fatal(err)
	}
	due, err := s.Queued(t.Context(), 1, webhook.ID{}, 5, 1<<20)
	if err != nil || len(due) != 3 {
		t.Fatalf("%d, %v", len(due), err)
	}
	for i, d := range due {
		if (d.Data == nil) != (i == 1) || d.Delivery.ID != ids[i].For(1) {
			t.Errorf("delivery %d: %+v", i, d)
		}
	}
}
