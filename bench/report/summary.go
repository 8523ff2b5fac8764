package report

import "slices"

// Spread is what repetitions gave for one figure.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// SpreadOf sums values up; there must be one at least. The median of an even
// number of them is the mean of the two in the middle.
func SpreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// Summary is what all repetitions of a measurement gave.
type Summary struct {
	Key
	Settings
	// Runs counts the repetitions, Broken those whose figures are left out because
	// something was lost, duplicated or corrupted.
	Runs    int                `json:"runs"`
	Broken  int                `json:"broken"`
	Total   Account            `json:"total"`
	Figures map[Figure]Spread  `json:"figures"`
	Curves  map[string][]Point `json:"-"` // those of the first run
}

// summarize groups results by what was measured, in the order in which they came.
func summarize(results []Result) []Summary {
	var summaries []Summary
	index := map[Key]int{}
	values := map[Key]map[Figure][]float64{}
	for _, r := range results {
		i, ok := index[r.Key]
		if !ok {
			i = len(summaries)
			index[r.Key] = i
			values[r.Key] = map[Figure][]float64{}
			summaries = append(summaries, Summary{Key: r.Key, Settings: r.Settings, Curves: r.Curves})
		}
		s := &summaries[i]
		s.Runs++
		s.Total = s.Total.add(r.Account)
		if r.Broken() {
			s.Broken++
			continue
		}
		for f, v := range r.Figures {
			values[r.Key][f] = append(values[r.Key][f], v)
		}
	}
	for i := range summaries {
		s := &summaries[i]
		s.Figures = map[Figure]Spread{}
		for f, v := range values[s.Key] {
			s.Figures[f] = SpreadOf(v)
		}
	}
	return summaries
}

// find gives the median of a figure; false if it was not measured.
func find(summaries []Summary, k Key, f Figure) (float64, bool) {
	for _, s := range summaries {
		if s.Key == k {
			value, ok := s.Figures[f]
			return value.Median, ok
		}
	}
	return 0, false
}

// Pair is by what factor B differs from A in one figure.
type Pair struct {
	Key
	Figure Figure `json:"figure"`
	// Ratio is B's value to A's, of runs in the same repetition.
	Ratio Spread `json:"ratio"`
}

// paired are the figures that paired runs compare.
var paired = []Figure{DeliveredPerSecond, ServerCPU, PeakAnon, AnswerP99, ReceiptP99}

// pairs compares the runs of A with those of B, repetition by repetition.
func pairs(results []Result) []Pair {
	type run struct {
		Key
		repetition int
	}
	a := map[run]Result{}
	for _, r := range results {
		if r.Binary == "A" && !r.Broken() {
			a[run{Key{r.Scenario, r.Variant, ""}, r.Repetition}] = r
		}
	}
	type column struct {
		Key
		Figure
	}
	ratios := map[column][]float64{}
	var order []column
	for _, r := range results {
		k := Key{r.Scenario, r.Variant, ""}
		base, ok := a[run{k, r.Repetition}]
		if r.Binary != "B" || r.Broken() || !ok {
			continue
		}
		for _, f := range paired {
			from, to := base.Figures[f], r.Figures[f]
			if from <= 0 || to <= 0 {
				continue
			}
			c := column{k, f}
			if ratios[c] == nil {
				order = append(order, c)
			}
			ratios[c] = append(ratios[c], to/from)
		}
	}
	var out []Pair
	for _, c := range order {
		out = append(out, Pair{c.Key, c.Figure, SpreadOf(ratios[c])})
	}
	return out
}
