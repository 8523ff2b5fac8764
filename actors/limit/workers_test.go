package limit

import (
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
