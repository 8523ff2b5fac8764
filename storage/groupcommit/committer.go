// Package groupcommit gathers the writes of concurrent callers into groups, each of
// which a backend commits as one synced transaction. A sync costs the same for one
// write and for a thousand, so the throughput of a store is that of its groups.
//
// The package decides order, grouping over time, what waits and what is refused
// while the disk is full, and what happens after a failure. It does not know what a
// write is, nor how it reaches the disk: that is the backend's Commit function.
package groupcommit

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Options are the backend's side of a Committer.
type Options[J Job] struct {
	// Commit writes as many of the jobs as fit into one transaction, in their order,
	// and returns how many it took: at least one. When it returns, they are synced.
	// An error means that nobody knows what reached the disk; it breaks the committer.
	// Only one call runs at a time. A job that fails alone is reported with Ticket.Fail.
	Commit func(jobs []J) (int, error)
	// Admits reports whether the disk has room for a write. As long as it admits
	// Publishes it must admit everything. Nil admits all.
	Admits func(Urgency) bool
	// Full is the error of jobs that are refused because Admits does not admit them.
	Full error
	// Closed is the error of jobs that are submitted after Close.
	Closed error
	// Patience is for how long a job of urgency Publishes waits for its commit. Then its
	// Done is called with Overdue, from another goroutine and before those of older jobs,
	// and nobody knows whether it is committed. 0 is for ever.
	Patience time.Duration
	// Overdue is the error of jobs whose commit takes longer than Patience.
	Overdue error
}

// Committer commits jobs in the order in which they were submitted, and calls their
// Done functions in that order, from one goroutine. New makes it.
//
// While one group is being synced the next jobs gather; they form the next group. The
// goroutine runs only while there are jobs, so an idle store costs none.
type Committer[J Job] struct {
	options Options[J]

	mu       sync.Mutex // guards what follows
	idle     sync.Cond  // signalled when accepted becomes 0
	waiting  []J
	running  bool
	closed   bool
	waits    waits // of those that Patience applies to
	accepted int   // jobs submitted before Close that are not done yet
	err      error // why nothing can be committed any more

	broken  chan struct{} // closed with err
	closing chan struct{} // closed by Close
}

// New returns a committer without jobs.
func New[J Job](o Options[J]) *Committer[J] {
	c := &Committer[J]{options: o, broken: make(chan struct{}), closing: make(chan struct{})}
	c.idle.L = &c.mu
	return c
}

// Submit hands jobs over and returns at once. No job of another call comes between
// them, though they may be committed in several groups.
func (c *Committer[J]) Submit(jobs ...J) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range jobs {
		t := j.ticket()
		if t.late = c.closed; !t.late {
			c.accepted++
		}
		c.waiting = append(c.waiting, j)
		if c.options.Patience > 0 && t.Urgency == Publishes {
			c.waits.add(t, c.options.Patience, c.finishOverdue)
		}
	}
	if !c.running {
		c.running = true
		go c.run()
	}
}

// Do submits a job and waits until it is done; it sets the job's Done. If ctx ends
// first, Do returns its error, and the write may still happen.
func (c *Committer[J]) Do(ctx context.Context, j J) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1) // has room: the committer must not block
	j.ticket().Done = func(err error) { done <- err }
	c.Submit(j)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run commits until no jobs are left. After a group it lets those run whom the group's
// Dones have woken: what they submit is in the next group then, not in the one after it.
func (c *Committer[J]) run() {
	for jobs := c.take(nil); len(jobs) > 0; jobs = c.take(jobs) {
		for rest := c.admit(jobs); len(rest) > 0; rest = c.admit(rest) {
			n, err := c.commit(rest)
			for _, j := range rest[:n] {
				j.ticket().finish(err)
			}
			c.finished(rest[:n])
			rest = rest[n:]
		}
		runtime.Gosched()
	}
}

// take returns the jobs that have gathered. last is the slice that it returned
// before: its memory is used again.
func (c *Committer[J]) take(last []J) []J {
	clear(last)
	c.mu.Lock()
	defer c.mu.Unlock()
	jobs := c.waiting
	c.waiting = last[:0]
	c.running = len(jobs) > 0
	return jobs
}

// commit commits some of the jobs, at least one, and returns how many and with what result.
func (c *Committer[J]) commit(jobs []J) (int, error) {
	if err := c.Err(); err != nil {
		return len(jobs), err
	}
	if late := slices.IndexFunc(jobs, func(j J) bool { return j.ticket().late }); late >= 0 {
		if jobs = jobs[:late]; late == 0 {
			return 1, c.options.Closed
		}
	}
	n, err := c.options.Commit(jobs)
	if err != nil {
		return max(n, 1), c.Break(fmt.Errorf("commit: %w", err))
	}
	return n, nil
}

// finished counts jobs whose Done was called.
func (c *Committer[J]) finished(jobs []J) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range jobs {
		if !j.ticket().late {
			c.accepted--
		}
	}
	c.waits.forget()
	if c.accepted == 0 {
		c.idle.Broadcast()
	}
}

// Break refuses all later writes, because of a failure that the backend learned of
// outside Commit. It returns the error that they fail with: webhook.ErrBroken and
// the cause of the first call.
func (c *Committer[J]) Break(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = fmt.Errorf("%w: %w", webhook.ErrBroken, cause)
		close(c.broken)
	}
	return c.err
}

// Broken returns a channel that is closed once nothing can be committed any more.
func (c *Committer[J]) Broken() <-chan struct{} { return c.broken }

// Err returns why nothing can be committed any more; nil while it can.
func (c *Committer[J]) Err() error {
	select {
	case <-c.broken:
	default:
		return nil // the usual case takes no lock: every read of a store asks
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close refuses jobs from now on, and returns when those submitted before are done.
// Jobs that wait for room on a full disk are refused too. It is safe to call twice.
func (c *Committer[J]) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.closing)
	}
	for c.accepted > 0 {
		c.idle.Wait()
	}
}
