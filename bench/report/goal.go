package report

import "fmt"

// Goal is a bound for a figure. A figure beyond it does not fail the run: figures depend
// on the machine, and only broken promises are errors.
type Goal struct {
	// Of is what was measured.
	Of     Key
	figure Figure
	// To, unless nil, makes this a goal for the ratio to the same figure of To.
	To *Key
	// atLeast: the bound is the least value, not the largest.
	atLeast bool
	bound   float64
}

// Goals returns the goals of the bench. A goal that names bare means bare on the same
// machine at the same moment. "As with 1,000 endpoints" means at most 1.5 times as much,
// "flat" and "no drift" at most 1.25 times: repetitions differ as much by themselves.
func Goals() []Goal {
	of := func(scenario string, variant ...string) Key {
		k := Key{Scenario: scenario}
		if len(variant) > 0 {
			k.Variant = variant[0]
		}
		return k
	}
	single, healthy, few := of("single"), of("isolation", AllHealthy), of("registered", FewIdle)
	calm, busy := of("watched", LatencyAlone), of("watched", SingleAlone)
	fanOut, one, alone := of("fan-out"), of("scaling", "endpoints 1"), of("cluster", Nodes(1))
	goals := []Goal{
		// Throughput, to what the machine allows, and its price.
		{Of: single, figure: ToBare, atLeast: true, bound: 0.35},
		{Of: single, figure: ServerCPU, bound: 0.035},
		{Of: of("batch"), figure: ToBare, atLeast: true, bound: 0.55},
		{Of: of("batch"), figure: ServerCPU, bound: 0.028},
		{Of: of("fan-out"), figure: ToBare, atLeast: true, bound: 0.60},
		{Of: of("many"), figure: DeliveredPerSecond, To: &single, atLeast: true, bound: 0.9},
		// An event is received before a person notices, and nobody pays for others.
		{Of: of("latency"), figure: ReceiptP50, bound: 1},
		{Of: of("latency"), figure: ReceiptP99, bound: 5},
		{Of: of("isolation"), figure: ReceiptP99, To: &healthy, bound: 1.5},
		{Of: of("watched", LatencyWatched), figure: ReceiptP99, To: &calm, bound: 1.1},
		{Of: of("watched"), figure: ReceiptP99, To: &busy, bound: 1.1},
		// Cost grows neither with endpoints nor with what waits.
		{Of: of("scaling", "endpoints 100,000"), figure: ServerCPU, To: &one, bound: 1.25},
		// Nor does it with nodes, of which any may own the endpoint.
		{Of: of("cluster", Nodes(4)), figure: StoredCPU, To: &alone, bound: 1.1},
		{Of: of("cluster", ThroughOne(1)), figure: ReceiptP50, bound: 2},
		{Of: of("cluster", ThroughOne(1)), figure: ReceiptP99, bound: 8},
		{Of: of("cluster", ThroughOne(4)), figure: ReceiptP50, bound: 2.5},
		{Of: of("cluster", ThroughOne(4)), figure: ReceiptP99, bound: 8.5},
		{Of: of("herd"), figure: HerdPeak, bound: 3},
		{Of: of("backlog"), figure: ReadyIn, bound: 2},
		{Of: of("backlog"), figure: FirstDelivery, bound: 2},
		{Of: of("backlog"), figure: PeakMemory, bound: 768 * Mebibyte},
		{Of: of("backlog"), figure: ServerCPU, To: &fanOut, bound: 1.25},
		{Of: of("registered"), figure: MemoryEach, bound: 1024},
		{Of: of("registered"), figure: ReadyIn, bound: 15},
		{Of: of("registered"), figure: AnswerP99, To: &few, bound: 1.5},
		// What holds for ten seconds holds for ten minutes.
		{Of: of("sustained"), figure: P50Drift, bound: 1.25},
		{Of: of("sustained"), figure: P99Drift, bound: 1.25},
		{Of: of("sustained"), figure: MemoryDrift, bound: 1.25},
	}
	return append(goals, saturationGoals()...)
}

// saturationGoals hold for each variant: deliveries keep up with publishers that never
// wait, and never stand still while something waits.
func saturationGoals() (goals []Goal) {
	for _, endpoints := range []int{1, 10} {
		for _, connections := range []int{64, 256, 512} {
			of := Key{Scenario: "saturation", Variant: Saturation(endpoints, connections)}
			goals = append(goals,
				Goal{Of: of, figure: LeastDelivered, atLeast: true, bound: 0.98},
				Goal{Of: of, figure: ReceiptP99, bound: 100},
				Goal{Of: of, figure: BusyLooks, atLeast: true, bound: 1})
		}
	}
	return goals
}

// Verdict is whether a goal was met.
type Verdict struct {
	Key
	What  string  `json:"what"`
	Value float64 `json:"value"`
	// Bound is what Value must be at least, if AtLeast, or at most.
	Bound   float64 `json:"bound"`
	AtLeast bool    `json:"at_least"`
	Met     bool    `json:"met"`
	// figure and ratio say how Value and Bound are written: a ratio has no unit.
	figure Figure
	ratio  bool
}

// judge compares the medians with the goals, for each binary by itself. It leaves out
// what was not measured.
func judge(summaries []Summary) []Verdict {
	var verdicts []Verdict
	for _, binary := range []string{"", "A", "B"} {
		for _, g := range Goals() {
			if v, ok := g.judge(summaries, binary); ok {
				verdicts = append(verdicts, v)
			}
		}
	}
	return verdicts
}

// judge returns false if the figure was not measured, or what it is compared to was not.
func (g Goal) judge(summaries []Summary, binary string) (Verdict, bool) {
	k := g.Of
	k.Binary = binary
	value, ok := find(summaries, k, g.figure)
	v := Verdict{Key: k, What: g.figure.title(), Value: value, Bound: g.bound, AtLeast: g.atLeast, figure: g.figure}
	if g.To != nil {
		base := *g.To
		base.Binary = binary
		than, measured := find(summaries, base, g.figure)
		if !measured || than == 0 {
			return Verdict{}, false
		}
		v.What = fmt.Sprintf("%s to that of %s", v.What, *g.To)
		v.Value, v.ratio = value/than, true
	}
	v.Met = v.Value >= g.bound
	if !g.atLeast {
		v.Met = v.Value <= g.bound
	}
	return v, ok
}

// row returns the verdict's cells: scenario, figure, value, bound, outcome.
func (v Verdict) row() []string {
	format := v.figure.format
	if v.ratio {
		format = func(value float64) string { return FormatNumber(value, 2) }
	}
	sign, outcome := "≤", "met"
	if v.AtLeast {
		sign = "≥"
	}
	if !v.Met {
		outcome = "not met"
	}
	return []string{v.Key.String(), v.What, format(v.Value), sign + " " + format(v.Bound), outcome}
}
