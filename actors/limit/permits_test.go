package limit

import (
	"fmt"
	"testing"
	"time"
)

// permitsOf returns so many permits.
func permitsOf(size int) *Permits { return NewPermits(size, time.Now()) }

// quiet is the notice of an endpoint that does not listen.
func quiet() {}

// open reports whether an endpoint could take a permit at once.
func (p *Permits) open(h *Holder, has Tier) bool {
	h.asked = has
	of := h.classAt(0)
	return p.may(h, of, p.visible(of))
}

// fill takes permits for an endpoint, up to most of them, until it may have no more.
func (p *Permits) fill(h *Holder, has Tier, most int) (taken []Permit) {
	for len(taken) < most && p.open(h, has) {
		got, ok := p.Acquire(h, has, p.began)
		if !ok {
			panic("a permit that may be taken is refused")
		}
		taken = append(taken, got)
	}
	return taken
}

// lasts makes the attempts of an endpoint last that long.
func lasts(h *Holder, mean time.Duration) *Holder {
	h.durations.mean = mean
	return h
}

// hogKinds are the ways in which endpoints hold as many permits as they can.
var hogKinds = []struct {
	name  string
	has   Tier
	lasts time.Duration
	each  int // permits that an endpoint takes
}{
	{"proven, and all at once silent", TierProven, time.Millisecond, 1024},
	{"slow", TierProven, 5 * time.Second, 1024},
	{"silent from the start", TierFirst, 0, 1},
	{"silent, and known to be", TierMore, 10 * time.Second, 8},
}

// TestNewcomersFindPermits: clients come one after the other, each with a thousand
// endpoints that take all they can get and give nothing back. The figures are
// how many it takes until a client that holds nothing would have to wait.
func TestNewcomersFindPermits(t *testing.T) {
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
		t.Run(fmt.Sprint(c.size, " permits, ", kind.name), func(t *testing.T) {
			s := permitsOf(c.size)
			for i := range c.clients {
				for _, has := range []Tier{TierProven, TierFirst} {
					if newcomer := s.Join("newcomer", quiet); !s.open(newcomer, has) {
						t.Fatalf("after %d clients one of tier %d finds no permit, with %d of %d taken", i, has, s.used.all, c.size)
					}
				}
				for j := range 1000 {
					if len(s.fill(lasts(s.Join(fmt.Sprint(i), quiet), kind.lasts), kind.has, kind.each)) == 0 && j > 64 {
						break
					}
				}
			}
		})
	}
}

// TestClientAlone: a client with nobody beside it can use most of the permits, and one
// endpoint of it most of these.
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
		s := permitsOf(c.size)
		for range c.endpoints {
			s.fill(lasts(s.Join("", quiet), c.lasts), TierProven, 1024)
		}
		if s.used.all < c.least {
			t.Errorf("%d endpoints of one client, whose attempts last %v, can use %d of %d permits", c.endpoints, c.lasts, s.used.all, c.size)
		}
	}
}

// TestHealthyEndpointBesideHogs: endpoints of the same client, or of others, hold
// all they can. This is how many attempts another one can have in flight at once.
func TestHealthyEndpointBesideHogs(t *testing.T) {
	for _, c := range []struct {
		kind, hogs int
		client     string
		has        Tier
		least      int
	}{
		{1, 64, "other", TierProven, 300},
		{1, 10_000, "other", TierProven, 300},
		{1, 10_000, "other", TierFirst, 300},
		{1, 64, "hog", TierProven, 100},
		{1, 10_000, "hog", TierProven, 100},
		{1, 10_000, "hog", TierFirst, 50},
		{0, 64, "other", TierProven, 150},
		{0, 64, "hog", TierProven, 4},
		{2, 10_000, "other", TierProven, 500},
		{2, 10_000, "other", TierFirst, 100},
		{2, 10_000, "hog", TierProven, 500},
		{2, 500, "hog", TierFirst, 100},
		{3, 10_000, "other", TierFirst, 300},
		{3, 10_000, "hog", TierFirst, 300},
	} {
		s, kind := permitsOf(4096), hogKinds[c.kind]
		for range c.hogs {
			s.fill(lasts(s.Join("hog", quiet), kind.lasts), kind.has, min(kind.each, 64))
		}
		got := 0
		for range 500 { // a first attempt is one for each endpoint
			got += len(s.fill(s.Join(c.client, quiet), c.has, map[Tier]int{TierFirst: 1, TierProven: 500}[c.has]))
			if c.has == TierProven {
				break
			}
		}
		if got < c.least {
			t.Errorf("beside %d endpoints that are %s, of tier %d and client %s get %d permits, less than %d",
				c.hogs, kind.name, c.has, c.client, got, c.least)
		}
	}
}

