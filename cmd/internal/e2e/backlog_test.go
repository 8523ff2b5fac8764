package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// backlogEvents is the number of events that wait for an endpoint that is down.
	backlogEvents = 1_000_000
	backlogBatch  = 1000
	// backlogMemory bounds the server's memory, in MiB, whatever the backlog.
	backlogMemory = 600
)

// TestBacklog lets a million deliveries wait for an endpoint that is down, kills the
// server, starts the endpoint, kills the server again while it drains, and expects every
// delivery to arrive, in bounded memory.
func TestBacklog(t *testing.T) {
	s := startServer(t, fmt.Sprintf("ASTROHOOK_CLIENT_MAX_PENDING=%d", 2*backlogEvents))
	b := &backlog{}
	sub := newSubscriber(t, b.receive)
	const concurrency = 64
	endpoint := s.register(t, "patient", fields{
		"event_type": "report.generated", "target_url": sub.url("/"), "secret": plainSecret, "concurrency": concurrency,
		"retry_policy":    fields{"max_attempts": 100, "initial_delay_ms": 100, "multiplier": 1, "max_delay_ms": 100},
		"circuit_breaker": fields{"failures": 5, "open_ms": 100, "max_open_ms": 400},
	})
	begin := time.Now()
	publishBacklog(t, s)
	t.Logf("published in %s", time.Since(begin))
	b.check(t, s, "with all pending")

	s.restart(t)
	await(t, "the server to have counted", func() error {
		if h := s.health(t, endpoint); h.Queued+h.Retrying != backlogEvents {
			return fmt.Errorf("%d queued and %d retrying, want %d in all", h.Queued, h.Retrying, backlogEvents)
		}
		return nil
	})
	b.check(t, s, "after a restart")

	sub.start(t)
	begin = time.Now()
	b.await(t, backlogEvents/2)
	b.check(t, s, "half drained")
	s.restart(t)
	b.await(t, backlogEvents)
	t.Logf("drained in %s", time.Since(begin))
	s.awaitDrained(t, patience, endpoint)
	b.check(t, s, "drained")
	if h := s.health(t, endpoint); h.Queued+h.Retrying != 0 {
		t.Errorf("%d queued and %d retrying in the end", h.Queued, h.Retrying)
	}
	duplicates, bound := b.total.Load()-backlogEvents, int64(concurrency*(1+maxUnsettled))
	t.Logf("%d arrived twice", duplicates)
	if duplicates > bound {
		t.Errorf("%d duplicates, more than the %d that can have been in flight", duplicates, bound)
	}
}

// backlog is a receiver that counts events.
type backlog struct {
	arrived [backlogEvents]atomic.Bool
	// distinct events, and deliveries in total.
	distinct, total, foreign atomic.Int64
}

func (b *backlog) receive(ctx *fasthttp.RequestCtx) {
	_, text, _ := bytes.Cut(ctx.PostBody(), []byte(`"data":{"n":`))
	n, err := strconv.Atoi(string(bytes.TrimSuffix(text, []byte("}}"))))
	if err != nil || n < 0 || n >= backlogEvents {
		b.foreign.Add(1)
		return
	}
	b.total.Add(1)
	if !b.arrived[n].Swap(true) {
		b.distinct.Add(1)
	}
}

// await waits until so many events have arrived. It fails when none has arrived for a
// while, so that a slow machine does not fail the test.
func (b *backlog) await(t *testing.T, want int64) {
	t.Helper()
	last, since := int64(-1), time.Now()
	awaitFor(t, 10*patience, "the backlog", func() error {
		n := b.distinct.Load()
		if n != last {
			last, since = n, time.Now()
		}
		if n >= want {
			return nil
		}
		if time.Since(since) > patience {
			t.Fatalf("nothing arrived for %s, after %d of %d", patience, n, want)
		}
		return fmt.Errorf("%d of %d", n, want)
	})
}

// check compares the server's memory with the bound, and looks for foreign bodies.
func (b *backlog) check(t *testing.T, s *server, when string) {
	t.Helper()
	peak := s.peakMemory(t)
	t.Logf("%s: peak memory %d MiB", when, peak)
	if peak > backlogMemory {
		t.Errorf("%s: peak memory %d MiB, more than %d", when, peak, backlogMemory)
	}
	if n := b.foreign.Load(); n > 0 {
		t.Errorf("%s: %d foreign bodies", when, n)
	}
}

// publishBacklog publishes all events in batches.
func publishBacklog(t *testing.T, s *server) {
	t.Helper()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				first := next.Add(backlogBatch) - backlogBatch
				if first >= backlogEvents {
					return
				}
				body := []byte{'['}
				for n := first; n < first+backlogBatch; n++ {
					body = fmt.Appendf(body, `{"event_type":"report.generated","data":{"n":%d}},`, n)
				}
				body[len(body)-1] = ']'
				answer, err := s.send(http.MethodPost, "/api/events/batch", body)
				if err != nil || bytes.Count(answer, []byte(`"evt_`)) != backlogBatch {
					t.Errorf("publish a batch: %.300s, %v", answer, err)
					return
				}
			}
		})
	}
	workers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
