package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// load says what a generator sends, where, and how fast.
type load struct {
	shape       requestShape
	address     string // host:port
	run         uint32
	connections int
	// rate, in events per second, makes an open loop; 0 a closed one, in which
	// each connection sends when it has got its answer.
	rate     float64
	duration time.Duration
	// events, if not 0, ends the load instead of duration; a multiple of the batch.
	events uint64
}

// published is what a generator did.
type published struct {
	// issued counts the events sent, acknowledged or not: their numbers are 0 to issued-1.
	issued uint64
	// acknowledged counts those that the server promised to deliver.
	acknowledged uint64
	// unknown are the numbers of those that got no answer: they may arrive, or not.
	unknown map[uint64]bool
	// refused counts answers that asked to come again later. The events were sent again.
	refused uint64
	// elapsed is from the first request to the last answer.
	elapsed time.Duration
	// answers are the times from when a request was due to its answer.
	answers latencies
}

// generator runs a load.
type generator struct {
	load    load
	next    atomic.Uint64
	refused atomic.Uint64
	meter   *meter

	mu      sync.Mutex
	unknown map[uint64]bool
}

// maxUnknown is how many events may go without an answer before the run is given up.
const maxUnknown = 10_000

// generate runs the load to its end.
func generate(ctx context.Context, l load) (published, error) {
	g := &generator{load: l, meter: newMeter(), unknown: map[uint64]bool{}}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	turns := g.turns(ctx, start)
	var workers sync.WaitGroup
	for range l.connections {
		workers.Go(func() {
			if err := g.work(ctx, start, turns); err != nil {
				cancel(err)
			}
		})
	}
	workers.Wait()
	issued := g.next.Load()
	if l.events > 0 {
		issued = min(issued, l.events)
	}
	p := published{
		issued:       issued,
		acknowledged: issued - uint64(len(g.unknown)),
		unknown:      g.unknown,
		refused:      g.refused.Load(),
		elapsed:      time.Since(start),
		answers:      summarise(g.meter.merged()),
	}
	return p, context.Cause(ctx)
}

// turns gives the schedule of an open loop; nil for a closed one.
func (g *generator) turns(ctx context.Context, start time.Time) <-chan turn {
	if g.load.rate == 0 {
		return nil
	}
	rate := g.load.rate / float64(g.load.shape.batch)
	p := pacer{start: start, rate: rate, count: int(rate * g.load.duration.Seconds())}
	turns := make(chan turn, 64)
	go p.run(ctx, sleepOnThread, turns) // ends with ctx at the latest
	return turns
}

// work sends requests over one connection until the load is done.
func (g *generator) work(ctx context.Context, start time.Time, turns <-chan turn) error {
	c := &connection{address: g.load.address}
	defer c.close()
	r := newRequest(g.load.shape)
	for ctx.Err() == nil {
		due := time.Now()
		if turns == nil && g.load.events == 0 && due.Sub(start) >= g.load.duration {
			return nil
		}
		if turns != nil {
			t, more := <-turns
			if !more {
				return nil
			}
			due = t.due
		}
		batch := uint64(len(r.events))
		first := g.next.Add(batch) - batch
		if g.load.events > 0 && first >= g.load.events {
			return nil
		}
		r.stamp(stamp{run: g.load.run, seq: first, sent: due.UnixNano()})
		if err := g.send(ctx, c, r, due, first); err != nil {
			return err
		}
	}
	return nil
}

// send publishes a request's events, again and again while the server asks to wait.
func (g *generator) send(ctx context.Context, c *connection, r *request, due time.Time, first uint64) error {
	batch := uint64(len(r.events))
	for {
		a, err := c.exchange(r.raw)
		if err != nil {
			return g.lose(first, batch, err)
		}
		if a.status != 429 && a.status != 503 {
			g.meter.record(first, time.Since(due))
			return check(a, len(r.events))
		}
		g.refused.Add(1)
		select {
		case <-time.After(min(max(a.retryAfter, 10*time.Millisecond), time.Second)):
		case <-ctx.Done():
			return g.lose(first, batch, ctx.Err())
		}
	}
}

// lose notes events without an answer, and gives up when there are too many.
func (g *generator) lose(first, batch uint64, cause error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range batch {
		g.unknown[first+i] = true
	}
	if len(g.unknown) > maxUnknown {
		return fmt.Errorf("more than %d events without an answer, the last because: %w", maxUnknown, cause)
	}
	return nil
}

var errRefused = errors.New("the server refused an event of the bench")

var acceptedID = []byte(`"evt_`)

// check tells whether every event of a request was accepted.
func check(a answer, events int) error {
	if a.status != 200 && a.status != 202 {
		return fmt.Errorf("%w: status %d: %.300s", errRefused, a.status, a.body)
	}
	if events > 1 && bytes.Count(a.body, acceptedID) != events {
		return fmt.Errorf("%w: of a batch of %d: %.300s", errRefused, events, a.body)
	}
	return nil
}
