package loadgen

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pacer is the schedule of an open loop: when each request is due, however late the
// answers to those before it are.
type pacer struct {
	start time.Time
	// rate is in requests per second.
	rate float64
	// count is how many requests there are.
	count int
}

// due returns when the n-th request, from 0, is to be sent. It is computed from the start,
// not from the request before, so that errors of rounding do not add up.
func (p pacer) due(n int) time.Time {
	return p.start.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
}

// run hands out the due times in order, none of them early. A consumer that
// falls behind gets them late and unchanged: latencies count from there, so that
// a stalled server is charged for the requests that it kept waiting.
func (p pacer) run(ctx context.Context, sleep func(time.Duration), out chan<- turn) {
	defer close(out)
	for n := range p.count {
		due := p.due(n)
		if wait := time.Until(due); wait > 0 {
			sleep(wait)
		}
		if ctx.Err() != nil { // select would choose by chance when both are ready
			return
		}
		select {
		case out <- turn{n, due}:
		case <-ctx.Done():
			return
		}
	}
}

// turn is a request's number and the time at which it is due.
type turn struct {
	n   int
	due time.Time
}

// sleepOnThread sleeps with the kernel's precision. The runtime's timers are up to a
// millisecond late when nothing else happens, and half a millisecond is what the latency
// scenario measures.
func sleepOnThread(d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	wait := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&wait, nil) // cut short by a signal, the caller sends early once
}
