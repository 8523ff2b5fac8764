package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/webhook"
)

// slotsOf makes slots that tell nobody.
func slotsOf(size int) *slots { return newSlots(size, func(*actor.PID) {}) }

// open reports whether an endpoint could take a slot at once.
func (s *slots) open(h *slotHolder, has standing) bool {
	h.asked = has
	of := h.classAt(0)
	return s.may(h, of, s.visible(of))
}

// fill takes slots for an endpoint until it may have no more, at most some.
func (s *slots) fill(h *slotHolder, has standing, most int) (taken []slot) {
	for len(taken) < most && s.open(h, has) {
		got, ok := s.acquire(h, has, s.began)
		if !ok {
			panic("a slot that may be taken is refused")
		}
		taken = append(taken, got)
	}
	return taken
}

// lasts makes an endpoint one whose attempts last for a time.
func lasts(h *slotHolder, mean time.Duration) *slotHolder {
	h.lasting.mean = mean
	return h
}

// hogKinds are the ways to hold as many slots as one can.
var hogKinds = []struct {
	name  string
	has   standing
	lasts time.Duration
	each  int // slots that an endpoint takes
}{
	{"proven, and all at once silent", standingProven, time.Millisecond, 1024},
	{"slow", standingProven, 5 * time.Second, 1024},
	{"silent from the start", standingFirst, 0, 1},
	{"silent, and known to be", standingMore, 10 * time.Second, 8},
}

// TestNewcomersFindSlots: clients come one after the other, each with a thousand
// endpoints that take all they can get and give nothing back. The figures are
// how many it takes until a client that holds nothing would have to wait.
func TestNewcomersFindSlots(t *testing.T) {
	for _, c := range []struct {
		size, kind, clients int
	}{
		{4096, 0, 25},
		{4096, 1, 5000}, // however many: what is left is not theirs
		{4096, 2, 48},
		{4096, 3, 5000},
		{256, 0, 14},
		{256, 1, 500},
		{256, 2, 10},
		{256, 3, 500},
	} {
		kind := hogKinds[c.kind]
		t.Run(fmt.Sprint(c.size, " slots, ", kind.name), func(t *testing.T) {
			s := slotsOf(c.size)
			for i := range c.clients {
				for _, has := range []standing{standingProven, standingFirst} {
					if newcomer := s.join("newcomer", nil); !s.open(newcomer, has) {
						t.Fatalf("after %d clients one of standing %d finds no slot, with %d of %d taken", i, has, s.used.all, c.size)
					}
				}
				for j := range 1000 {
					if len(s.fill(lasts(s.join(fmt.Sprint(i), nil), kind.lasts), kind.has, kind.each)) == 0 && j > 64 {
						break
					}
				}
			}
		})
	}
}

// TestClientAlone: one client with nobody beside it can use most of the slots, and one endpoint of it most of these.
func TestClientAlone(t *testing.T) {
	for _, c := range []struct {
		size, endpoints int
		lasts           time.Duration
		least           int
	}{
		{4096, 1, 0, 1024},
		{4096, 4, 0, 3300},
		{4096, 64, 0, 3500},
		{4096, 10_000, 0, 3500},
		{4096, 4, 9 * time.Second, 2900},
		{4096, 64, 9 * time.Second, 3000},
		{256, 1, 0, 190},
		{256, 4, 0, 210},
		{256, 64, 9 * time.Second, 190},
		{4, 1, 0, 4},
		{1, 1, 0, 1},
	} {
		s := slotsOf(c.size)
		for range c.endpoints {
			s.fill(lasts(s.join("", nil), c.lasts), standingProven, 1024)
		}
		if s.used.all < c.least {
			t.Errorf("%d endpoints of one client, whose attempts last %v, can use %d of %d slots", c.endpoints, c.lasts, s.used.all, c.size)
		}
	}
}

