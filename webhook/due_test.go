package webhook

import (
	"math"
	"testing"
	"time"
)

func TestDueAt(t *testing.T) {
	at := time.UnixMilli(1_750_000_000_123).UTC()
	for _, c := range []struct {
		why  string
		at   time.Time
		want DueTime
	}{
		{"none", time.Time{}, 0},
		{"before 1970", time.Unix(-5, 0), 0},
		{"a whole millisecond", at, 1_750_000_000_123},
		{"rounded up, so that nothing falls due early", at.Add(1), 1_750_000_000_124},
		{"the last nanosecond belongs to the next millisecond", at.Add(time.Millisecond - 1), 1_750_000_000_124},
		{"bounded", time.Unix(1<<45, 0), MaxDueTime},
	} {
		got := DueAt(c.at)
		if got != c.want || !got.IsZero() && DueAt(got.Time()) != got {
			t.Errorf("%s: got %d, want %d", c.why, got, c.want)
		}
		if c.want != 0 && c.want != MaxDueTime && got.Time().Before(c.at) {
			t.Errorf("%s: due at %v, before %v", c.why, got.Time(), c.at)
		}
	}
	if !DueAt(at.Add(1)).After(at) || DueAt(at).After(at) || !DueTime(0).Time().IsZero() {
		t.Error("After and Time disagree with DueAt")
	}
}

func TestSlotOrder(t *testing.T) {
	ordered := []Slot{
		{},
		{At: 5, ID: ID{Seq: 3}},
		{At: 5, ID: ID{Seq: 9}},
		{At: 6, ID: ID{Seq: 1}},
		{At: 6, ID: ID{Seq: 1, Nonce: math.MaxUint32}},
		{At: 6, ID: ID{Seq: 2}},
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := a.Compare(b); got != max(-1, min(1, i-j)) {
				t.Errorf("%v to %v: %d", a, b, got)
			}
			if i < j && b.Before(a.Next()) {
				t.Errorf("%v comes before %v, the position after %v", b, a.Next(), a)
			}
		}
	}
	if got := ordered[4].Next(); got != ordered[5] {
		t.Errorf("after %v comes %v", ordered[4], got)
	}
}

// FuzzDueAt: a due time is never before the time it stands for, at most a millisecond after it,
// and keeps the order of times.
func FuzzDueAt(f *testing.F) {
	f.Add(int64(0), int64(1))
	f.Add(int64(1_750_000_000_123_456_789), int64(1_750_000_000_124_000_000))
	f.Add(int64(math.MaxInt64), int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, a, b int64) {
		first, second := time.Unix(0, a), time.Unix(0, b)
		due := DueAt(first)
		if first.Unix() < 0 {
			if due != 0 {
				t.Fatalf("%v is due at %d", first, due)
			}
			return
		}
		if late := due.Time().Sub(first); !due.IsZero() && (late < 0 || late >= time.Millisecond) {
			t.Fatalf("%v is due at %v", first, due.Time())
		}
		if second.Unix() >= 0 && first.Before(second) && due > DueAt(second) {
			t.Fatalf("%v is due at %d, and the later %v at %d", first, due, second, DueAt(second))
		}
	})
}

// TestSuccessor: no ID of the endpoint lies between an ID and its successor.
func TestSuccessor(t *testing.T) {
	for _, id := range []ID{
		{Seq: 7, Endpoint: 3, Nonce: 9},
		{Seq: 7, Endpoint: 3, Nonce: math.MaxUint32},
		{Endpoint: 3},
	} {
		next := id.Successor()
		if next.Compare(id) != 1 || next.Endpoint != id.Endpoint {
			t.Errorf("after %+v comes %+v", id, next)
		}
		if next.Nonce != 0 && next != (ID{Seq: id.Seq, Endpoint: id.Endpoint, Nonce: id.Nonce + 1}) {
			t.Errorf("between %+v and %+v lie others", id, next)
		}
		if next.Nonce == 0 && (next.Seq != id.Seq+1 || id.Nonce != math.MaxUint32) {
			t.Errorf("between %+v and %+v lie others", id, next)
		}
	}
}
