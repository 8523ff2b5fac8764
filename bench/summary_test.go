package main

import (
	"testing"
)

func TestSpreadOf(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1}, spread{5, 1, 9}},
		{[]float64{5, 1, 100}, spread{5, 1, 100}},
		{[]float64{4, 8, 1, 2}, spread{3, 1, 8}},
		{[]float64{2, 9, 4, 1, 7}, spread{4, 1, 9}},
	} {
		before := append([]float64(nil), c.values...)
		if got := spreadOf(c.values); got != c.want {
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
func measured(k key, repetition int, f figure, value float64) result {
	r := result{key: k, Repetition: repetition, settings: settings{Payload: 512}, account: account{Delivered: 10}}
	r.set(f, value)
	return r
}

func TestSummariesLeaveBrokenRunsOut(t *testing.T) {
	k := key{Scenario: "single"}
	lost := measured(k, 2, deliveredPS, 900)
	lost.Lost = 1
	got := summarize([]result{measured(k, 1, deliveredPS, 10), lost, measured(k, 3, deliveredPS, 30)})
	if len(got) != 1 || got[0].Runs != 3 || got[0].Broken != 1 || got[0].Total.Lost != 1 || got[0].Total.Delivered != 30 {
		t.Fatalf("%+v", got)
	}
	if want := (spread{20, 10, 30}); got[0].Figures[deliveredPS] != want {
		t.Errorf("%v, want %v", got[0].Figures[deliveredPS], want)
	}
}

func TestEveryWayToBreakAPromiseCounts(t *testing.T) {
	if (account{Delivered: 1, Unknown: 1, Refused: 1}).broken() {
		t.Error("a run that kept its promises is broken")
	}
	for _, a := range []account{
		{},
		{Delivered: 1, Lost: 1},
		{Delivered: 1, Duplicated: 1},
		{Delivered: 1, Corrupted: 1},
		{Delivered: 1, Foreign: 1},
		{Delivered: 1, Unsigned: 1},
	} {
		if !a.broken() {
			t.Errorf("%+v is not broken", a)
		}
	}
}

func TestRatioIsToTheSameRepetitionsBare(t *testing.T) {
	sized := func(k key, f float64) result {
		r := measured(k, 1, deliveredPS, f)
		r.Axis, r.Payload = payloadAxis, 8192
		return r
	}
	bare, single := key{Scenario: bareName}, key{Scenario: "single"}
	results := []result{
		measured(bare, 1, deliveredPS, 100), measured(single, 1, deliveredPS, 50),
		measured(bare, 2, deliveredPS, 200), measured(single, 2, deliveredPS, 50),
		sized(key{Scenario: bareName, Variant: "payload"}, 10), sized(key{Scenario: "scaling", Variant: "payload"}, 4),
		measured(single, 3, deliveredPS, 50),
	}
	compareToBare(results)
	for i, want := range []float64{1, 0.5, 1, 0.25, 1, 0.4} {
		if got := results[i].Figures[toBare]; got != want {
			t.Errorf("result %d: ratio %v, want %v", i, got, want)
		}
	}
	if _, ok := results[6].Figures[toBare]; ok {
		t.Error("a ratio without a bare run in the repetition")
	}
}

func TestPairsCompareWithinRepetitions(t *testing.T) {
	a, b := key{"single", "", "A"}, key{"single", "", "B"}
	got := pairs([]result{
		measured(a, 1, deliveredPS, 100), measured(b, 1, deliveredPS, 110),
		measured(b, 2, deliveredPS, 60), measured(a, 2, deliveredPS, 50),
		measured(b, 3, deliveredPS, 60), // without its A
	})
	if len(got) != 1 || got[0].Figure != deliveredPS || got[0].Scenario != "single" {
		t.Fatalf("%+v", got)
	}
	if r := got[0].Ratio; r.Min != 1.1 || r.Max != 1.2 || r.Median < 1.149 || r.Median > 1.151 {
		t.Errorf("ratio %+v", r)
	}
}

func TestGoals(t *testing.T) {
	of := func(scenario, variant string, f figure, value float64) summary {
		return summary{key: key{Scenario: scenario, Variant: variant}, Figures: map[figure]spread{f: {value, 0, 1e9}}}
	}
	for _, c := range []struct {
		name      string
		summaries []summary
		met       map[string]bool // by scenario
	}{
		{"a ratio that is large enough", []summary{of("single", "", toBare, 0.35)}, map[string]bool{"single": true}},
		{"a ratio that is not", []summary{of("single", "", toBare, 0.34)}, map[string]bool{"single": false}},
		{"a time that is short enough", []summary{of("latency", "", receiptP50, 1)}, map[string]bool{"latency": true}},
		{"a time that is not", []summary{of("latency", "", receiptP50, 1.01)}, map[string]bool{"latency": false}},
		{"many as fast as single", []summary{of("single", "", deliveredPS, 100), of("many", "", deliveredPS, 90)}, map[string]bool{"many": true}},
		{"many slower than single", []summary{of("single", "", deliveredPS, 100), of("many", "", deliveredPS, 89)}, map[string]bool{"many": false}},
		{"many without single", []summary{of("many", "", deliveredPS, 89)}, nil},
		{"black holes that are felt", []summary{of("isolation", allHealthy, receiptP99, 2), of("isolation", "", receiptP99, 3.1)}, map[string]bool{"isolation": false}},
		{"a variant is not the scenario", []summary{of("single", "connections 1", toBare, 0.01)}, nil},
	} {
		got := judge(c.summaries)
		if len(got) != len(c.met) {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		for _, v := range got {
			if v.Met != c.met[v.Scenario] {
				t.Errorf("%s: %+v", c.name, v)
			}
		}
	}
}

// Every goal is of a scenario that exists.
func TestGoalsNameScenarios(t *testing.T) {
	known := map[string]bool{}
	for _, s := range scenarios() {
		known[s.Name] = true
	}
	for _, g := range goals() {
		if !known[g.of.Scenario] || g.to != nil && !known[g.to.Scenario] {
			t.Errorf("%+v", g)
		}
	}
}

func TestDrift(t *testing.T) {
	var flat, steep []point
	for i := range 30 {
		y := 10.0
		if i == 3 || i == 27 {
			y = 1000 // single outliers are no drift
		}
		flat = append(flat, point{float64(i), y})
		steep = append(steep, point{float64(i), float64(i + 1)})
	}
	if got, ok := drift(flat); !ok || got != 1 {
		t.Errorf("drift of a flat curve: %v, %v", got, ok)
	}
	if got, ok := drift(steep); !ok || got != 25.5/5.5 {
		t.Errorf("drift of a steep curve: %v, %v", got, ok)
	}
	if _, ok := drift(flat[:2]); ok {
		t.Error("two points have a drift")
	}
}