// TestHealthyEndpointBesideHogs: endpoints of the same client, or of others, hold
// all they can. This is how many attempts another one can have in flight at once.
func TestHealthyEndpointBesideHogs(t *testing.T) {
	for _, c := range []struct {
		kind, hogs int
		client     string
		has        standing
		least      int
	}{
		{1, 64, "other", standingProven, 300},
		{1, 10_000, "other", standingProven, 300},
		{1, 10_000, "other", standingFirst, 300},
		{1, 64, "hog", standingProven, 100},
		{1, 10_000, "hog", standingProven, 100},
		{1, 10_000, "hog", standingFirst, 50},
		{0, 64, "other", standingProven, 150},
		{0, 64, "hog", standingProven, 4},
		{2, 10_000, "other", standingProven, 500},
		{2, 10_000, "other", standingFirst, 100},
		{2, 10_000, "hog", standingProven, 500},
		{2, 500, "hog", standingFirst, 100},
		{3, 10_000, "other", standingFirst, 300},
		{3, 10_000, "hog", standingFirst, 300},
	} {
		s, kind := slotsOf(4096), hogKinds[c.kind]
		for range c.hogs {
			s.fill(lasts(s.join("hog", nil), kind.lasts), kind.has, min(kind.each, 64))
		}
		got := 0
		for range 500 { // a first attempt is one for each endpoint
			got += len(s.fill(s.join(c.client, nil), c.has, map[standing]int{standingFirst: 1, standingProven: 500}[c.has]))
			if c.has == standingProven {
				break
			}
		}
		if got < c.least {
			t.Errorf("beside %d endpoints that are %s, of standing %d and client %s get %d slots, less than %d",
				c.hogs, kind.name, c.has, c.client, got, c.least)
		}
	}
}

// TestManyClientsAreNotSlowed: many clients with few endpoints find their slots, as long as there are some.
func TestManyClientsAreNotSlowed(t *testing.T) {
	for _, c := range []struct{ clients, each int }{{3600, 1}, {1200, 3}, {450, 8}, {56, 64}} {
		s := slotsOf(4096)
		for i := range c.clients {
			if got := s.fill(s.join(fmt.Sprint(i), nil), standingProven, c.each); len(got) != c.each {
				t.Errorf("client %d of %d gets %d slots, wants %d", i, c.clients, len(got), c.each)
				break
			}
		}
	}
}

// TestUnprovenShare: however many endpoints are unproven, they hold half of the slots, and a quarter beside first attempts.
func TestUnprovenShare(t *testing.T) {
	for kind, most := range map[int]int{2: 2048, 3: 1024} {
		s := slotsOf(4096)
		for i := range 10_000 {
			s.fill(lasts(s.join(fmt.Sprint(i), nil), hogKinds[kind].lasts), hogKinds[kind].has, hogKinds[kind].each)
		}
		if s.used.all > most {
			t.Errorf("endpoints that are %s hold %d slots, more than %d", hogKinds[kind].name, s.used.all, most)
		}
	}
}

// TestSlotsGoToWhoHoldsLeast: of those that wait the one gets a free slot that holds least, with its client.
func TestSlotsGoToWhoHoldsLeast(t *testing.T) {
	var told []string
	s := newSlots(16, func(who *actor.PID) { told = append(told, who.Id) })
	join := func(client, name string) *slotHolder { return s.join(client, actor.NewPID("", name)) }
	hog, modest := join("hog", "hog"), join("modest", "modest")
	held := s.fill(hog, standingProven, 100)
	one := s.fill(modest, standingProven, 1)
	sibling, other := join("hog", "its sibling"), join("other", "other")
	var rest []slot
	for i := 0; s.used.all < s.size; i++ {
		rest = append(rest, s.fill(join(fmt.Sprint(i), "rest"), standingProven, 1)...)
	}
	for _, h := range []*slotHolder{hog, sibling, modest, other} {
		if _, ok := s.acquire(h, standingProven, s.began); ok {
			t.Fatal(h.who.Id, "finds a slot")
		}
	}
	for _, taken := range append(append(rest, held...), one...) {
		s.release(taken, s.began)
	}
	if want := "[other modest its sibling hog]"; fmt.Sprint(told) != want {
		t.Errorf("told were %v, want %v", told, want)
	}
}

