package receiver

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestLedgerTellsFirstArrivals(t *testing.T) {
	var l ledger
	for _, n := range []uint64{0, 63, 64, segmentBits - 1, segmentBits, maxDeliveries - 1} {
		if l.has(n) {
			t.Errorf("%d arrived before it was marked", n)
		}
		if first, err := l.mark(n); !first || err != nil {
			t.Errorf("mark(%d) = %v, %v at the first arrival", n, first, err)
		}
		if first, err := l.mark(n); first || err != nil {
			t.Errorf("mark(%d) = %v, %v at the second arrival", n, first, err)
		}
		if !l.has(n) {
			t.Errorf("%d is missing after it was marked", n)
		}
	}
	if _, err := l.mark(maxDeliveries); err == nil {
		t.Error("a delivery beyond the bound was marked")
	}
}

func TestLedgerCountsMissing(t *testing.T) {
	var l ledger
	const n = 2*segmentBits + 100
	for i := range uint64(n) {
		if i%1000 != 7 {
			if _, err := l.mark(i); err != nil {
				t.Fatal(err)
			}
		}
	}
	gaps := uint64((n - 8 + 1000) / 1000)
	if got := l.missing(n, func(uint64) bool { return false }); got != gaps {
		t.Errorf("missing = %d, want %d", got, gaps)
	}
	if got := l.missing(n, func(i uint64) bool { return i == 7 || i == 8 }); got != gaps-1 {
		t.Errorf("missing = %d with one of them excused, want %d", got, gaps-1)
	}
}

func TestLedgerUnderConcurrentMarks(t *testing.T) {
	var l ledger
	var firsts atomic.Int64
	var group sync.WaitGroup
	const n = 100_000
	for range 4 {
		group.Go(func() {
			for i := range uint64(n) {
				if first, _ := l.mark(i * 31); first {
					firsts.Add(1)
				}
			}
		})
	}
	group.Wait()
	if firsts.Load() != n {
		t.Errorf("%d first arrivals, want %d", firsts.Load(), n)
	}
}
