package main

import (
	"testing"
	"time"
)

func TestMeterMergesItsShards(t *testing.T) {
	m, one := newMeter(), newHistogram()
	for i := range int64(10_000) {
		d := time.Duration(i*i) * time.Microsecond
		m.record(uint64(i), d)
		if err := one.RecordValue(max(d.Microseconds(), 1)); err != nil {
			t.Fatal(err)
		}
	}
	if !m.merged().Equals(one) {
		t.Error("the merged shards differ from one histogram of the same values")
	}
	got := summarise(m.merged())
	for name, value := range map[string][2]float64{
		"p50": {got.P50, 25_000}, "p99": {got.P99, 98_010}, "max": {got.Max, 99_980},
	} {
		if value[0] < value[1]*0.998 || value[0] > value[1]*1.002 {
			t.Errorf("%s = %v ms, want %v to three digits", name, value[0], value[1])
		}
	}
	if got.Count != 10_000 {
		t.Errorf("count = %d", got.Count)
	}
}

func TestMeterClampsWhatIsOutOfBounds(t *testing.T) {
	m := newMeter()
	m.record(0, -time.Second) // the clock stepped back
	m.record(1, 2*time.Hour)
	h := m.merged()
	if h.TotalCount() != 2 || h.Min() != 1 || !h.ValuesAreEquivalent(h.Max(), longest) {
		t.Errorf("count %d, min %d, max %d µs", h.TotalCount(), h.Min(), h.Max())
	}
}
