package report

// What the report itself must know by name: bare, which the others are compared to,
// the variants that goals compare with, and the axes that curves are drawn over.
const (
	Bare       = "bare"
	AllHealthy = "all healthy"
	FewIdle    = "with 1,000 idle endpoints"

	ConnectionsAxis = "connections"
	EndpointsAxis   = "endpoints"
	// PayloadAxis is that of results that differ in the bytes of data, coresAxis in GOMAXPROCS.
	PayloadAxis = "payload"
	CoresAxis   = "cores"
)

// Key tells what was measured from what else was.
type Key struct {
	Scenario string `json:"scenario"`
	// Variant tells the parts of one scenario apart; "" for the main one.
	Variant string `json:"variant,omitempty"`
	// Binary is A or B in paired runs.
	Binary string `json:"binary,omitempty"`
}

// Settings are what a result was measured with.
type Settings struct {
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

// Account is what became of the events of a run.
type Account struct {
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

// Broken tells whether a promise was broken: such a run is no result.
func (a Account) Broken() bool {
	return a.Lost+a.Duplicated+a.Corrupted+a.Foreign+a.Unsigned > 0 || a.Delivered == 0
}

// add counts another run's events to these.
func (a Account) add(b Account) Account {
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

// Point is a place on a curve over time: X is in seconds.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Result is what one run gave.
type Result struct {
	Key
	Repetition int `json:"repetition"`
	Settings
	Account
	Figures map[Figure]float64 `json:"figures"`
	// Curves are what changed during the run, by name.
	Curves map[string][]Point `json:"curves,omitempty"`
}

// SetCurve adds a point to one of the result's curves.
func (r *Result) SetCurve(name string, points []Point) {
	if len(points) < 2 {
		return
	}
	if r.Curves == nil {
		r.Curves = map[string][]Point{}
	}
	r.Curves[name] = points
}

// compareToBare sets the ratio of each result to the bare one in its repetition; of
// those that differ in the payload, to the one with the same.
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
