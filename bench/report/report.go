// Package report turns the results of runs into what people read: medians, goals,
// comparisons, tables and charts.
//
// What belongs here: the figures and their units, the goals, what is worked out from
// the results of repetitions, how all that is written, and the machine that it was
// measured on. What does not: how a figure is measured. It imports nothing of the
// bench, so that an old results.json can be read without running anything.
package report

import (
	"slices"
	"time"
)

// Report is all that a run of the bench found; it is what results.json holds.
type Report struct {
	Begun   time.Time `json:"begun"`
	Commit  string    `json:"commit"`
	Machine Machine   `json:"machine"`
	// Arguments are those of the bench, without the token.
	Arguments []string `json:"arguments"`
	// Goals, Summaries and Pairs follow from Results; Conclude sets them.
	Goals     []Verdict `json:"goals"`
	Summaries []Summary `json:"summaries"`
	Pairs     []Pair    `json:"pairs,omitempty"`
	Results   []Result  `json:"results"`
}

// Conclude works out all that follows from the results. It can be called again, on a
// report that was read from a file.
func (r *Report) Conclude() {
	compareToBare(r.Results)
	r.Summaries = summarize(r.Results)
	r.Goals = judge(r.Summaries)
	r.Pairs = pairs(r.Results)
}

// Broken reports whether any run broke a promise.
func (r *Report) Broken() bool {
	return slices.ContainsFunc(r.Results, func(r Result) bool { return r.Broken() })
}
