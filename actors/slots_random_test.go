package actors

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// TestSlotsRandomly makes random calls and checks after each that nobody who may take a slot waits.
func TestSlotsRandomly(t *testing.T) {
	for seed := range uint64(300) {
		m := &slotsModel{t: t, random: rand.New(rand.NewPCG(seed, 0)), told: make(map[*actor.PID]bool)}
		m.s = newSlots([]int{1, 2, 7, 16, 64, 300}[seed%6], func(who *actor.PID) { m.told[who] = true })
		m.now = m.s.began
		for range seed % 50 {
			m.join(seed)
		}
		for range 600 {
			m.step()
			if m.check(); t.Failed() {
				t.Fatal("seed", seed)
			}
		}
		if m.drain(); t.Failed() {
			t.Fatal("seed", seed)
		}
	}
}

// slotsModel drives slots by chance.
type slotsModel struct {
	t         *testing.T
	s         *slots
	random    *rand.Rand
	now       time.Time
	endpoints []*slotHolder
	held      []slot
	told      map[*actor.PID]bool
}

func (m *slotsModel) step() {
	m.now = m.now.Add(time.Duration(m.random.IntN(400)) * time.Millisecond)
	switch n := m.random.IntN(100); {
	case len(m.endpoints) == 0 || n < 5:
		m.join(6)
	case n < 8:
		i := m.random.IntN(len(m.endpoints))
		m.s.leave(m.endpoints[i], m.now)
		delete(m.told, m.endpoints[i].who)
		m.endpoints = append(m.endpoints[:i], m.endpoints[i+1:]...)
	case n < 12:
		m.s.forgo(m.pick(), m.now)
	case n < 60:
		m.acquire(m.pick())
	case len(m.held) > 0:
		i := m.random.IntN(len(m.held))
		m.s.release(m.held[i], m.now)
		m.held = append(m.held[:i], m.held[i+1:]...)
	}
}

func (m *slotsModel) join(clients uint64) {
	name := actor.NewPID("", fmt.Sprint(m.random.Uint64()))
	m.endpoints = append(m.endpoints, m.s.join(fmt.Sprint(m.random.Uint64N(1+clients%5)), name))
}

func (m *slotsModel) pick() *slotHolder { return m.endpoints[m.random.IntN(len(m.endpoints))] }

func (m *slotsModel) acquire(h *slotHolder) {
	kept := h.granted
	if kept && !m.told[h.who] {
		m.t.Error("a slot is kept for one that was not told")
	}
	got, ok := m.s.acquire(h, standing(m.random.IntN(3)), m.now)
	switch {
	case ok:
		m.held = append(m.held, got)
	case kept:
		m.t.Error("a slot that was kept is refused")
	}
}

// check looks at what must always hold.
func (m *slotsModel) check() {
	s := m.s
	kept, waiting := 0, 0
	for _, h := range m.endpoints {
		if h.granted {
			kept++
		}
		if !h.waiting {
			continue
		}
		waiting++
		if s.may(h, h.class, s.visible(h.class)) {
			m.t.Errorf("an endpoint of class %d waits that may take a slot: it holds %d, its client %+v, all %+v", h.class, h.used, h.client.used, s.used)
		}
	}
	if s.used.all != len(m.held)+kept || s.used.all > s.size || s.waiting != waiting {
		m.t.Errorf("%d slots taken of %d, want %d and %d kept; %d wait, want %d", s.used.all, s.size, len(m.held), kept, s.waiting, waiting)
	}
	if s.used.unproven > max(s.size/2, 1) || s.used.more > max(s.size/4, 1) {
		m.t.Errorf("unproven endpoints hold too much: %+v", s.used)
	}
}

// drain gives everything back; whoever waits gets a slot on the way.
func (m *slotsModel) drain() {
	for turn := 0; m.s.waiting+m.s.used.all > 0; turn++ {
		if turn > 10_000 {
			m.t.Fatalf("%d endpoints wait for ever", m.s.waiting)
		}
		for _, h := range m.endpoints {
			if h.granted {
				m.acquire(h)
			}
		}
		if len(m.held) > 0 {
			m.s.release(m.held[0], m.now)
			m.held = m.held[1:]
		}
		m.check()
	}
	for _, h := range m.endpoints {
		m.s.leave(h, m.now)
	}
	if len(m.s.clients) > 0 {
		m.t.Error("clients without endpoints are remembered")
	}
}

// BenchmarkSlots is what each delivery costs while nobody waits.
func BenchmarkSlots(b *testing.B) {
	s := slotsOf(4096)
	h, now := s.join("acme", nil), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		taken, _ := s.acquire(h, standingProven, now)
		s.release(taken, now)
	}
}

// BenchmarkSlotsContended is the same while 10,000 endpoints of 1,000 clients wait.
func BenchmarkSlotsContended(b *testing.B) {
	var told []*slotHolder
	all := make(map[*actor.PID]*slotHolder)
	s := newSlots(4096, func(who *actor.PID) { told = append(told, all[who]) })
	var held []slot
	now := time.Now()
	for i := range 10_000 {
		who := actor.NewPID("", fmt.Sprint(i))
		h := s.join(fmt.Sprint(i%1000), who)
		all[who] = h
		for range 8 {
			if got, ok := s.acquire(h, standingProven, now); ok {
				held = append(held, got)
			} else {
				break
			}
		}
		_, _ = s.acquire(h, standingProven, now)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		at := i % len(held)
		s.release(held[at], now)
		for _, h := range told {
			if got, ok := s.acquire(h, standingProven, now); ok {
				held[at] = got
			}
			_, _ = s.acquire(h, standingProven, now)
		}
		told = told[:0]
	}
}
