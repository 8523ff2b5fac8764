package report

// compareToBare sets the ratio of each result to the bare one in its repetition, because
// the speed of a shared machine changes from one to the next. Results that differ in
// the payload are compared to the bare one with the same payload.
func compareToBare(results []Result) {
	type run struct{ repetition, payload int }
	bare := map[run]float64{} // the main one has the payload 0
	for _, r := range results {
		switch {
		case r.Scenario == Bare && r.Variant == "":
			bare[run{r.Repetition, 0}] = r.Figures[DeliveredPerSecond]
		case r.Scenario == Bare:
			bare[run{r.Repetition, r.Payload}] = r.Figures[DeliveredPerSecond]
		}
	}
	for i := range results {
		r := &results[i]
		limit := bare[run{r.Repetition, 0}]
		if r.Axis == PayloadAxis {
			limit = bare[run{r.Repetition, r.Payload}]
		}
		if rate, ok := r.Figures[DeliveredPerSecond]; ok && limit > 0 {
			r.Set(ToBare, rate/limit)
		}
	}
}

// Pair is the factor by which B differs from A in one figure.
type Pair struct {
	Key
	Figure Figure `json:"figure"`
	// Ratio is B's value to A's, of runs in the same repetition.
	Ratio Spread `json:"ratio"`
}

// paired are the figures that paired runs compare: what a change is made for, and the
// prices at which it may come.
var paired = []Figure{DeliveredPerSecond, ServerCPU, StoredCPU, PeakAnon, AnswerP99, ReceiptP99}

// pairOf names the two runs, of A and of B, that are compared: their Key has no Binary.
type pairOf struct {
	Key
	repetition int
}

// pairFor returns the pair that a run of A or B belongs to.
func pairFor(r Result) pairOf { return pairOf{Key{r.Scenario, r.Variant, ""}, r.Repetition} }

// pairs compares the runs of B with those of A, repetition by repetition. A run that
// broke a promise or has no partner is left out.
func pairs(results []Result) []Pair {
	a := map[pairOf]Result{}
	for _, r := range results {
		if r.Binary == "A" && !r.Broken() {
			a[pairFor(r)] = r
		}
	}
	type column struct {
		Key
		Figure
	}
	ratios := map[column][]float64{}
	var order []column
	for _, r := range results {
		base, ok := a[pairFor(r)]
		if r.Binary != "B" || r.Broken() || !ok {
			continue
		}
		for _, f := range paired {
			from, to := base.Figures[f], r.Figures[f]
			if from <= 0 || to <= 0 {
				continue
			}
			c := column{pairFor(r).Key, f}
			if ratios[c] == nil {
				order = append(order, c)
			}
			ratios[c] = append(ratios[c], to/from)
		}
	}
	out := make([]Pair, len(order))
	for i, c := range order {
		out[i] = Pair{c.Key, c.Figure, SpreadOf(ratios[c])}
	}
	return out
}
