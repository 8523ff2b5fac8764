package limit

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func (w *Workers) counts() (idle, running int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.idle), w.running
}

// TestWorkersBoundAndReuse: at most so many jobs run at a time, workers are kept for a while,
// and Close waits for what was handed over.
func TestWorkersBoundAndReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(3)
		var running, most, done atomic.Int32
		for range 20 {
			w.Run(func() {
				most.Store(max(most.Load(), running.Add(1)))
				time.Sleep(time.Second)
				running.Add(-1)
				done.Add(1)
			})
		}
		time.Sleep(7*time.Second + time.Millisecond)
		if done.Load() != 20 || most.Load() != 3 {
			t.Fatal(done.Load(), "done, at most", most.Load(), "at once")
		}
		if idle, _ := w.counts(); idle != 3 {
			t.Fatal(idle, "workers wait for more")
		}
		time.Sleep(2*workerIdle + time.Second)
		if idle, running := w.counts(); idle != 0 || running != 0 {
			t.Fatal("idle workers did not end")
		}
		w.Run(func() { time.Sleep(time.Second); done.Add(1) })
		w.Close()
		w.Close()
		if done.Load() != 21 {
			t.Fatal("close did not wait")
		}
		w.Run(func() { t.Error("ran after close") })
	})
}

// TestWorkersKeepOrder: jobs begin in the order in which they came, those that had to wait
// included.
func TestWorkersKeepOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1)
		var begun []int
		for i := range 50 {
			w.Run(func() {
				begun = append(begun, i)
				time.Sleep(time.Second)
			})
		}
		w.Close()
		if len(begun) != 50 || !slices.IsSorted(begun) {
			t.Error("jobs began in the order", begun)
		}
	})
}

// TestWorkersAreReused: one job after the other needs one goroutine, however many may run.
func TestWorkersAreReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(100)
		for range 50 {
			w.Run(func() { time.Sleep(time.Millisecond) })
			time.Sleep(time.Second)
		}
		if idle, running := w.counts(); idle != 1 || running != 1 {
			t.Errorf("%d workers for one job at a time, %d of them idle", running, idle)
		}
		w.Close()
	})
}

// TestWorkersAreTrimmedToTheNeed: after a peak those end that have nothing to do, and those
// that are needed all the time stay.
func TestWorkersAreTrimmedToTheNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(100)
		round := func(jobs int) {
			for range jobs {
				w.Run(func() { time.Sleep(100 * time.Millisecond) })
			}
			time.Sleep(time.Second)
		}
		round(100)
		for range 30 {
			round(3)
		}
		if _, running := w.counts(); running != 3 {
			t.Errorf("%d workers run where 3 are needed", running)
		}
		round(100)
		if _, running := w.counts(); running != 100 {
			t.Errorf("%d workers run at the next peak, want 100", running)
		}
		w.Close()
	})
}

// TestWorkersCloseRunsWhatWaits: jobs that were handed over and wait are run before Close
// returns, not dropped.
func TestWorkersCloseRunsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(2)
		var done atomic.Int32
		for range 20 {
			w.Run(func() {
				time.Sleep(time.Second)
				done.Add(1)
			})
		}
		start := time.Now()
		w.Close()
		if took := time.Since(start); done.Load() != 20 || took != 10*time.Second {
			t.Errorf("%d of 20 jobs were run in %v", done.Load(), took)
		}
		if idle, running := w.counts(); idle != 0 || running != 0 {
			t.Errorf("%d workers run after Close, %d idle", running, idle)
		}
	})
}

// TestJobsHandOverJobs: a job may hand over others; with one worker they wait for its end.
func TestJobsHandOverJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, left := NewWorkers(1), 10
		var job func()
		job = func() {
			if left--; left > 0 {
				w.Run(job)
			}
		}
		w.Run(job)
		synctest.Wait()
		w.Close()
		if left != 0 {
			t.Errorf("%d jobs were not run", left)
		}
	})
}
