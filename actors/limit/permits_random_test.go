package limit

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestPermitsRandomly makes random calls and checks after each that nobody who may take a permit waits.
func TestPermitsRandomly(t *testing.T) {
	for seed := range uint64(300) {
		m := &permitsModel{t: t, random: rand.New(rand.NewPCG(seed, 0)), told: make(map[*Holder]bool)}
		m.s = permitsOf([]int{1, 2, 7, 16, 64, 300}[seed%6])
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

// permitsModel drives permits by chance.
type permitsModel struct {
	t         *testing.T
	s         *Permits
	random    *rand.Rand
	now       time.Time
	endpoints []*Holder
	held      []Permit
	told      map[*Holder]bool
}

func (m *permitsModel) step() {
	m.now = m.now.Add(time.Duration(m.random.IntN(400)) * time.Millisecond)
	switch n := m.random.IntN(100); {
	case len(m.endpoints) == 0 || n < 5:
		m.join(6)
	case n < 8:
		i := m.random.IntN(len(m.endpoints))
		m.s.Leave(m.endpoints[i], m.now)
		delete(m.told, m.endpoints[i])
		m.endpoints = append(m.endpoints[:i], m.endpoints[i+1:]...)
	case n < 12:
		m.s.Forgo(m.pick(), m.now)
	case n < 60:
		m.acquire(m.pick())
	case len(m.held) > 0:
		i := m.random.IntN(len(m.held))
		m.s.Release(m.held[i], m.now)
		m.held = append(m.held[:i], m.held[i+1:]...)
	}
}

func (m *permitsModel) join(clients uint64) {
	var h *Holder
	h = m.s.Join(fmt.Sprint(m.random.Uint64N(1+clients%5)), func() { m.told[h] = true })
	m.endpoints = append(m.endpoints, h)
}

func (m *permitsModel) pick() *Holder { return m.endpoints[m.random.IntN(len(m.endpoints))] }

func (m *permitsModel) acquire(h *Holder) {
	kept := h.kept
	if kept && !m.told[h] {
		m.t.Error("a permit is kept for one that was not told")
	}
	got, ok := m.s.Acquire(h, Tier(m.random.IntN(3)), m.now)
	switch {
	case ok:
		m.held = append(m.held, got)
	case kept:
		m.t.Error("a permit that was kept is refused")
	}
}

// check looks at what must always hold.
func (m *permitsModel) check() {
	s := m.s
	kept, waiting := 0, 0
	for _, h := range m.endpoints {
		if h.kept {
			kept++
		}
		if !h.waiting {
			continue
		}
		waiting++
		if s.may(h, h.class, s.visible(h.class)) {
			m.t.Errorf("an endpoint of class %d waits that may take a permit: it holds %d, its client %+v, all %+v", h.class, h.used, h.client.used, s.used)
		}
	}
	if s.used.all != len(m.held)+kept || s.used.all > s.size || s.waiting != waiting {
		m.t.Errorf("%d permits taken of %d, want %d and %d kept; %d wait, want %d", s.used.all, s.size, len(m.held), kept, s.waiting, waiting)
	}
	if s.used.unproven > max(s.size/2, 1) || s.used.more > max(s.size/4, 1) {
		m.t.Errorf("unproven endpoints hold too much: %+v", s.used)
	}
}

// drain gives everything back; whoever waits gets a permit on the way.
func (m *permitsModel) drain() {
	for turn := 0; m.s.waiting+m.s.used.all > 0; turn++ {
		if turn > 10_000 {
			m.t.Fatalf("%d endpoints wait for ever", m.s.waiting)
		}
		for _, h := range m.endpoints {
			if h.kept {
				m.acquire(h)
			}
		}
		if len(m.held) > 0 {
			m.s.Release(m.held[0], m.now)
			m.held = m.held[1:]
		}
		m.check()
	}
	for _, h := range m.endpoints {
		m.s.Leave(h, m.now)
	}
	if len(m.s.clients) > 0 {
		m.t.Error("clients without endpoints are remembered")
	}
}

// BenchmarkPermits is what each delivery costs while nobody waits.
func BenchmarkPermits(b *testing.B) {
	s := permitsOf(4096)
	h, now := s.Join("acme", quiet), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		taken, _ := s.Acquire(h, TierProven, now)
		s.Release(taken, now)
	}
}

// BenchmarkPermitsContended is the same while 10,000 endpoints of 1,000 clients wait.
func BenchmarkPermitsContended(b *testing.B) {
	var told []*Holder
	s := permitsOf(4096)
	var held []Permit
	now := time.Now()
	for i := range 10_000 {
		var h *Holder
		h = s.Join(fmt.Sprint(i%1000), func() { told = append(told, h) })
		for range 8 {
			if got, ok := s.Acquire(h, TierProven, now); ok {
				held = append(held, got)
			} else {
				break
			}
		}
		_, _ = s.Acquire(h, TierProven, now)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		at := i % len(held)
		s.Release(held[at], now)
		for _, h := range told {
			if got, ok := s.Acquire(h, TierProven, now); ok {
				held[at] = got
			}
			_, _ = s.Acquire(h, TierProven, now)
		}
		told = told[:0]
	}
}
