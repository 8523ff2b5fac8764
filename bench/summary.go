package main

import "slices"

// spread is what repetitions gave for one figure.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// spreadOf sums values up; there must be one at least. The median of an even
// number of them is the mean of the two in the middle.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// summary is what all repetitions of a measurement gave.
type summary struct {
	key
	settings
	// Runs counts the repetitions, Broken those whose figures are left out because
	// something was lost, duplicated or corrupted.
	Runs    int                `json:"runs"`
	Broken  int                `json:"broken"`
	Total   account            `json:"total"`
	Figures map[figure]spread  `json:"figures"`
	Curves  map[string][]point `json:"-"` // those of the first run
}

// summarize groups results by what was measured, in the order in which they came.
func summarize(results []result) []summary {
	var summaries []summary
	index := map[key]int{}
	values := map[key]map[figure][]float64{}
	for _, r := range results {
		i, ok := index[r.key]
		if !ok {
			i = len(summaries)
			index[r.key] = i
			values[r.key] = map[figure][]float64{}
			summaries = append(summaries, summary{key: r.key, settings: r.settings, Curves: r.Curves})
		}
		s := &summaries[i]
		s.Runs++
		s.Total = s.Total.add(r.account)
		if r.broken() {
			s.Broken++
			continue
		}
		for f, v := range r.Figures {
			values[r.key][f] = append(values[r.key][f], v)
		}
	}
	for i := range summaries {
		s := &summaries[i]
		s.Figures = map[figure]spread{}
		for f, v := range values[s.key] {
			s.Figures[f] = spreadOf(v)
		}
	}
	return summaries
}

// find gives the median of a figure; false if it was not measured.
func find(summaries []summary, k key, f figure) (float64, bool) {
	for _, s := range summaries {
		if s.key == k {
			value, ok := s.Figures[f]
			return value.Median, ok
		}
	}
	return 0, false
}

// pair is by what factor B differs from A in one figure.
type pair struct {
	key
	Figure figure `json:"figure"`
	// Ratio is B's value to A's, of runs in the same repetition.
	Ratio spread `json:"ratio"`
}

// paired are the figures that paired runs compare.
var paired = []figure{deliveredPS, serverCPU, peakAnon, answerP99, receiptP99}

// pairs compares the runs of A with those of B, repetition by repetition.
func pairs(results []result) []pair {
	type run struct {
		key
		repetition int
	}
	a := map[run]result{}
	for _, r := range results {
		if r.Binary == "A" && !r.broken() {
			a[run{key{r.Scenario, r.Variant, ""}, r.Repetition}] = r
		}
	}
	type column struct {
		key
		figure
	}
	ratios := map[column][]float64{}
	var order []column
	for _, r := range results {
		k := key{r.Scenario, r.Variant, ""}
		base, ok := a[run{k, r.Repetition}]
		if r.Binary != "B" || r.broken() || !ok {
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
	var out []pair
	for _, c := range order {
		out = append(out, pair{c.key, c.figure, spreadOf(ratios[c])})
	}
	return out
}
