package main

import (
	"testing"

	"github.com/corpastro/astrohook/bench/report"
)

// Every goal is of a scenario that exists.
func TestGoalsNameScenarios(t *testing.T) {
	known := map[string]bool{}
	for _, s := range scenarios() {
		known[s.Name] = true
	}
	for _, g := range report.Goals() {
		if !known[g.Of.Scenario] || g.To != nil && !known[g.To.Scenario] {
			t.Errorf("%+v", g)
		}
	}
}
