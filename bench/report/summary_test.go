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

func TestRatioIsToTheSameRepetitionsBare(t *testing.T) {
	sized := func(k Key, f float64) Result {
		r := measured(k, 1, DeliveredPerSecond, f)
		r.Axis, r.Payload = PayloadAxis, 8192
		return r
	}
	bare, single := Key{Scenario: Bare}, Key{Scenario: "single"}
	results := []Result{
		measured(bare, 1, DeliveredPerSecond, 100), measured(single, 1, DeliveredPerSecond, 50),
		measured(bare, 2, DeliveredPerSecond, 200), measured(single, 2, DeliveredPerSecond, 50),
		sized(Key{Scenario: Bare, Variant: "payload"}, 10), sized(Key{Scenario: "scaling", Variant: "payload"}, 4),
		measured(single, 3, DeliveredPerSecond, 50),
	}
	compareToBare(results)
	for i, want := range []float64{1, 0.5, 1, 0.25, 1, 0.4} {
		if got := results[i].Figures[ToBare]; got != want {
			t.Errorf("result %d: ratio %v, want %v", i, got, want)
		}
	}
	if _, ok := results[6].Figures[ToBare]; ok {
		t.Error("a ratio without a bare run in the repetition")
	}
}

func TestPairsCompareWithinRepetitions(t *testing.T) {
	a, b := Key{"single", "", "A"}, Key{"single", "", "B"}
	got := pairs([]Result{
		measured(a, 1, DeliveredPerSecond, 100), measured(b, 1, DeliveredPerSecond, 110),
		measured(b, 2, DeliveredPerSecond, 60), measured(a, 2, DeliveredPerSecond, 50),
		measured(b, 3, DeliveredPerSecond, 60), // without its A
	})
	if len(got) != 1 || got[0].Figure != DeliveredPerSecond || got[0].Scenario != "single" {
		t.Fatalf("%+v", got)
	}
	if r := got[0].Ratio; r.Min != 1.1 || r.Max != 1.2 || r.Median < 1.149 || r.Median > 1.151 {
		t.Errorf("ratio %+v", r)
	}
}
