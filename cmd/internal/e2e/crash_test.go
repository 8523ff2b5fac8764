package e2e

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// crashRounds is the number of kills.
const crashRounds = 20

// TestCrash kills the server at random moments under load and restarts it on the same
// data. In the end every acknowledged event must be accounted for, every arrived event
// must have been published, and no more events may have arrived twice than were in flight.
//
// ASTROHOOK_E2E_SEED repeats a run's choices, though not its timing.
func TestCrash(t *testing.T) {
	seed := crashSeed(t)
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := startServer(t)
	ledger := newCrashLedger(seed, fleetKinds)
	fleet := startFleet(t, s, ledger)
	p := &publisher{api: &s.api, ledger: ledger}
	for round := range crashRounds {
		if round%5 == 4 { // while it starts, recovering
			s.kill()
			s.start(t)
			select {
			case <-time.After(time.Duration(random.IntN(150)) * time.Millisecond):
			case <-s.exited:
				t.Fatalf("the server ended by itself: %v", s.exit)
			}
			s.restart(t)
			continue
		}
		p.load(t, 50+random.IntN(1500), s.kill)
		s.start(t)
		s.awaitReady(t)
	}
	for _, e := range fleet {
		s.awaitDrained(t, 2*patience, e.id)
	}
	t.Logf("%d events posted, %d acknowledged", ledger.posted(), len(ledger.acknowledged))
	for _, e := range fleet {
		audit{t, s, ledger, e}.run(crashRounds)
	}
}

func crashSeed(t *testing.T) uint64 {
	t.Helper()
	text, set := os.LookupEnv("ASTROHOOK_E2E_SEED")
	if !set {
		return rand.Uint64N(1e9)
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("ASTROHOOK_E2E_SEED: %v", err)
	}
	return seed
}

// publisher posts events over many connections until the server goes away.
type publisher struct {
	api    *api
	ledger *crashLedger
}

const (
	singlePublishers = 24
	batchPublishers  = 4
	crashBatch       = 25
)

// load publishes, calls kill after so many acknowledgements, and returns when all
// publishers have noticed.
func (p *publisher) load(t *testing.T, acknowledgements int, kill func()) {
	t.Helper()
	reached := make(chan struct{})
	var once sync.Once
	left := newCountdown(acknowledgements)
	acknowledge := func(n int) {
		if left.take(n) {
			once.Do(func() { close(reached) })
		}
	}
	var workers sync.WaitGroup
	for i := range singlePublishers + batchPublishers {
		size := 1
		if i < batchPublishers {
			size = crashBatch
		}
		workers.Go(func() {
			for p.post(t, size) {
				acknowledge(size)
			}
		})
	}
	select {
	case <-reached:
	case <-time.After(patience):
		t.Errorf("the server acknowledged too little in %s", patience)
	}
	kill()
	workers.Wait()
}

// post publishes the next events, and reports whether they were acknowledged.
func (p *publisher) post(t *testing.T, size int) bool {
	first := p.ledger.issue(size)
	if size == 1 {
		got, err := p.api.publish(eventTypeOf(first), p.ledger.data(first))
		if err == nil {
			p.ledger.acknowledge(t, first, got)
		}
		return err == nil
	}
	events := make([]fields, size)
	for i := range events {
		seq := first + uint64(i)
		events[i] = fields{"event_type": eventTypeOf(seq), "data": raw(p.ledger.data(seq))}
	}
	got, err := p.api.publishBatch(events)
	for i := range got {
		p.ledger.acknowledge(t, first+uint64(i), got[i])
	}
	return err == nil
}

// countdown reports once that it has reached zero.
type countdown struct {
	mu   sync.Mutex
	left int
}

func newCountdown(n int) *countdown { return &countdown{left: n} }

// take counts n down and reports whether zero is reached.
func (c *countdown) take(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left -= n
	return c.left <= 0
}
