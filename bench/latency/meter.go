// Package latency collects durations from many goroutines and sums them up.
//
// What belongs here: histograms and their quantiles. What does not: when a duration
// begins and ends, which loadgen decides for answers and the receiver for deliveries.
// It imports nothing of the bench.
package latency

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Meter collects durations. It is safe for concurrent use: it spreads them over a few
// histograms, each with a lock of its own, and merges these when they are read.
type Meter struct {
	shards [shards]struct {
		mu        sync.Mutex
		histogram *hdrhistogram.Histogram
	}

	mu sync.Mutex // held while a window is taken
	// windowed holds the durations of all windows so far.
	windowed *hdrhistogram.Histogram
}

const (
	shards = 8
	// longest is the largest duration that a meter distinguishes from longer ones, in
	// microseconds.
	longest = int64(time.Hour / time.Microsecond)
	// digits is the precision of a quantile, in significant digits.
	digits = 3
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, digits) }

// NewMeter returns an empty meter.
func NewMeter() *Meter {
	m := &Meter{windowed: newHistogram()}
	for i := range m.shards {
		m.shards[i].histogram = newHistogram()
	}
	return m
}

// Record adds a duration; calls with different keys seldom wait for one another.
// Durations outside 1 µs to 1 h count as the nearest of these.
func (m *Meter) Record(key uint64, d time.Duration) {
	us := min(max(d.Microseconds(), 1), longest)
	s := &m.shards[key%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.histogram.RecordValue(us) // us is within its bounds
}

// Summary sums up all durations so far.
func (m *Meter) Summary() Summary { return summarize(m.merged()) }

// Window sums up the durations that were recorded since Window was last called.
func (m *Meter) Window() Summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.merged()
	since := subtract(now, m.windowed)
	m.windowed = now
	return summarize(since)
}

func (m *Meter) merged() *hdrhistogram.Histogram {
	sum := newHistogram()
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		sum.Merge(s.histogram)
		s.mu.Unlock()
	}
	return sum
}

// subtract returns what a holds beyond b, an earlier state of the same histogram.
func subtract(a, b *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	rest, earlier := a.Export(), b.Export()
	for i, n := range earlier.Counts {
		rest.Counts[i] -= n
	}
	return hdrhistogram.Import(rest)
}

// Summary is the shape of a distribution, in milliseconds.
type Summary struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

func summarize(h *hdrhistogram.Histogram) Summary {
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return Summary{
		Count: h.TotalCount(),
		Mean:  h.Mean() / 1000,
		P50:   ms(h.ValueAtQuantile(50)),
		P90:   ms(h.ValueAtQuantile(90)),
		P99:   ms(h.ValueAtQuantile(99)),
		P999:  ms(h.ValueAtQuantile(99.9)),
		Max:   ms(h.Max()),
	}
}
