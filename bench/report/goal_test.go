package report

import "testing"

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
