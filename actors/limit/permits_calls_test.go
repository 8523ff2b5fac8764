package limit

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// busy returns permits of a size that one client holds as far as it can, single endpoints of
// others the rest; and what they hold.
func busy(size int) (p *Permits, held []Permit) {
	p = permitsOf(size)
	held = p.fill(p.Join("hog", quiet), TierProven, size)
	for i := 0; p.InUse() < size; i++ {
		held = append(held, p.fill(p.Join(fmt.Sprint(i), quiet), TierProven, 1)...)
	}
	return p, held
}

// TestKeptPermitIsTakenWhatever: the permit that is kept for an endpoint is its own, also if
// its tier is worse by the time that it takes it.
func TestKeptPermitIsTakenWhatever(t *testing.T) {
	p, held := busy(64)
	h := p.Join("waits", quiet)
	if _, ok := p.Acquire(h, TierProven, p.began); ok {
		t.Fatal("a permit is free: the test shows nothing")
	}
	p.Release(held[0], p.began)
	taken, ok := p.Acquire(h, TierMore, p.began)
	if !ok || p.InUse() != 64 {
		t.Fatalf("taken %v, %d in use", ok, p.InUse())
	}
	if taken.class != classQuick {
		t.Errorf("it counts in class %d, and was kept in class %d", taken.class, classQuick)
	}
}

// TestPermitIsPassedOn: a permit that is kept for an endpoint which forgoes it, or leaves,
// is kept for the next one.
func TestPermitIsPassedOn(t *testing.T) {
	for name, giveUp := range map[string]func(*Permits, *Holder, time.Time){"forgoes": (*Permits).Forgo, "leaves": (*Permits).Leave} {
		p, held := busy(16)
		var notified []string
		join := func(client string) *Holder {
			return p.Join(client, func() { notified = append(notified, client) })
		}
		first, second := join("first"), join("second")
		for _, h := range []*Holder{first, second} {
			if _, ok := p.Acquire(h, TierProven, p.began); ok {
				t.Fatal("a permit is free: the test shows nothing")
			}
		}
		p.Release(held[len(held)-1], p.began)
		giveUp(p, first, p.began)
		if fmt.Sprint(notified) != "[first second]" || !second.kept || p.InUse() != 16 {
			t.Errorf("when it %s: notified are %v, and %d are in use", name, notified, p.InUse())
		}
		giveUp(p, first, p.began) // once more changes nothing
		if name == "forgoes" && (!second.kept || len(notified) != 2) {
			t.Error("to forgo nothing does something")
		}
		if name == "leaves" {
			break
		}
	}
}

// TestWaitingAtTheThreshold: a client that holds all it may gets more when another one gives
// a permit back, although permits were free all the time.
func TestWaitingAtTheThreshold(t *testing.T) {
	p := permitsOf(4096)
	notified := 0
	other := p.fill(p.Join("other", quiet), TierProven, 3)
	var all []*Holder
	for range 40 {
		all = append(all, p.Join("client", func() { notified++ }))
	}
	var held []Permit
	for taken := true; taken; {
		taken = false
		for _, h := range all {
			if got := p.fill(h, TierProven, 1); len(got) > 0 {
				held, taken = append(held, got...), true
			}
		}
	}
	for _, h := range all {
		if _, ok := p.Acquire(h, TierProven, p.began); ok {
			t.Fatal("the client is not at its threshold: the test shows nothing")
		}
	}
	if p.Release(other[0], p.began); notified < 1 || p.Waiters() != 40-notified {
		t.Errorf("%d were notified, and %d wait", notified, p.Waiters())
	}
	if p.InUse() != len(held)+notified+2 {
		t.Errorf("%d are in use, want %d", p.InUse(), len(held)+notified+2)
	}
}

// TestNotifyMayCallBack: an endpoint that is notified may use the permits at once.
func TestNotifyMayCallBack(t *testing.T) {
	p, held := busy(16)
	var h *Holder
	got := false
	h = p.Join("waits", func() { _, got = p.Acquire(h, TierProven, p.began) })
	if _, ok := p.Acquire(h, TierProven, p.began); ok {
		t.Fatal("a permit is free: the test shows nothing")
	}
	if p.Release(held[0], p.began); !got {
		t.Error("the kept permit was not taken from within the notice")
	}
}

// TestPermitsFigures: what the metrics show.
func TestPermitsFigures(t *testing.T) {
	p := permitsOf(16)
	a, b := p.Join("a", quiet), p.Join("b", quiet)
	taken := append(p.fill(a, TierProven, 5), p.fill(b, TierProven, 2)...)
	if p.InUse() != 7 || p.MostHeld() != 5 || p.Waiters() != 0 || a.Client() != "a" {
		t.Errorf("%d in use, %d of one client, %d wait", p.InUse(), p.MostHeld(), p.Waiters())
	}
	p.Leave(a, p.began)
	if p.InUse() != 7 || len(p.clients) != 2 {
		t.Error("permits that an endpoint took are lost when it leaves")
	}
	for _, one := range taken {
		p.Release(one, p.began)
	}
	if p.InUse() != 0 || p.MostHeld() != 0 || len(p.clients) != 1 {
		t.Errorf("%d in use, %d of one client, and %d clients are remembered", p.InUse(), p.MostHeld(), len(p.clients))
	}
}

// TestPermitsRace: endpoints of several clients take and release from many goroutines, wait
// for notices, and in the end nothing is in use and nobody waits.
func TestPermitsRace(t *testing.T) {
	p := NewPermits(8, time.Now())
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			random, notices := rand.New(rand.NewPCG(uint64(i), 1)), make(chan struct{}, 1)
			h := p.Join(fmt.Sprint(i%5), func() { notices <- struct{}{} })
			for range 200 {
				taken, ok := p.Acquire(h, Tier(random.IntN(3)), time.Now())
				if !ok {
					<-notices
					if taken, ok = p.Acquire(h, TierProven, time.Now()); !ok {
						t.Error("a permit that is kept is refused")
						return
					}
				}
				if n := p.InUse(); n > 8 {
					t.Error(n, "permits are in use")
				}
				p.Release(taken, time.Now())
			}
			p.Leave(h, time.Now())
		})
	}
	wait.Wait()
	if p.InUse() != 0 || p.Waiters() != 0 || len(p.clients) != 0 {
		t.Errorf("%d in use, %d wait, %d clients are remembered", p.InUse(), p.Waiters(), len(p.clients))
	}
}