// TestKeptSlotGoesOn: an actor for which a slot is kept, and which has nothing to
// send any more, leaves it to the next one. Else that one would wait for ever.
func TestKeptSlotGoesOn(t *testing.T) {
	var told []string
	s := newSlots(1, func(who *actor.PID) { told = append(told, who.Id) })
	now := time.Now()
	held := s.fill(s.join("holder", nil), standingProven, 1)
	a := &endpointActor{shared: &shared{slots: s}, seat: newSeat(1, new(account)), self: actor.NewPID("", "idle"), lane: newLane(&memory{})}
	a.joinSlots("idle", 0, now)
	a.lane.configure(&webhook.Endpoint{}, webhook.Settings{Concurrency: 1}, webhook.GateState{}, now)
	for _, h := range []*slotHolder{a.slots, s.join("next", actor.NewPID("", "next"))} {
		_, _ = s.acquire(h, standingProven, now)
	}
	s.release(held[0], now)
	a.slotFree = true
	a.sendAll(now)
	if fmt.Sprint(told) != "[idle next]" {
		t.Error("told were", told)
	}
}

// TestWorseClassesAreServed: quick endpoints want every slot that becomes free, for
// ever. Those that have to leave slots to them get some all the same.
func TestWorseClassesAreServed(t *testing.T) {
	const fullAfter, soon = 200, 1500
	for kind, c := range hogKinds {
		for _, client := range []string{"quick", "other"} {
			s := slotsOf(64)
			var quick []*slotHolder
			var held []slot
			for range 32 {
				quick = append(quick, s.join("quick", nil))
			}
			waits := lasts(s.join(client, nil), c.lasts)
			served, now := -1, s.began
			for turn := 0; turn < 20*soon && served < 0; turn++ {
				now = now.Add(time.Millisecond)
				for _, h := range quick {
					if got, ok := s.acquire(h, standingProven, now); ok {
						held = append(held, got)
					}
				}
				if turn > fullAfter && !waits.waiting && !waits.granted {
					if _, ok := s.acquire(waits, c.has, now); ok {
						served = turn
					}
				}
				if waits.granted {
					served = turn
				}
				if turn > fullAfter || turn%2 == 0 {
					s.release(held[0], now)
					held = held[1:]
				}
			}
			if served < 0 || served > soon {
				t.Errorf("kind %d of client %s, beside quick ones, is served after %d turns", kind, client, served)
			}
		}
	}
}

// TestPatienceLeavesRoom: what slow endpoints of many clients get because others
// passed them by, they keep. A newcomer finds a slot all the same.
func TestPatienceLeavesRoom(t *testing.T) {
	for _, size := range []int{4096, 256} {
		granted := make(map[*actor.PID]bool)
		s := newSlots(size, func(who *actor.PID) { granted[who] = true })
		var slow []*slotHolder
		for i := range 300 {
			slow = append(slow, lasts(s.join(fmt.Sprint(i), actor.NewPID("", fmt.Sprint(i))), 9*time.Second))
		}
		quick := s.join("quick", nil)
		for range 200 * slotPatience {
			for _, h := range slow {
				for !h.waiting && (h.granted || !granted[h.who]) {
					if _, ok := s.acquire(h, standingProven, s.began); !ok {
						break
					}
					delete(granted, h.who)
				}
			}
			if taken, ok := s.acquire(quick, standingProven, s.began); ok {
				s.release(taken, s.began)
			} else {
				t.Fatal("a quick endpoint waits for slow ones")
			}
			if !s.open(s.join("newcomer", nil), standingFirst) {
				t.Fatalf("with %d of %d slots taken a newcomer finds none", s.used.all, size)
			}
		}
		if s.used.all < size*7/8 {
			t.Errorf("slow endpoints hold only %d of %d slots: the test shows nothing", s.used.all, size)
		}
	}
}
