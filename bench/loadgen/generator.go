// Package loadgen is the near end of a measurement: it publishes events over its own
// connections, as fast as answers come or on a schedule, and measures the answers.
//
// What belongs here: requests written in advance, the connections that send them, the
// schedule, and the account of what was published. What does not: what the events
// contain (event), what becomes of them (receiver), and which loads there are
// (scenarios, in the command itself).
//
// The generator shares its processors with the server that it measures. So it writes
// a request once, overwrites a few bytes of it for each use, and reads no more of an
// answer than it needs.
package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/latency"
)

// Load is what a generator sends, where, and how fast.
type Load struct {
	Shape Shape
	// Addresses, each host:port, are taken by the connections in turn.
	Addresses []string
	// Run names the run in the data of every event.
	Run uint32
	// Connections is how many requests can be in flight: one on each connection.
	Connections int
	// Rate, in events per second, makes an open loop; 0 a closed one, in which
	// each connection sends when it has got its answer.
	Rate float64
	// Duration is how long requests are begun. Answers may take longer.
	Duration time.Duration
	// Events, if not 0, ends the load instead of duration; a multiple of the batch.
	Events uint64
}

// Published is the outcome of a load.
type Published struct {
	// Issued counts the events sent, acknowledged or not: their numbers are 0 to issued-1.
	Issued uint64
	// Acknowledged counts those that the server promised to deliver.
	Acknowledged uint64
	// Unknown are the numbers of those that got no answer: they may arrive, or not.
	Unknown map[uint64]bool
	// Refused counts answers that asked to come again later. The events were sent again.
	Refused uint64
	// Elapsed is from the first request to the last answer.
	Elapsed time.Duration
	// Answers are the times from when a request was due to its answer.
	Answers latency.Summary
}

// generator runs a load.
type generator struct {
	load Load
	// next is the number of the next event. Connections take numbers as they become free,
	// so the numbers of a run have no gaps, whichever connection is slow.
	next    atomic.Uint64
	refused atomic.Uint64
	meter   *latency.Meter

	mu sync.Mutex
	// unknown are the events without an answer.
	unknown map[uint64]bool
}

// maxUnknown is how many events may stay without an answer.
const maxUnknown = 10_000

// Generate runs the load to its end. It ends early with the context, at an event that the
// server refuses for good, and when too many events get no answer; what was published
// until then is returned with the error.
func Generate(ctx context.Context, l Load) (Published, error) {
	g := &generator{load: l, meter: latency.NewMeter(), unknown: map[uint64]bool{}}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	turns := g.turns(ctx, start)
	var workers sync.WaitGroup
	for i := range l.Connections {
		workers.Go(func() {
			if err := g.work(ctx, l.Addresses[i%len(l.Addresses)], start, turns); err != nil {
				cancel(err)
			}
		})
	}
	workers.Wait()
	issued := g.next.Load()
	if l.Events > 0 {
		issued = min(issued, l.Events)
	}
	p := Published{
		Issued:       issued,
		Acknowledged: issued - uint64(len(g.unknown)),
		Unknown:      g.unknown,
		Refused:      g.refused.Load(),
		Elapsed:      time.Since(start),
		Answers:      g.meter.Summary(),
	}
	return p, context.Cause(ctx)
}

// turns starts the schedule of an open loop, and returns nil for a closed one.
func (g *generator) turns(ctx context.Context, start time.Time) <-chan turn {
	if g.load.Rate == 0 {
		return nil
	}
	rate := g.load.Rate / float64(g.load.Shape.Batch)
	p := pacer{start: start, rate: rate, count: int(rate * g.load.Duration.Seconds())}
	turns := make(chan turn, 64)        // a pacer that has to wait for a worker would be late
	go p.run(ctx, sleepOnThread, turns) // ends with ctx at the latest
	return turns
}

// work sends requests over one connection until the load is done. In an open loop a
// request's time counts from when it was due, in a closed one from when it is sent.
func (g *generator) work(ctx context.Context, address string, start time.Time, turns <-chan turn) error {
	c := &connection{address: address}
	defer c.close()
	r := newRequest(g.load.Shape)
	for ctx.Err() == nil {
		due := time.Now()
		if turns == nil && g.load.Events == 0 && due.Sub(start) >= g.load.Duration {
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
		if g.load.Events > 0 && first >= g.load.Events {
			return nil
		}
		r.stamp(event.Stamp{Run: g.load.Run, Seq: first, Sent: due.UnixNano()})
		if err := g.send(ctx, c, r, due, first); err != nil {
			return err
		}
	}
	return nil
}

// send publishes a request's events, again and again while the server asks to wait. The
// wait is between 10 ms and 1 s, whatever the server asks: a run must end.
func (g *generator) send(ctx context.Context, c *connection, r *request, due time.Time, first uint64) error {
	batch := uint64(len(r.events))
	for {
		a, err := c.exchange(r.raw)
		if err != nil {
			return g.lose(first, batch, err)
		}
		if a.status != 429 && a.status != 503 {
			g.meter.Record(first, time.Since(due))
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

// lose notes events without an answer. It returns an error when there are too many: the
// server is gone, and the run would say nothing.
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

// errRefused means that the server answered neither that it accepts nor that it is busy.
var errRefused = errors.New("the server refused an event of the bench")

// acceptedID begins the id of each event of a batch that was accepted.
var acceptedID = []byte(`"evt_`)

// check returns an error unless every event of a request was accepted: the bench publishes
// nothing that a server may refuse.
func check(a answer, events int) error {
	if a.status != 200 && a.status != 202 {
		return fmt.Errorf("%w: status %d: %.300s", errRefused, a.status, a.body)
	}
	if events > 1 && bytes.Count(a.body, acceptedID) != events {
		return fmt.Errorf("%w: of a batch of %d: %.300s", errRefused, events, a.body)
	}
	return nil
}
