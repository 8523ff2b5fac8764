package receiver

import (
	"time"

	"github.com/corpastro/astrohook/bench/latency"
)

// Expectation describes a run to the receiver before it begins.
type Expectation struct {
	// Run names the run: deliveries of any other are foreign.
	Run uint32 `json:"run"`
	// Endpoints is how many there are.
	Endpoints uint64 `json:"endpoints"`
	// FanOut: each event goes to every endpoint. Otherwise the event seq goes to
	// the endpoint seq mod Endpoints alone.
	FanOut bool `json:"fan_out"`
	// BlackHoles is how many endpoints, from 0, take requests and never answer: no delivery
	// to them is expected.
	BlackHoles uint64 `json:"black_holes"`
	// Secret is the key of the signatures on every SampleEvery-th delivery; "" leaves them
	// unchecked. A check costs two hashes of the body.
	Secret      string `json:"secret"`
	SampleEvery uint64 `json:"sample_every"`
}

// Deliveries returns how many deliveries so many events call for.
func (e Expectation) Deliveries(events uint64) uint64 {
	if e.FanOut {
		return events * (e.Endpoints - e.BlackHoles)
	}
	rounds, rest := events/e.Endpoints, events%e.Endpoints
	return rounds*(e.Endpoints-e.BlackHoles) + rest - min(rest, e.BlackHoles)
}

// perEvent returns how many places in the ledger an event has.
func (e Expectation) perEvent() uint64 {
	if e.FanOut {
		return e.Endpoints
	}
	return 1
}

// excused reports whether a place in the ledger is a black hole's. In a fan-out the
// remainder is the endpoint by the layout of the ledger, otherwise by the choice of the
// event's endpoint.
func (e Expectation) excused(n uint64) bool { return n%e.Endpoints < e.BlackHoles }

// Counts is how far a run has come.
type Counts struct {
	Distinct   uint64 `json:"distinct"`
	Duplicates uint64 `json:"duplicates"`
	// Corrupt are deliveries whose body is not what was published.
	Corrupt uint64 `json:"corrupt"`
	// Foreign are deliveries of another run, or to an endpoint that is not theirs.
	Foreign uint64 `json:"foreign"`
	// Sampled are those whose signatures were checked, Unsigned those that failed it.
	Sampled  uint64    `json:"sampled"`
	Unsigned uint64    `json:"unsigned"`
	FirstAt  time.Time `json:"first_at"`
	LastAt   time.Time `json:"last_at"`
}

// AuditRequest says how many events were published, and for which of them the server
// never answered.
type AuditRequest struct {
	Issued  uint64   `json:"issued"`
	Unknown []uint64 `json:"unknown"`
}

// Audit is the final account of a run.
type Audit struct {
	Counts
	// Lost counts the acknowledged deliveries that did not arrive.
	Lost    uint64          `json:"lost"`
	Latency latency.Summary `json:"latency"`
	// Seconds are the arrivals in each second since Begin, up to the last one with any.
	Begin   time.Time `json:"begin"`
	Seconds []uint32  `json:"seconds"`
}
