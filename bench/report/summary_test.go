package report

import (
	"testing"
)

func TestSpreadOf(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{9, 1}, Spread{5, 1, 9}},
		{[]float64{5, 1, 100}, Spread{5, 1, 100}},
		{[]float64{4, 8, 1, 2}, Spread{3, 1, 8}},
		{[]float64{2, 9, 4, 1, 7}, Spread{4, 1, 9}},
	} {
		before := append([]float64(nil), c.values...)
		if got := SpreadOf(c.values); got != c.want {
			t.Errorf("spreadOf(%v) = %v, want %v", before, got, c.want)
		}
		for i := range before {
			if c.values[i] != before[i] {
				t.Errorf("spreadOf changed %v to %v", before, c.values)
			}
		}
	}
}

// measured is a result of one figure from a run that kept its promises.
func measured(k Key, repetition int, f Figure, value float64) Result {
	r := Result{Key: k, Repetition: repetition, Settings: Settings{Payload: 512}, Account: Account{Delivered: 10}}
	r.Set(f, value)
	return r
}

func TestSummariesLeaveBrokenRunsOut(t *testing.T) {
	k := Key{Scenario: "single"}
	lost := measured(k, 2, DeliveredPerSecond, 900)
	lost.Lost = 1
	got := summarize([]Result{measured(k, 1, DeliveredPerSecond, 10), lost, measured(k, 3, DeliveredPerSecond, 30)})
	if len(got) != 1 || got[0].Runs != 3 || got[0].Broken != 1 || got[0].Total.Lost != 1 || got[0].Total.Delivered != 30 {
		t.Fatalf("%+v", got)
	}
	if want := (Spread{20, 10, 30}); got[0].Figures[DeliveredPerSecond] != want {
		t.Errorf("%v, want %v", got[0].Figures[DeliveredPerSecond], want)
	}
}

func TestEveryWayToBreakAPromiseCounts(t *testing.T) {
	if (Account{Delivered: 1, Unknown: 1, Refused: 1}).Broken() {
		t.Error("a run that kept its promises is broken")
	}
	for _, a := range []Account{
		{},
		{Delivered: 1, Lost: 1},
		{Delivered: 1, Duplicated: 1},
		{Delivered: 1, Corrupted: 1},
		{Delivered: 1, Foreign: 1},
		{Delivered: 1, Unsigned: 1},
	} {
		if !a.Broken() {
			t.Errorf("%+v is not broken", a)
		}
	}
}
