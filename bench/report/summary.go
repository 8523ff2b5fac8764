package report

import "slices"

// Spread is the values of one figure in several repetitions.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// SpreadOf sums up values, of which there must be one at least. The median of an even
// number of values is the mean of the two in the middle.
func SpreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// Summary is the outcome of all repetitions of a measurement.
type Summary struct {
	Key
	Settings
	// Runs counts the repetitions, Broken those whose figures are left out because
	// something was lost, duplicated or corrupted.
	Runs    int                `json:"runs"`
	Broken  int                `json:"broken"`
	Total   Account            `json:"total"`
	Figures map[Figure]Spread  `json:"figures"`
	Curves  map[string][]Point `json:"-"` // of the first run: curves over time have no median
}

// summarize groups results by what was measured, in the order in which they came. A
// broken run counts in the account, and its figures do not.
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

// find returns the median of a figure, or false if it was not measured.
func find(summaries []Summary, k Key, f Figure) (float64, bool) {
	for _, s := range summaries {
		if s.Key == k {
			value, ok := s.Figures[f]
			return value.Median, ok
		}
	}
	return 0, false
}
