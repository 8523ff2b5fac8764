//go:build !race

package limit

import (
	"testing"
	"time"
)

// TestPermitAllocations: an attempt takes and releases its permit without an allocation,
// whether endpoints wait or not.
func TestPermitAllocations(t *testing.T) {
	p, now := permitsOf(4096), time.Now()
	h := p.Join("acme", quiet)
	free := testing.AllocsPerRun(1000, func() {
		taken, _ := p.Acquire(h, TierProven, now)
		p.Release(taken, now)
	})
	one := permitsOf(1)
	a, b := one.Join("a", quiet), one.Join("b", quiet)
	held, _ := one.Acquire(a, TierProven, now)
	waiting := testing.AllocsPerRun(1000, func() {
		_, _ = one.Acquire(b, TierProven, now)
		one.Release(held, now)
		held, _ = one.Acquire(b, TierProven, now)
		a, b = b, a
	})
	if free > 0 || waiting > 0 {
		t.Errorf("%v allocations for each attempt, %v if it has to wait", free, waiting)
	}
}

// TestReservationAllocations: memory for a payload is taken and released without one.
func TestReservationAllocations(t *testing.T) {
	r := NewBudget(1 << 20).Reserve(new(Client))
	if n := testing.AllocsPerRun(1000, func() {
		if r.TryTake(512) {
			r.Release(512)
		}
	}); n > 0 {
		t.Error(n, "allocations for each payload")
	}
}

// TestWorkerAllocations: a worker that is kept runs a job without one.
func TestWorkerAllocations(t *testing.T) {
	w, done := NewWorkers(1), make(chan struct{}, 1)
	job := func() { done <- struct{}{} }
	if n := testing.AllocsPerRun(1000, func() {
		w.Run(job)
		<-done
	}); n > 0.1 { // a job that comes before the worker is idle is put into the list
		t.Error(n, "allocations for each job")
	}
	w.Close()
}
