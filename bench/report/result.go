package report

import (
	"fmt"
	"math"
)

// Names that the report itself must know: bare, to which it compares the others, the
// variants that goals compare with, and the axes over which it draws curves.
const (
	Bare       = "bare"
	AllHealthy = "all healthy"
	FewIdle    = "with 1,000 idle endpoints"

	// The variants of watched; without a name it is single beside a console and streams.
	SingleAlone    = "single, alone"
	LatencyAlone   = "latency, alone"
	LatencyWatched = "latency, watched"

	ConnectionsAxis = "connections"
	EndpointsAxis   = "endpoints"
	// PayloadAxis is the axis of results that differ in the bytes of data, CoresAxis of
	// those that differ in GOMAXPROCS.
	PayloadAxis = "payload"
	CoresAxis   = "cores"
)

// Saturation names a variant of the scenario saturation.
func Saturation(endpoints, connections int) string {
	return fmt.Sprintf("endpoints %d, connections %d", endpoints, connections)
}

// Nodes and ThroughOne name variants of the scenario cluster.
func Nodes(n int) string { return fmt.Sprintf("nodes %d", n) }

// ThroughOne is a low rate that is published through the first of n nodes.
func ThroughOne(n int) string { return fmt.Sprintf("nodes %d, 100/s through one", n) }

// Key names what was measured. Results with the same key are repetitions.
type Key struct {
	Scenario string `json:"scenario"`
	// Variant names a part of a scenario; "" is the main one.
	Variant string `json:"variant,omitempty"`
	// Binary is A or B in paired runs.
	Binary string `json:"binary,omitempty"`
}

// String writes the key as tables show it.
func (k Key) String() string {
	name := k.Scenario
	if k.Variant != "" {
		name += ", " + k.Variant
	}
	if k.Binary != "" {
		name = fmt.Sprintf("%s (%s)", name, k.Binary)
	}
	return name
}

// Settings are the sizes with which a result was measured.
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
	// Unknown events got no answer: they may arrive or not, and neither is a fault.
	Unknown int `json:"unknown"`
	// Refused counts answers that asked to come again later.
	Refused uint64 `json:"refused"`
	// Expected is how many deliveries the acknowledged events call for.
	Expected   uint64 `json:"expected"`
	Delivered  uint64 `json:"delivered"`
	Lost       uint64 `json:"lost"`
	Duplicated uint64 `json:"duplicated"`
	Corrupted  uint64 `json:"corrupted"`
	// Foreign deliveries belong to another run, or came to an endpoint that is not theirs.
	Foreign uint64 `json:"foreign"`
	// Sampled deliveries had their signatures checked, and Unsigned ones failed the check.
	Sampled  uint64 `json:"signatures_checked"`
	Unsigned uint64 `json:"signatures_wrong"`
}

// Broken reports whether a promise was broken. Such a run is no result: a server that
// loses deliveries is fast.
func (a Account) Broken() bool {
	return a.Lost+a.Duplicated+a.Corrupted+a.Foreign+a.Unsigned > 0 || a.Delivered == 0
}

// add returns the sum of two accounts.
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

// Result is the outcome of one run.
type Result struct {
	Key
	Repetition int `json:"repetition"`
	Settings
	Account
	Figures map[Figure]float64 `json:"figures"`
	// Curves are what changed during the run, by name.
	Curves map[string][]Point `json:"curves,omitempty"`
}

// Set notes a figure, unless the value is no number: a ratio to nothing is none, and
// JSON has no way to write it.
func (r *Result) Set(f Figure, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	if r.Figures == nil {
		r.Figures = map[Figure]float64{}
	}
	r.Figures[f] = value
}

// SetCurve notes a curve. One point is no curve: such a run was too short for it.
func (r *Result) SetCurve(name string, points []Point) {
	if len(points) < 2 {
		return
	}
	if r.Curves == nil {
		r.Curves = map[string][]Point{}
	}
	r.Curves[name] = points
}
