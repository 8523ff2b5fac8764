package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

func (w *workers) counts() (idle, running int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.idle), w.running
}

func TestWorkersBoundAndReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers(3)
		var running, most, done atomic.Int32
		for range 20 {
			w.run(func() {
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
		time.Sleep(workerIdle + time.Second)
		if idle, running := w.counts(); idle != 0 || running != 0 {
			t.Fatal("idle workers did not end")
		}
		w.run(func() { time.Sleep(time.Second); done.Add(1) })
		w.close()
		w.close()
		if done.Load() != 21 {
			t.Fatal("close did not wait")
		}
		w.run(func() { t.Error("ran after close") })
	})
}

// TestSlotsKeepHalfForTheProven: however many endpoints hang, one that answers finds a slot.
func TestSlotsKeepHalfForTheProven(t *testing.T) {
	var told []*actor.PID
	s := newSlots(10, func(who *actor.PID) { told = append(told, who) })
	hanging, healthy := actor.NewPID("", "hanging"), actor.NewPID("", "healthy")
	taken := 0
	for s.acquire(false, hanging) {
		taken++
	}
	if taken != 5 {
		t.Fatal("endpoints that are not proven took", taken, "of 10 slots")
	}
	for range 5 {
		if !s.acquire(true, healthy) {
			t.Fatal("a proven endpoint found no slot")
		}
	}
	if s.acquire(true, healthy) || s.inUse(10) != 10 {
		t.Fatal("more slots than there are")
	}
	s.release(true)
	if len(told) != 1 || told[0] != healthy {
		t.Fatal("told:", told)
	}
	s.pass()
	if len(told) != 1 {
		t.Fatal("a slot that only the proven may use was offered to another")
	}
	s.release(false)
	if len(told) != 2 || told[1] != hanging {
		t.Fatal("told:", told)
	}
}
