package main

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// meter collects durations from many goroutines: a few histograms, each with a
// lock of its own, merged when they are read.
type meter struct {
	shards [meterShards]struct {
		mu        sync.Mutex
		histogram *hdrhistogram.Histogram
	}
}

const (
	meterShards = 8
	// longest is the largest duration that a meter tells from others, in microseconds.
	longest = int64(time.Hour / time.Microsecond)
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, 3) }

func newMeter() *meter {
	m := new(meter)
	for i := range m.shards {
		m.shards[i].histogram = newHistogram()
	}
	return m
}

// record adds a duration; callers with different keys seldom meet. Durations
// outside 1 µs to 1 h count as the nearest of these.
func (m *meter) record(key uint64, d time.Duration) {
	us := min(max(d.Microseconds(), 1), longest)
	s := &m.shards[key%meterShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.histogram.RecordValue(us) // us is within its bounds
}

// merged gives all that was recorded so far.
func (m *meter) merged() *hdrhistogram.Histogram {
	sum := newHistogram()
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		sum.Merge(s.histogram)
		s.mu.Unlock()
	}
	return sum
}

// subtract gives what a holds beyond b, an earlier state of the same histogram.
func subtract(a, b *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	rest, earlier := a.Export(), b.Export()
	for i, n := range earlier.Counts {
		rest.Counts[i] -= n
	}
	return hdrhistogram.Import(rest)
}

// latencies sums a histogram up, in milliseconds.
type latencies struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

func summarise(h *hdrhistogram.Histogram) latencies {
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return latencies{
		Count: h.TotalCount(),
		Mean:  h.Mean() / 1000,
		P50:   ms(h.ValueAtQuantile(50)),
		P90:   ms(h.ValueAtQuantile(90)),
		P99:   ms(h.ValueAtQuantile(99)),
		P999:  ms(h.ValueAtQuantile(99.9)),
		Max:   ms(h.Max()),
	}
}
