package latency

import (
	"sync"
	"testing"
	"time"
)

func TestMeterMergesItsShards(t *testing.T) {
	m, one := NewMeter(), newHistogram()
	for i := range int64(10_000) {
		d := time.Duration(i*i) * time.Microsecond
		m.Record(uint64(i), d)
		if err := one.RecordValue(max(d.Microseconds(), 1)); err != nil {
			t.Fatal(err)
		}
	}
	if !m.merged().Equals(one) {
		t.Error("the merged shards differ from one histogram of the same values")
	}
	got := m.Summary()
	for name, value := range map[string][2]float64{
		"mean": {got.Mean, 33_328}, "p50": {got.P50, 25_000}, "p90": {got.P90, 81_000},
		"p99": {got.P99, 98_010}, "p999": {got.P999, 99_800}, "max": {got.Max, 99_980},
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
	m := NewMeter()
	m.Record(0, -time.Second) // the clock stepped back
	m.Record(1, 2*time.Hour)
	h := m.merged()
	if h.TotalCount() != 2 || h.Min() != 1 || !h.ValuesAreEquivalent(h.Max(), longest) {
		t.Errorf("count %d, min %d, max %d µs", h.TotalCount(), h.Min(), h.Max())
	}
}

// Windows do not overlap, and what they hold adds up to the whole.
func TestWindowsHoldWhatIsNew(t *testing.T) {
	m := NewMeter()
	for range 5 {
		m.Record(0, time.Millisecond)
	}
	if w := m.Window(); w.Count != 5 || w.P50 < 0.99 || w.Max > 1.01 {
		t.Errorf("the first window: %+v", w)
	}
	m.Record(1, 50*time.Millisecond)
	if w := m.Window(); w.Count != 1 || w.P50 < 49.9 {
		t.Errorf("the second window: %+v", w)
	}
	if w := m.Window(); w != (Summary{}) {
		t.Errorf("a window in which nothing came: %+v", w)
	}
	if s := m.Summary(); s.Count != 6 || s.P50 > 1.01 || s.Max < 49.9 {
		t.Errorf("the whole: %+v", s)
	}
}

// Whatever is recorded while windows are taken is in exactly one of them.
func TestNoDurationFallsBetweenWindows(t *testing.T) {
	m := NewMeter()
	const writers, each = 4, 2000
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				m.Record(uint64(w*each+i), time.Duration(i)*time.Microsecond)
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	var sum int64
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		sum += m.Window().Count
	}
	if sum != writers*each || m.Summary().Count != writers*each {
		t.Errorf("the windows hold %d, the whole %d; want %d", sum, m.Summary().Count, writers*each)
	}
}

// Recording is on the way of every delivery: it must not cost memory.
func TestRecordAllocates(t *testing.T) {
	m := NewMeter()
	if n := testing.AllocsPerRun(1000, func() { m.Record(7, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations for each duration", n)
	}
}
