package actors

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

func TestWakesComeInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	start := time.Unix(1_800_000_000, 0)
	var w wakes
	children := make([]*child, 50)
	for i := range children {
		children[i] = &child{number: webhook.EndpointNumber(i), at: -1}
	}
	for range 1000 {
		s := children[random.IntN(len(children))]
		if random.IntN(4) == 0 {
			w.set(s, time.Time{})
		} else {
			w.set(s, start.Add(time.Duration(random.IntN(1000))*time.Second))
		}
	}
	waiting := 0
	for _, s := range children {
		if !s.wakeAt.IsZero() {
			waiting++
		}
	}
	if s := w.due(start.Add(-time.Second)); s != nil {
		t.Fatal("woken too early")
	}
	last := time.Time{}
	for range waiting {
		at := w[0].wakeAt
		s := w.due(start.Add(time.Hour))
		if s == nil || at.Before(last) || !s.wakeAt.IsZero() || s.at != -1 {
			t.Fatal("out of order")
		}
		last = at
	}
	if w.due(start.Add(time.Hour)) != nil {
		t.Fatal("more than were waiting")
	}
}

func TestCrashesWaitLongerAndAreBlamed(t *testing.T) {
	s := newChild(1, new(limit.Client))
	last := time.Duration(0)
	for i := range 20 {
		s.current = webhook.ID{Seq: 7}
		wait := s.crashed(time.Now())
		if wait < last || wait > 30*time.Second {
			t.Fatal("crash", i, "waits", wait, "after", last)
		}
		last = wait
		if want := restartDelay(i + 1); wait != want {
			t.Fatal("after", i+1, "crashes over one delivery the wait is", wait, "and should be", want)
		}
	}
}