// TestManyClientsAreNotSlowed: each of many clients finds the few permits that it wants, as
// long as there are some.
func TestManyClientsAreNotSlowed(t *testing.T) {
	for _, c := range []struct{ clients, each int }{{3600, 1}, {1200, 3}, {450, 8}, {56, 64}} {
		s := permitsOf(4096)
		for i := range c.clients {
			if got := s.fill(s.Join(fmt.Sprint(i), quiet), TierProven, c.each); len(got) != c.each {
				t.Errorf("client %d of %d gets %d permits, wants %d", i, c.clients, len(got), c.each)
				break
			}
		}
	}
}

// TestUnprovenShare: however many endpoints are unproven, they hold half of the permits at
// most, and a quarter beyond first attempts.
func TestUnprovenShare(t *testing.T) {
	for kind, most := range map[int]int{2: 2048, 3: 1024} {
		s := permitsOf(4096)
		for i := range 10_000 {
			s.fill(lasts(s.Join(fmt.Sprint(i), quiet), hogKinds[kind].lasts), hogKinds[kind].has, hogKinds[kind].each)
		}
		if s.used.all > most {
			t.Errorf("endpoints that are %s hold %d permits, more than %d", hogKinds[kind].name, s.used.all, most)
		}
	}
}

// TestPermitsGoToWhoHoldsLeast: a free permit is for the waiting endpoint that holds least,
// its client included.
func TestPermitsGoToWhoHoldsLeast(t *testing.T) {
	var told []string
	s := permitsOf(16)
	join := func(client, name string) *Holder {
		return s.Join(client, func() { told = append(told, name) })
	}
	hog, modest := join("hog", "hog"), join("modest", "modest")
	held := s.fill(hog, TierProven, 100)
	one := s.fill(modest, TierProven, 1)
	sibling, other := join("hog", "its sibling"), join("other", "other")
	var rest []Permit
	for i := 0; s.used.all < s.size; i++ {
		rest = append(rest, s.fill(join(fmt.Sprint(i), "rest"), TierProven, 1)...)
	}
	for _, h := range []*Holder{hog, sibling, modest, other} {
		if _, ok := s.Acquire(h, TierProven, s.began); ok {
			t.Fatal(h.client.name, "finds a permit")
		}
	}
	for _, taken := range append(append(rest, held...), one...) {
		s.Release(taken, s.began)
	}
	if want := "[other modest its sibling hog]"; fmt.Sprint(told) != want {
		t.Errorf("told were %v, want %v", told, want)
	}
}

// TestWorseClassesAreServed: quick endpoints want every permit that becomes free, for
// ever. Those that have to leave permits to them get some all the same.
func TestWorseClassesAreServed(t *testing.T) {
	const fullAfter, soon = 200, 1500
	for kind, c := range hogKinds {
		for _, client := range []string{"quick", "other"} {
			s := permitsOf(64)
			var quick []*Holder
			var held []Permit
			for range 32 {
				quick = append(quick, s.Join("quick", quiet))
			}
			waits := lasts(s.Join(client, quiet), c.lasts)
			served, now := -1, s.began
			for turn := 0; turn < 20*soon && served < 0; turn++ {
				now = now.Add(time.Millisecond)
				for _, h := range quick {
					if got, ok := s.Acquire(h, TierProven, now); ok {
						held = append(held, got)
					}
				}
				if turn > fullAfter && !waits.waiting && !waits.kept {
					if _, ok := s.Acquire(waits, c.has, now); ok {
						served = turn
					}
				}
				if waits.kept {
					served = turn
				}
				if turn > fullAfter || turn%2 == 0 {
					s.Release(held[0], now)
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
// passed them by, they keep. A newcomer finds a permit all the same.
func TestPatienceLeavesRoom(t *testing.T) {
	for _, size := range []int{4096, 256} {
		granted := make(map[int]bool)
		s := permitsOf(size)
		var slow []*Holder
		for i := range 300 {
			slow = append(slow, lasts(s.Join(fmt.Sprint(i), func() { granted[i] = true }), 9*time.Second))
		}
		quick := s.Join("quick", quiet)
		for range 200 * patience {
			for i, h := range slow {
				for !h.waiting && (h.kept || !granted[i]) {
					if _, ok := s.Acquire(h, TierProven, s.began); !ok {
						break
					}
					delete(granted, i)
				}
			}
			if taken, ok := s.Acquire(quick, TierProven, s.began); ok {
				s.Release(taken, s.began)
			} else {
				t.Fatal("a quick endpoint waits for slow ones")
			}
			if !s.open(s.Join("newcomer", quiet), TierFirst) {
				t.Fatalf("with %d of %d permits taken a newcomer finds none", s.used.all, size)
			}
		}
		if s.used.all < size*7/8 {
			t.Errorf("slow endpoints hold only %d of %d permits: the test shows nothing", s.used.all, size)
		}
	}
}
