package report

import (
	"slices"
	"testing"
)

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

// Runs that broke a promise or lack the figure are compared to nothing.
func TestPairsLeaveOutWhatCannotBeCompared(t *testing.T) {
	a, b := Key{"single", "", "A"}, Key{"single", "", "B"}
	lost := measured(b, 1, DeliveredPerSecond, 900)
	lost.Lost = 1
	other := measured(Key{"single", "connections 1", "B"}, 2, DeliveredPerSecond, 10) // another variant than A's
	got := pairs([]Result{
		measured(a, 1, DeliveredPerSecond, 100), lost,
		measured(a, 2, DeliveredPerSecond, 100), other,
		measured(a, 3, DeliveredPerSecond, 100), measured(b, 3, ServerCPU, 1),
		measured(a, 4, DeliveredPerSecond, 0), measured(b, 4, DeliveredPerSecond, 5),
	})
	if len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// Pairs are listed in the order of the runs and of the figures, each with its own ratio.
func TestPairsOfSeveralFigures(t *testing.T) {
	run := func(k Key, rate, cpu float64) Result {
		r := measured(k, 1, DeliveredPerSecond, rate)
		r.Set(ServerCPU, cpu)
		r.Set(Recovery, 1) // not among the compared ones
		return r
	}
	got := pairs([]Result{
		run(Key{"single", "", "A"}, 100, 4), run(Key{"single", "", "B"}, 200, 2),
		run(Key{"batch", "", "A"}, 100, 4), run(Key{"batch", "", "B"}, 100, 4),
	})
	want := []Pair{
		{Key{Scenario: "single"}, DeliveredPerSecond, Spread{2, 2, 2}},
		{Key{Scenario: "single"}, ServerCPU, Spread{0.5, 0.5, 0.5}},
		{Key{Scenario: "batch"}, DeliveredPerSecond, Spread{1, 1, 1}},
		{Key{Scenario: "batch"}, ServerCPU, Spread{1, 1, 1}},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A broken bare run has no rate, and a ratio to it would be infinite.
func TestNoRatioToABareRunThatFailed(t *testing.T) {
	results := []Result{measured(Key{Scenario: Bare}, 1, DeliveredPerSecond, 0), measured(Key{Scenario: "single"}, 1, DeliveredPerSecond, 50)}
	compareToBare(results)
	if ratio, ok := results[1].Figures[ToBare]; ok {
		t.Errorf("ratio %v", ratio)
	}
}
