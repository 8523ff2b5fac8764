package report

import (
	"slices"
	"testing"
)

func TestGoals(t *testing.T) {
	of := func(scenario, variant string, f Figure, value float64) Summary {
		return Summary{Key: Key{Scenario: scenario, Variant: variant}, Figures: map[Figure]Spread{f: {value, 0, 1e9}}}
	}
	for _, c := range []struct {
		name      string
		summaries []Summary
		met       map[string]bool // by scenario
	}{
		{"a ratio that is large enough", []Summary{of("single", "", ToBare, 0.35)}, map[string]bool{"single": true}},
		{"a ratio that is not", []Summary{of("single", "", ToBare, 0.34)}, map[string]bool{"single": false}},
		{"a time that is short enough", []Summary{of("latency", "", ReceiptP50, 1)}, map[string]bool{"latency": true}},
		{"a time that is not", []Summary{of("latency", "", ReceiptP50, 1.01)}, map[string]bool{"latency": false}},
		{"many as fast as single", []Summary{of("single", "", DeliveredPerSecond, 100), of("many", "", DeliveredPerSecond, 90)}, map[string]bool{"many": true}},
		{"many slower than single", []Summary{of("single", "", DeliveredPerSecond, 100), of("many", "", DeliveredPerSecond, 89)}, map[string]bool{"many": false}},
		{"many without single", []Summary{of("many", "", DeliveredPerSecond, 89)}, nil},
		{"black holes that are felt", []Summary{of("isolation", AllHealthy, ReceiptP99, 2), of("isolation", "", ReceiptP99, 3.1)}, map[string]bool{"isolation": false}},
		{"onlookers that are felt", []Summary{of("watched", SingleAlone, ReceiptP99, 20), of("watched", "", ReceiptP99, 22.1)}, map[string]bool{"watched": false}},
		{"onlookers that are not", []Summary{of("watched", LatencyAlone, ReceiptP99, 2), of("watched", LatencyWatched, ReceiptP99, 2.2)}, map[string]bool{"watched": true}},
		{"a variant is not the scenario", []Summary{of("single", "connections 1", ToBare, 0.01)}, nil},
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

// Each binary of a comparison is judged by itself, and ratios stay within one of them.
func TestGoalsOfComparedBinaries(t *testing.T) {
	of := func(scenario, binary string, value float64) Summary {
		return Summary{Key: Key{Scenario: scenario, Binary: binary}, Figures: map[Figure]Spread{DeliveredPerSecond: {Median: value}}}
	}
	got := judge([]Summary{of("single", "A", 100), of("many", "A", 95), of("single", "B", 200), of("many", "B", 150)})
	if len(got) != 2 || got[0].Binary != "A" || !got[0].Met || got[1].Binary != "B" || got[1].Met || got[1].Value != 0.75 {
		t.Errorf("%+v", got)
	}
	if got := judge([]Summary{of("single", "A", 100), of("many", "B", 150)}); len(got) != 0 {
		t.Errorf("B's many is compared to A's single: %+v", got)
	}
	if got := judge([]Summary{of("single", "", 0), of("many", "", 150)}); len(got) != 0 {
		t.Errorf("a ratio to nothing: %+v", got)
	}
}

// Values are written in the unit of their figure, ratios without one.
func TestVerdictsAreRows(t *testing.T) {
	for _, c := range []struct {
		verdict Verdict
		want    []string
	}{
		{
			Verdict{Key: Key{Scenario: "backlog"}, What: "peak MiB", Value: 714 << 20, Bound: 768 << 20, Met: true, figure: PeakMemory},
			[]string{"backlog", "peak MiB", "714", "≤ 768", "met"},
		},
		{
			Verdict{Key: Key{Scenario: "many"}, What: "delivered/s to that of single", Value: 0.888, Bound: 0.9, AtLeast: true, figure: DeliveredPerSecond, ratio: true},
			[]string{"many", "delivered/s to that of single", "0.89", "≥ 0.90", "not met"},
		},
		{
			Verdict{Key: Key{Scenario: "registered", Binary: "B"}, What: "bytes per endpoint", Value: 1024, Bound: 1024, Met: true, figure: MemoryEach},
			[]string{"registered (B)", "bytes per endpoint", "1,024", "≤ 1,024", "met"},
		},
	} {
		if got := c.verdict.row(); !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Every goal is of a figure that tables can write, and has a bound that can be met.
func TestGoalsCanBeJudged(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range Goals() {
		name := g.Of.String() + " " + string(g.figure)
		if seen[name] {
			t.Errorf("two goals for %s", name)
		}
		seen[name] = true
		if g.bound <= 0 || g.figure.title() == string(g.figure) || g.Of.Binary != "" {
			t.Errorf("%+v", g)
		}
		if g.To != nil && *g.To == g.Of {
			t.Errorf("%s is compared to itself", name)
		}
	}
}

// A saturated server meets its goals variant by variant: one in which deliveries fell behind,
// arrived late or stood still is missed, whatever the others did.
func TestSaturationIsJudgedByVariant(t *testing.T) {
	of := func(variant string, figure Figure, value float64) Summary {
		return Summary{Key: Key{Scenario: "saturation", Variant: variant}, Figures: map[Figure]Spread{figure: {value, value, value}}}
	}
	one, ten := Saturation(1, 64), Saturation(10, 512)
	for _, c := range []struct {
		reason string
		seen   Summary
		met    bool
	}{
		{"all was delivered", of(one, LeastDelivered, 0.98), true},
		{"deliveries fell behind", of(one, LeastDelivered, 0.97), false},
		{"late, but in time", of(ten, ReceiptP99, 100), true},
		{"too late", of(ten, ReceiptP99, 101), false},
		{"never idle", of(ten, BusyLooks, 1), true},
		{"idle once", of(ten, BusyLooks, 0.999), false},
	} {
		verdicts := judge([]Summary{c.seen})
		if len(verdicts) != 1 || verdicts[0].Met != c.met {
			t.Errorf("%s: %+v", c.reason, verdicts)
		}
	}
}
