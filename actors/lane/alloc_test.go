//go:build !race

package lane

import (
	"testing"
	"time"
)

// TestLaneAllocations: the entry, the breaker's ticket and the attempt's record; nothing grows with the lane's life.
func TestLaneAllocations(t *testing.T) {
	now, data := time.Now(), make([]byte, 512)
	l, seq := readyLane(now), uint64(0)
	allocs := testing.AllocsPerRun(5000, func() {
		seq++
		passOne(l, seq, data, now)
	})
	if allocs > 3 {
		t.Error(allocs, "allocations per delivery")
	}
	if cap(l.fresh.entries) > 256 || len(l.window) > 0 {
		t.Error("the lane grows:", cap(l.fresh.entries), len(l.window))
	}
}
