package webhook

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func randomID(r *rand.Rand) ID {
	return ID{Seq: r.Uint64() >> r.IntN(64), Endpoint: EndpointNumber(r.Uint32() >> r.IntN(32)), Nonce: r.Uint32()}
}

// TestIDOrder: Compare, the binary form and the text agree on the order.
func TestIDOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ids := []ID{{}, {Nonce: 1}, {Endpoint: 1}, {Seq: 1}, {math.MaxUint64, math.MaxUint32, math.MaxUint32}}
	for range 60 {
		id := randomID(r)
		ids = append(ids, id, id.For(7), id.Event(), ID{id.Seq, id.Endpoint, r.Uint32()})
	}
	for _, a := range ids {
		for _, b := range ids {
			want := a.Compare(b)
			if got := bytes.Compare(a.AppendTo(nil), b.AppendTo(nil)); got != want {
				t.Fatalf("%+v and %+v: binary %d, Compare %d", a, b, got, want)
			}
			if got := strings.Compare(DeliveryID.Format(a), DeliveryID.Format(b)); got != want {
				t.Fatalf("%+v and %+v: text %d, Compare %d", a, b, got, want)
			}
		}
	}
}

func TestIDRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		id := randomID(r)
		if got := IDFromBytes([IDSize]byte(id.AppendTo(nil))); got != id {
			t.Fatalf("binary: %+v became %+v", id, got)
		}
		kind := []Kind{EndpointID, DeliveryID}[r.IntN(2)]
		if id.Endpoint == 0 {
			kind = EventID
		}
		text := kind.Format(id)
		if got, err := kind.Parse(text); err != nil || got != id || len(text) != len(kind)+26 {
			t.Fatalf("%s: %+v became %+v, %v", text, id, got, err)
		}
	}
}

func TestIDParts(t *testing.T) {
	id := ID{Seq: SeqAt(time.UnixMilli(1747477845123)) + 5, Nonce: 9}
	d := id.For(42)
	if d.Endpoint != 42 || d.Event() != id || d.Seq != id.Seq || d.Nonce != id.Nonce {
		t.Errorf("delivery %+v of event %+v", d, id)
	}
	if at := d.Time(); !at.Equal(time.UnixMilli(1747477845123)) || at.Location() != time.UTC {
		t.Errorf("time %v", at)
	}
}

