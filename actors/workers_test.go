package actors

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/webhook"
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
		time.Sleep(2*workerIdle + time.Second)
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

// TestSlotsAreSharedByStanding: however many endpoints hang, one that answers
// finds a slot, and one that has not been tried finds one for its first attempt.
func TestSlotsAreSharedByStanding(t *testing.T) {
	var told []*actor.PID
	s := newSlots(12, func(who *actor.PID) { told = append(told, who) })
	pids := [standings]*actor.PID{actor.NewPID("", "proven"), actor.NewPID("", "first"), actor.NewPID("", "more")}
	takes := func(has standing, want int) {
		t.Helper()
		taken := 0
		for s.acquire(has, pids[has]) {
			taken++
		}
		if taken != want {
			t.Fatalf("endpoints of standing %d took %d of 12 slots, want %d", has, taken, want)
		}
	}
	takes(standingMore, 3)
	takes(standingFirst, 3)
	takes(standingProven, 6)
	if s.inUse(12) != 12 {
		t.Fatal(s.inUse(12), "slots in use")
	}
	for i, give := range []standing{standingProven, standingFirst, standingMore} {
		s.release(give)
		if want := pids[give]; len(told) != i+1 || told[i] != want {
			t.Fatalf("of a slot for standing %d were told: %v", give, told)
		}
		s.pass()
		if len(told) != i+1 {
			t.Fatal("a slot was offered to one who may not use it:", told[i+1])
		}
	}
}

// TestWordOfASlotGoesOn: an actor that is told of a free slot, and has nothing to
// send any more, tells the next one that waits. Else that one would wait for a
// slot that is free.
func TestWordOfASlotGoesOn(t *testing.T) {
	var told []*actor.PID
	s := newSlots(1, func(who *actor.PID) { told = append(told, who) })
	holder, idle, next := actor.NewPID("", "holder"), actor.NewPID("", "idle"), actor.NewPID("", "next")
	for _, who := range []*actor.PID{holder, idle, next} {
		if got := s.acquire(standingProven, who); got != (who == holder) {
			t.Fatal(who, got)
		}
	}
	s.release(standingProven)
	a := &endpointActor{shared: &shared{slots: s}, self: idle, lane: newLane(&memory{}), slotFree: true}
	a.lane.configure(&webhook.Endpoint{}, webhook.Settings{Concurrency: 1}, webhook.GateState{}, time.Now())
	a.sendAll(time.Now())
	if !slices.Equal(told, []*actor.PID{idle, next}) {
		t.Error("told were", told)
	}
}
