package main

import "fmt"

// goal is a bound that a figure is held against. A figure beyond it does not
// fail the run.
type goal struct {
	of     key
	figure figure
	// to, unless nil, makes the goal one for the ratio to the same figure there.
	to *key
	// atLeast: the bound is the least value, not the largest.
	atLeast bool
	bound   float64
}

// goals are the bench's: where they speak of bare, of the same machine at the
// same moment. What is to be "as with 1,000" is read as at
// most 1.5 times, "flat" and "no drift" as at most 1.25 times: as much as
// repetitions differ by themselves.
func goals() []goal {
	of := func(scenario string, variant ...string) key {
		k := key{Scenario: scenario}
		if len(variant) > 0 {
			k.Variant = variant[0]
		}
		return k
	}
	single, healthy, few := of("single"), of("isolation", allHealthy), of("registered", fewIdle)
	fanOut, one := of("fan-out"), of("scaling", "endpoints 1")
	return []goal{
		{of: single, figure: toBare, atLeast: true, bound: 0.35},
		{of: single, figure: serverCPU, bound: 0.035},
		{of: of("batch"), figure: toBare, atLeast: true, bound: 0.55},
		{of: of("batch"), figure: serverCPU, bound: 0.028},
		{of: of("fan-out"), figure: toBare, atLeast: true, bound: 0.60},
		{of: of("many"), figure: deliveredPS, to: &single, atLeast: true, bound: 0.9},
		{of: of("latency"), figure: receiptP50, bound: 1},
		{of: of("latency"), figure: receiptP99, bound: 5},
		{of: of("isolation"), figure: receiptP99, to: &healthy, bound: 1.5},
		{of: of("scaling", "endpoints 100,000"), figure: serverCPU, to: &one, bound: 1.25},
		{of: of("herd"), figure: herdPeak, bound: 3},
		{of: of("backlog"), figure: readyIn, bound: 2},
		{of: of("backlog"), figure: firstDelivery, bound: 2},
		{of: of("backlog"), figure: peakMemory, bound: 768 * mebibyte},
		{of: of("backlog"), figure: serverCPU, to: &fanOut, bound: 1.25},
		{of: of("registered"), figure: memoryEach, bound: 1024},
		{of: of("registered"), figure: readyIn, bound: 15},
		{of: of("registered"), figure: answerP99, to: &few, bound: 1.5},
		{of: of("sustained"), figure: p50Drift, bound: 1.25},
		{of: of("sustained"), figure: p99Drift, bound: 1.25},
		{of: of("sustained"), figure: memoryDrift, bound: 1.25},
	}
}

// verdict is how a goal fared.
type verdict struct {
	key
	What  string  `json:"what"`
	Value float64 `json:"value"`
	// Bound is what Value must be at least, if AtLeast, or at most.
	Bound   float64 `json:"bound"`
	AtLeast bool    `json:"at_least"`
	Met     bool    `json:"met"`
	figure  figure
	ratio   bool
}

// judge holds the medians against the goals; what was not measured is left out.
func judge(summaries []summary) []verdict {
	var verdicts []verdict
	for _, binary := range []string{"", "A", "B"} {
		for _, g := range goals() {
			if v, ok := g.judge(summaries, binary); ok {
				verdicts = append(verdicts, v)
			}
		}
	}
	return verdicts
}

func (g goal) judge(summaries []summary, binary string) (verdict, bool) {
	k := g.of
	k.Binary = binary
	value, ok := find(summaries, k, g.figure)
	v := verdict{key: k, What: g.figure.title(), Value: value, Bound: g.bound, AtLeast: g.atLeast, figure: g.figure}
	if g.to != nil {
		base := *g.to
		base.Binary = binary
		than, measured := find(summaries, base, g.figure)
		if !measured || than == 0 {
			return verdict{}, false
		}
		v.What = fmt.Sprintf("%s to that of %s", v.What, *g.to)
		v.Value, v.ratio = value/than, true
	}
	v.Met = v.Value >= g.bound
	if !g.atLeast {
		v.Met = v.Value <= g.bound
	}
	return v, ok
}

// row gives the verdict's cells: who, what, value, bound, outcome.
func (v verdict) row() []string {
	format := v.figure.format
	if v.ratio {
		format = func(value float64) string { return formatNumber(value, 2) }
	}
	sign, outcome := "≤", "met"
	if v.AtLeast {
		sign = "≥"
	}
	if !v.Met {
		outcome = "not met"
	}
	return []string{v.key.String(), v.What, format(v.Value), sign + " " + format(v.Bound), outcome}
}
