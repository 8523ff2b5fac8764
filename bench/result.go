package main

// key tells what was measured from what else was.
type key struct {
	Scenario string `json:"scenario"`
	// Variant tells the parts of one scenario apart; "" for the main one.
	Variant string `json:"variant,omitempty"`
	// Binary is A or B in paired runs.
	Binary string `json:"binary,omitempty"`
}

// settings are what a result was measured with.
type settings struct {
	Connections int     `json:"connections"`
	Batch       int     `json:"batch"`
	Payload     int     `json:"payload_bytes"`
	Endpoints   int     `json:"endpoints"`
	Rate        float64 `json:"events_per_second,omitempty"`
	// Axis names the setting that the results of a curve differ in, Curve the curve,
	// and X is where on it this result is.
	Axis  string  `json:"axis,omitempty"`
	Curve string  `json:"curve,omitempty"`
	X     float64 `json:"x,omitempty"`
}

// account is what became of the events of a run.
type account struct {
	Published    uint64 `json:"published"`
	Acknowledged uint64 `json:"acknowledged"`
	// Unknown events got no answer.
	Unknown int `json:"unknown"`
	// Refused counts answers that asked to come again later.
	Refused uint64 `json:"refused"`
	// Expected is how many deliveries the acknowledged events call for.
	Expected   uint64 `json:"expected"`
	Delivered  uint64 `json:"delivered"`
	Lost       uint64 `json:"lost"`
	Duplicated uint64 `json:"duplicated"`
	Corrupted  uint64 `json:"corrupted"`
	Foreign    uint64 `json:"foreign"`
	Sampled    uint64 `json:"signatures_checked"`
	Unsigned   uint64 `json:"signatures_wrong"`
}

// broken tells whether a promise was broken: such a run is no result.
func (a account) broken() bool {
	return a.Lost+a.Duplicated+a.Corrupted+a.Foreign+a.Unsigned > 0 || a.Delivered == 0
}

// add counts another run's events to these.
func (a account) add(b account) account {
	a.Published += b.Published
	a.Acknowledged += b.Acknowledged
	a.Unknown += b.Unknown
	a.Refused += b.Refused
	a.Expected += b.Expected
	a.Delivered += b.Delivered
	a.Lost += b.Lost
	a.Duplicated += b.Duplicated
	a.Corrupted += b.Corrupted
	a.Foreign += b.Foreign
	a.Sampled += b.Sampled
	a.Unsigned += b.Unsigned
	return a
}

// point is a place on a curve over time: X is in seconds.
type point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// result is what one run gave.
type result struct {
	key
	Repetition int `json:"repetition"`
	settings
	account
	Figures map[figure]float64 `json:"figures"`
	// Curves are what changed during the run, by name.
	Curves map[string][]point `json:"curves,omitempty"`
}

// newResult sums a run up.
func newResult(s scenario, p published, a audit) result {
	r := result{key: key{Scenario: s.Name, Variant: s.Variant}, settings: s.settings}
	e := s.expectation()
	r.account = account{
		Published: p.issued, Acknowledged: p.acknowledged, Unknown: len(p.unknown), Refused: p.refused,
		Expected: e.deliveries(p.acknowledged), Delivered: a.Distinct,
		Lost: a.Lost, Duplicated: a.Duplicates, Corrupted: a.Corrupt, Foreign: a.Foreign, Sampled: a.Sampled, Unsigned: a.Unsigned,
	}
	r.set(publishedPS, float64(p.acknowledged)/p.elapsed.Seconds())
	r.set(answerP50, p.answers.P50)
	r.set(answerP99, p.answers.P99)
	r.set(answerP999, p.answers.P999)
	r.set(receiptP50, a.Latency.P50)
	r.set(receiptP99, a.Latency.P99)
	r.set(receiptP999, a.Latency.P999)
	r.set(receiptMax, a.Latency.Max)
	return r
}

// curve adds a point to one of the result's curves.
func (r *result) curve(name string, points []point) {
	if len(points) < 2 {
		return
	}
	if r.Curves == nil {
		r.Curves = map[string][]point{}
	}
	r.Curves[name] = points
}

// compareToBare sets the ratio of each result to the bare one in its repetition; of
// those that differ in the payload, to the one with the same.
func compareToBare(results []result) {
	type run struct{ repetition, payload int }
	bare := map[run]float64{} // the main one has the payload 0
	for _, r := range results {
		switch {
		case r.Scenario == bareName && r.Variant == "":
			bare[run{r.Repetition, 0}] = r.Figures[deliveredPS]
		case r.Scenario == bareName:
			bare[run{r.Repetition, r.Payload}] = r.Figures[deliveredPS]
		}
	}
	for i := range results {
		r := &results[i]
		limit := bare[run{r.Repetition, 0}]
		if r.Axis == payloadAxis {
			limit = bare[run{r.Repetition, r.Payload}]
		}
		if rate, ok := r.Figures[deliveredPS]; ok && limit > 0 {
			r.set(toBare, rate/limit)
		}
	}
}
