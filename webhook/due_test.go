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
