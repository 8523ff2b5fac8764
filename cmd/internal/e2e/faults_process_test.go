//go:build faults

package e2e

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestFaultStopped stops the process for a while under load, as a suspended machine does,
// and lets it continue.
func TestFaultStopped(t *testing.T) {
	pause := time.Duration(faults(t, 5, 30)) * time.Second
	c := startTrial(t)
	var load sync.WaitGroup
	load.Go(func() { c.publishUpTo(t, 5000) })
	await(t, "some events to be acknowledged", c.acknowledgedAtLeast(500))
	c.signal(t, syscall.SIGSTOP)
	time.Sleep(pause) // the process does nothing for so long
	c.signal(t, syscall.SIGCONT)
	load.Wait()
	if n := c.acknowledged(); uint64(n) < c.ledger.posted() {
		t.Errorf("%d of %d events acknowledged", n, c.ledger.posted())
	}
	c.audit(t)
}

func (c *trial) acknowledged() int {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	return len(c.ledger.acknowledged)
}

func (c *trial) acknowledgedAtLeast(want int) func() error {
	return func() error {
		if n := c.acknowledged(); n < want {
			return fmt.Errorf("%d, want %d", n, want)
		}
		return nil
	}
}

// TestFaultTermination stops the server by SIGTERM under load, again and again.
// Attempts in flight come to their end, so that nothing arrives twice.
func TestFaultTermination(t *testing.T) {
	rounds := faults(t, 3, 30)
	c := startTrial(t)
	for range rounds {
		c.publisher.load(t, 500, func() { c.terminate(t) })
		c.start(t)
		c.awaitReady(t)
	}
	c.audit(t) // no kills: no duplicates
}

// TestFaultDescriptors runs with 256 file descriptors at most, and more
// connections than that from publishers.
func TestFaultDescriptors(t *testing.T) {
	events := faults(t, 5000, 100_000)
	s := newServer(t)
	s.wrap = []string{"sh", "-c", `ulimit -n 256; exec "$@"`, "sh"}
	s.start(t)
	s.awaitReady(t)
	c := tryOn(t, s, fleetKinds)
	var publishers sync.WaitGroup
	until := c.ledger.posted() + uint64(events)
	for range 300 {
		publishers.Go(func() {
			for c.ledger.posted() < until {
				c.publisher.post(t, 1) // refused ones are not acknowledged, that is all
			}
		})
	}
	publishers.Wait()
	if c.acknowledged() == 0 {
		t.Error("nothing was acknowledged")
	}
	c.audit(t)
}

// TestFaultOverload publishes more than ten times what the endpoints take, with
// little memory for the server: it refuses, and does not run out. Each endpoint
// takes sustainable events a second, and one of them gets every event.
func TestFaultOverload(t *testing.T) {
	seconds := faults(t, 20, 300)
	const limit, pending, sustainable = 256, 30_000, 100
	s := newServer(t, fmt.Sprintf("GOMEMLIMIT=%dMiB", limit), fmt.Sprintf("ASTROHOOK_MAX_PENDING=%d", pending))
	s.start(t)
	s.awaitReady(t)
	c := tryOn(t, s, fleetKinds)
	c.setRate(t, fields{"per_second": sustainable, "burst": sustainable})
	var publishers sync.WaitGroup
	refused, mu := map[int]int{}, sync.Mutex{}
	began := time.Now()
	until := began.Add(time.Duration(seconds) * time.Second)
	for i := range 64 {
		publishers.Go(func() {
			for time.Now().Before(until) {
				if status := c.offer(t, 1+i%2*(crashBatch-1)); status != 0 {
					mu.Lock()
					refused[status]++
					mu.Unlock()
				}
			}
		})
	}
	publishers.Wait()
	offered := float64(c.ledger.posted()) / time.Since(began).Seconds()
	peak := s.peakMemory(t)
	t.Logf("%.0f events/s offered, %d sustainable; peak memory %d MiB with GOMEMLIMIT of %d; %d acknowledged; refused: %v",
		offered, sustainable, peak, limit, c.acknowledged(), refused)
	if offered < 10*sustainable {
		t.Error("less than ten times the sustainable load was offered")
	}
	if peak > 3*limit {
		t.Errorf("peak memory %d MiB", peak)
	}
	for status := range refused {
		if status != 429 && status != 503 {
			t.Errorf("refused with status %d", status)
		}
	}
	if refused[429]+refused[503] == 0 {
		t.Error("nothing was refused: no overload")
	}
	c.setRate(t, nil)
	c.audit(t)
}

// setRate limits how much each endpoint takes; nil is no limit.
func (c *trial) setRate(t *testing.T, limit fields) {
	t.Helper()
	for _, m := range c.fleet {
		c.call(t, "PATCH", "/api/webhooks/"+m.id, fields{"rate_limit": limit}, nil)
	}
}

// offer posts events, and returns the status of a refusal, 0 when they were taken.
func (c *trial) offer(t *testing.T, size int) int {
	first := c.ledger.issue(size)
	events := make([]fields, size)
	for i := range events {
		seq := first + uint64(i)
		events[i] = fields{"event_type": eventTypeOf(seq), "data": raw(c.ledger.data(seq))}
	}
	got, err := c.publisher.api.publishBatch(events)
	for i := range got {
		c.ledger.acknowledge(t, first+uint64(i), got[i])
	}
	return statusOf(err)
}
