package cluster

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
)

// latency is what the model's network, and the processes' own loops, may add to a bound.
const latency = 100 * time.Millisecond

// model runs a test of a fleet in virtual time.
func model(t *testing.T, nodes int, run func(f *fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{database: newDatabase(t, 1)}
		f.add(nodes)
		defer f.end()
		f.awaitBalanced(60 * time.Second)
		time.Sleep(10 * time.Second) // until nothing moves any more
		if !t.Failed() {
			run(f)
		}
	})
}

// TestNodeDies kills one node of some: its parts are served again within a lease and two
// heartbeats, one that sees the lease's end, and one that sees the parts free.
func TestNodeDies(t *testing.T) {
	for _, nodes := range []int{2, 3, 7} {
		for range 5 {
			model(t, nodes, func(f *fleet) {
				time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
				f.running[1].kill()
				f.awaitServed(DefaultLease + 2*time.Second + latency)
				f.awaitBalanced(10 * time.Second)
			})
		}
	}
}

// TestNodeStops stops a node for two leases. It starts nothing when it continues, and its
// parts have been taken.
func TestNodeStops(t *testing.T) {
	model(t, 3, func(f *fleet) {
		f.running[0].gate.stop()
		f.awaitServed(DefaultLease + 2*time.Second + latency)
		time.Sleep(DefaultLease)
		f.running[0].gate.resume()
		time.Sleep(2 * time.Second)
		if f.running[0].alive() {
			t.Error("the node that was stopped is not fenced")
		}
		f.awaitServed(latency)
	})
}

// TestNodeStopsShortly stops a node for less than a lease: it keeps its parts.
func TestNodeStopsShortly(t *testing.T) {
	model(t, 3, func(f *fleet) {
		f.running[0].gate.stop()
		time.Sleep(DefaultLease - 2*time.Second)
		f.running[0].gate.resume()
		f.awaitServed(2 * time.Second)
		time.Sleep(20 * time.Second)
		f.wantFenced(0)
	})
}

// wantFenced checks how many nodes were ever fenced.
func (f *fleet) wantFenced(want int) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.fenced) != want {
		f.t.Errorf("%d nodes were fenced, want %d", len(f.fenced), want)
	}
}

// TestDatabaseGoesAway takes the database away for longer than a lease. Sending stops
// before the leases end; nobody is fenced afterwards, and everybody has what they had.
func TestDatabaseGoesAway(t *testing.T) {
	for _, outage := range []time.Duration{2 * time.Second, DefaultLease - time.Second, DefaultLease + time.Second, time.Minute} {
		model(t, 3, func(f *fleet) {
			before := f.parts
			f.set(func() { f.down = true })
			time.Sleep(outage)
			if outage > DefaultLease && f.running[0].node.MaySend() {
				t.Error("a node sends without a lease")
			}
			f.set(func() { f.down = false })
			f.awaitServed(2*time.Second + latency)
			time.Sleep(20 * time.Second)
			f.wantFenced(0)
			if f.parts != before {
				t.Errorf("after an outage of %s parts belong to others", outage)
			}
		})
	}
}

// TestNodeDiesWithDatabase kills a node while the database is away. The others wait a
// lease after the outage, in case it is there.
func TestNodeDiesWithDatabase(t *testing.T) {
	model(t, 3, func(f *fleet) {
		f.set(func() { f.down = true })
		time.Sleep(10 * time.Second)
		f.running[2].kill()
		f.set(func() { f.down = false })
		took := f.awaitServed(DefaultLease + 3*time.Second + latency)
		if took < DefaultLease-time.Second {
			t.Errorf("the dead node's parts were taken after %s", took)
		}
		f.wantFenced(1)
	})
}

// TestDatabaseClockSteps steps the clock that leases are counted by: nobody who lives is
// fenced, whichever way.
func TestDatabaseClockSteps(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second, -3 * time.Second} {
		model(t, 3, func(f *fleet) {
			for range 5 {
				time.Sleep(time.Duration(8000+rand.IntN(2000)) * time.Millisecond)
				f.set(func() { f.step += step; f.stepped = time.Now() })
			}
			time.Sleep(20 * time.Second)
			f.wantFenced(0)
			if n := f.unserved(); n > 0 {
				t.Errorf("after steps of %s nobody delivers to %d parts", step, n)
			}
		})
	}
}

// TestNodeJoins adds a node: its share moves to it, some parts at a time.
func TestNodeJoins(t *testing.T) {
	for _, nodes := range []int{1, 2, 3, 6} {
		model(t, nodes, func(f *fleet) {
			before := len(f.moves.all())
			f.add(1)
			time.Sleep(2 * time.Second)
			took := 2*time.Second + f.awaitBalanced(60*time.Second)
			time.Sleep(10 * time.Second)
			moves := len(f.moves.all()) - before
			t.Logf("from %d nodes on: %d moves in %s", nodes, moves, took)
			if most := 2 * 256 / (nodes + 1); moves > most {
				t.Errorf("%d parts moved, more than %d", moves, most)
			}
			f.checkMoves(nodes)
			f.wantFenced(0)
		})
	}
}

