package report

import "testing"

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