func TestParseIDRefuses(t *testing.T) {
	event, delivery := ID{Seq: 1 << 50, Nonce: 7}, ID{Seq: 1 << 50, Nonce: 7}.For(3)
	right := EventID.Format(event)
	for _, c := range []struct {
		why  string
		kind Kind
		text string
	}{
		{"nothing", EventID, ""},
		{"the prefix only", EventID, "evt_"},
		{"another prefix", DeliveryID, right},
		{"a prefix in other casing", EventID, "EVT_" + right[4:]},
		{"too short", EventID, right[:len(right)-1]},
		{"too long", EventID, right + "0"},
		{"upper case", EventID, strings.Replace(right, right[4:], strings.Repeat("A", 26), 1)},
		{"a letter that is not used", EventID, right[:10] + "u" + right[11:]},
		{"a letter that looks like a digit", EventID, right[:10] + "o" + right[11:]},
		{"stray bits at the end", EventID, right[:len(right)-1] + "1"},
		{"a line's end, which base 32 decoders pass over", EventID, right[:len(right)-1] + "\n"},
		{"an event with an endpoint", EventID, EventID.Format(delivery)},
		{"a delivery without one", DeliveryID, DeliveryID.Format(event)},
		{"an endpoint without a number", EndpointID, EndpointID.Format(event)},
	} {
		if id, err := c.kind.Parse(c.text); !errors.Is(err, ErrNotFound) || id != (ID{}) {
			t.Errorf("%s: %q: %+v, %v", c.why, c.text, id, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("evt_", EventID.Format(ID{Seq: 1 << 60, Nonce: 1}))
	f.Add("whd_", DeliveryID.Format(ID{Seq: 1 << 60, Nonce: 1}.For(2)))
	f.Add("wh_", "wh_"+strings.Repeat("z", 26))
	f.Add("wh_", "wh_"+strings.Repeat("\n", 26))
	f.Fuzz(func(t *testing.T, kind, text string) {
		if !slices.Contains([]Kind{EventID, EndpointID, DeliveryID}, Kind(kind)) {
			return
		}
		id, err := Kind(kind).Parse(text)
		if err == nil && Kind(kind).Format(id) != text || err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatalf("%q: %+v, %v", text, id, err)
		}
	})
}

func TestSequence(t *testing.T) {
	start := time.UnixMilli(1747477845123)
	var s Sequence
	first := s.Next(start)
	if first != SeqAt(start) {
		t.Errorf("first is %d, want %d", first, SeqAt(start))
	}
	last := first
	for _, step := range []struct {
		why string
		now time.Time
	}{
		{"within the millisecond", start.Add(time.Microsecond)},
		{"the clock advances", start.Add(time.Second)},
		{"the clock steps back", start.Add(-time.Hour)},
		{"far back", time.Unix(-1, 0)},
		{"the clock is right again", start.Add(2 * time.Second)},
	} {
		next := s.Next(step.now)
		if next <= last {
			t.Errorf("%s: %d after %d", step.why, next, last)
		}
		if want := SeqAt(step.now); next < want {
			t.Errorf("%s: %d is before its time %d", step.why, next, want)
		}
		last = next
	}
	s.Resume(last + 1000)
	s.Resume(5)
	if next := s.Next(start); next != last+1001 {
		t.Errorf("after Resume: %d, want %d", next, last+1001)
	}
}

// TestSequenceOverflow: more than a million in one millisecond borrow from the next.
// TestSpreadSequences: two processes issue ten values in each of a thousand milliseconds.
// They share next to none, where sequences that are not spread share all; each still
// ascends, and keeps its times.
func TestSpreadSequences(t *testing.T) {
	shared := func(one, other *Sequence) (n int) {
		start, seen, last := time.UnixMilli(1747477845123), map[uint64]bool{}, uint64(0)
		for i := range 10_000 {
			seen[one.Next(start.Add(time.Duration(i)*time.Millisecond/10))] = true
		}
		for i := range 10_000 {
			now := start.Add(time.Duration(i) * time.Millisecond / 10)
			seq := other.Next(now)
			if seq <= last || SeqTime(seq).UnixMilli() != now.UnixMilli() {
				t.Fatalf("%d after %d, at %v", seq, last, now)
			}
			if last = seq; seen[seq] {
				n++
			}
		}
		return n
	}
	var one, other, third, fourth Sequence
	one.Spread(rand.New(rand.NewPCG(1, 1)).Uint64N)
	other.Spread(rand.New(rand.NewPCG(2, 2)).Uint64N)
	if n := shared(&one, &other); n > 20 {
		t.Errorf("spread sequences share %d values", n)
	}
	if n := shared(&third, &fourth); n != 10_000 {
		t.Errorf("sequences that are not spread share %d values: the test shows nothing", n)
	}
}

func TestSequenceOverflow(t *testing.T) {
	now := time.UnixMilli(1000)
	var s Sequence
	s.Resume(SeqAt(now.Add(time.Millisecond)) - 1)
	if seq := s.Next(now); seq != SeqAt(now.Add(time.Millisecond)) || !SeqTime(seq).Equal(now.Add(time.Millisecond)) {
		t.Errorf("got %d", seq)
	}
}

func TestSeqTime(t *testing.T) {
	at := time.UnixMilli(1747477845123)
	if got := SeqTime(SeqAt(at.Add(999 * time.Microsecond))); !got.Equal(at) {
		t.Errorf("got %v, want %v", got, at)
	}
	if SeqAt(time.Unix(-5, 0)) != 0 {
		t.Error("a time before 1970 has a Seq")
	}
}

// TestIDText: clients keep ids, so the text of an ID must stay what it is.
func TestIDText(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		id   ID
		text string
	}{
		{EventID, ID{}, "evt_00000000000000000000000000"},
		{EventID, ID{Seq: 1}, "evt_00000000000020000000000000"},
		{DeliveryID, ID{Seq: math.MaxUint64, Endpoint: math.MaxUint32, Nonce: math.MaxUint32}, "whd_zzzzzzzzzzzzzzzzzzzzzzzzzw"},
		{EndpointID, ID{Seq: SeqAt(time.UnixMilli(1747477845123)), Endpoint: 7, Nonce: 99}, "wh_35pxsfa860000000003g0000cc"},
	} {
		got := c.kind.Format(c.id)
		if got != c.text {
			t.Errorf("%+v: %s, want %s", c.id, got, c.text)
		}
		if back, err := c.kind.Parse(c.text); err != nil || back != c.id {
			t.Errorf("%s: %+v, %v", c.text, back, err)
		}
	}
}

// TestSequenceIsSafeForConcurrentUse: nobody gets a value that another one got, and each gets
// larger ones than before.
func TestSequenceIsSafeForConcurrentUse(t *testing.T) {
	var s Sequence
	now := time.UnixMilli(1747477845123)
	values := make([][]uint64, 4)
	var done sync.WaitGroup
	for i := range values {
		done.Go(func() {
			for range 1000 {
				values[i] = append(values[i], s.Next(now))
			}
		})
	}
	done.Wait()
	seen := map[uint64]bool{}
	for _, list := range values {
		if !slices.IsSorted(list) {
			t.Error("values fall")
		}
		for _, value := range list {
			if seen[value] {
				t.Fatalf("%d was issued twice", value)
			}
			seen[value] = true
		}
	}
	if last := s.Next(now); last != SeqAt(now)+4000 {
		t.Errorf("after 4,000 values comes %d, not %d", last, SeqAt(now)+4000)
	}
}