// checkMoves checks that so many nodes begin moves at most as often as they may, with two
// seconds' moves more, since their seconds begin at different times.
func (f *fleet) checkMoves(nodes int) {
	f.t.Helper()
	moves := f.moves.all()
	for i, first := range moves {
		for j := i; j < len(moves); j++ {
			seconds := moves[j].Sub(first).Seconds()
			if most := float64(nodes) * movesPerSecond * (seconds + 2); float64(j-i+1) > most {
				f.t.Fatalf("%d moves within %.1f s", j-i+1, seconds)
			}
		}
	}
}

// TestNodeLeaves ends a node as SIGTERM does: others have its parts when it is gone, and
// nobody waits for a lease.
func TestNodeLeaves(t *testing.T) {
	model(t, 3, func(f *fleet) {
		began := time.Now()
		if err := f.running[0].terminate(); err != nil {
			t.Fatal(err)
		}
		f.running = f.running[1:]
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("leaving took %s", took)
		}
		f.awaitServed(latency)
		f.awaitBalanced(10 * time.Second)
		f.wantFenced(0)
	})
}

// TestLastNodeLeaves ends the only node, which frees its parts for the next one.
func TestLastNodeLeaves(t *testing.T) {
	model(t, 1, func(f *fleet) {
		if err := f.running[0].terminate(); err != nil {
			t.Fatal(err)
		}
		f.running = nil
		f.add(1)
		f.awaitServed(time.Second + latency)
	})
}

// TestChaos does all of that at random: nodes die, stop, come back and leave, answers of
// the database get lost and statements are carried out late, it goes away, and its clock
// steps. Two nodes never record outcomes for the same part, which settle checks, and in
// the end everything is served. ASTROHOOK_CLUSTER_ROUNDS makes it longer.
func TestChaos(t *testing.T) {
	rounds := 20
	if text := os.Getenv("ASTROHOOK_CLUSTER_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	first := rand.Uint64N(1e9)
	if text := os.Getenv("ASTROHOOK_CLUSTER_SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for round := range rounds {
		seed := first + uint64(round)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
		})
	}
}

func chaos(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	f := &fleet{database: newDatabase(t, seed)}
	f.faulty = true
	f.add(2 + random.IntN(4))
	defer func() { f.end() }()
	for range 25 {
		time.Sleep(time.Duration(random.IntN(9000)) * time.Millisecond)
		f.disturb(random)
	}
	f.set(func() { f.down, f.faulty = false, false })
	for _, p := range f.running {
		p.gate.resume()
	}
	time.Sleep(2 * time.Second)
	f.replaceFenced()
	f.awaitServed(2*DefaultLease + 3*time.Second)
	f.replaceFenced()
	f.awaitBalanced(90 * time.Second)
	f.checkMoves(len(f.running))
	f.set(func() {
		if f.settled < 1000 {
			t.Errorf("only %d outcomes were recorded", f.settled)
		}
	})
}

// disturb does one thing to the cluster.
func (f *fleet) disturb(random *rand.Rand) {
	f.replaceFenced()
	victim := random.IntN(len(f.running))
	switch random.IntN(8) {
	case 0:
		f.running[victim].kill()
		f.replace(victim)
	case 1, 2:
		p := f.running[victim]
		p.gate.stop()
		length := time.Duration(random.IntN(12000)) * time.Millisecond
		f.resuming.Go(func() {
			time.Sleep(length)
			p.gate.resume()
		})
	case 3:
		length := time.Duration(random.IntN(9000)) * time.Millisecond
		f.set(func() { f.down = true })
		time.Sleep(length)
		f.set(func() { f.down = false })
	case 4:
		f.set(func() {
			f.step += []time.Duration{time.Hour, -time.Hour, 4 * time.Second, -4 * time.Second}[random.IntN(4)]
			f.stepped = time.Now()
		})
	case 5:
		if len(f.running) < 6 {
			f.add(1)
		}
	case 6:
		f.running[victim].gate.resume()
		_ = f.running[victim].terminate() // it may have been fenced, or run out of time
		f.running[victim].gate.kill()
		f.replace(victim)
	}
}

// replace starts a process in the place of one that has ended.
func (f *fleet) replace(i int) {
	f.started++
	f.running[i] = f.start(fmt.Sprintf("node %d", f.started), f.started)
}

// replaceFenced starts processes again that have ended because they were fenced.
func (f *fleet) replaceFenced() {
	for i, p := range f.running {
		p.mu.Lock()
		node := p.node
		p.mu.Unlock()
		if node == nil {
			continue
		}
		select {
		case <-node.Fenced():
			p.kill()
			f.replace(i)
		default:
		}
	}
}

// TestPlace checks shares and moves of the placement for clusters of all sizes.
func TestPlace(t *testing.T) {
	var nodes []storage.Incarnation
	random := rand.New(rand.NewPCG(7, 7))
	previous := place(nodes)
	for n := 1; n <= 40; n++ {
		nodes = append(nodes, storage.Incarnation(random.Uint64()))
		shares := make(map[storage.Incarnation]int)
		moved := 0
		now := place(nodes)
		for i, owner := range now {
			shares[owner]++
			if owner != previous[i] {
				moved++
			}
		}
		for _, node := range nodes {
			if most := (256 + n - 1) / n; shares[node] > most {
				t.Errorf("%d nodes: one has %d parts, more than %d", n, shares[node], most)
			}
		}
		if most := 2*256/n + 16; moved > most {
			t.Errorf("%d nodes: %d parts moved when the last one joined, more than %d", n, moved, most)
		}
		previous = now
	}
}
