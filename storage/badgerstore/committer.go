package badgerstore

import (
	"context"
	"fmt"
	"slices"
	"sync"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// Bounds of one transaction, below those of Badger for memtableSize: 15 % of it
// in bytes, and a number of keys that keeps a skip list's nodes in as much.
const (
	maxGroupOps   = 45_000
	maxGroupBytes = 4 << 20
)

// job is a write on its way into a transaction.
type job struct {
	// change is ready, or made by plan.
	change *change
	// plan reads what the write depends on. It sees every write before it, also
	// those of its own transaction. Its error fails this job only.
	plan func(tx *badger.Txn) (*change, error)
	// done learns what became of it.
	done func(error)
	// urgency decides what becomes of it while the disk is full.
	urgency urgency
	// first is a job before this one without which it has nothing to do; nil for none.
	first *job

	planned bool
	refused bool // it came after close
	err     error
}

// committer groups the writes of all callers into synced transactions, in the
// order in which they were handed over.
//
// While one transaction is being synced, the next jobs gather; when it is done,
// they go into the next one together. A goroutine runs only while there are jobs.
type committer struct {
	db *badger.DB
	// applied is called with each change of a committed transaction, before dones.
	applied func([]*change)
	// admits reports whether the disk has room for a write.
	admits func(urgency) bool
	// commits is the number of the last commit, which is stored with each: only run uses it.
	commits uint64
	// pending is how many deliveries were queued or retrying after it, which is stored too.
	pending int64

	mu       sync.Mutex
	idle     sync.Cond // signalled when accepted becomes 0
	waiting  []*job
	running  bool
	closed   bool
	accepted int   // jobs handed over before close and not done yet
	err      error // why nothing can be committed any more

	broken  chan struct{}
	closing chan struct{} // closed by close
}

func newCommitter(db *badger.DB, applied func([]*change)) *committer {
	c := &committer{
		db: db, applied: applied, admits: func(urgency) bool { return true },
		broken: make(chan struct{}), closing: make(chan struct{}),
	}
	c.idle.L = &c.mu
	return c
}

// submit hands jobs over and returns at once. No other job comes between them.
func (c *committer) submit(jobs ...*job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range jobs {
		if j.refused = c.closed; !j.refused {
			c.accepted++
		}
		c.waiting = append(c.waiting, j)
	}
	if !c.running {
		c.running = true
		go c.run()
	}
}

// do submits a planned write and waits for it. If ctx ends first, the write may
// still happen.
func (c *committer) do(ctx context.Context, u urgency, plan func(tx *badger.Txn) (*change, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	c.submit(&job{plan: plan, urgency: u, done: func(err error) { done <- err }})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run commits until there is nothing left to commit.
func (c *committer) run() {
	for jobs := c.take(nil); len(jobs) > 0; jobs = c.take(jobs) {
		for rest := c.sift(jobs); len(rest) > 0; rest = c.sift(rest) {
			n, err := c.settle(rest)
			for _, j := range rest[:n] {
				j.finish(err)
			}
			c.finished(rest[:n])
			rest = rest[n:]
		}
	}
}

// take gives what has gathered since; last is what it gave before, done with.
func (c *committer) take(last []*job) []*job {
	clear(last)
	c.mu.Lock()
	defer c.mu.Unlock()
	jobs := c.waiting
	c.waiting = last[:0]
	c.running = len(jobs) > 0
	return jobs
}

// settle commits some of the jobs, or tells why they cannot be.
func (c *committer) settle(jobs []*job) (int, error) {
	if err := c.failure(); err != nil {
		return len(jobs), err
	}
	if late := slices.IndexFunc(jobs, func(j *job) bool { return j.refused }); late >= 0 {
		if jobs = jobs[:late]; late == 0 {
			return 1, errClosed
		}
	}
	return c.commit(jobs)
}

func (c *committer) finished(jobs []*job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range jobs {
		if !j.refused {
			c.accepted--
		}
	}
	if c.accepted == 0 {
		c.idle.Broadcast()
	}
}

func (j *job) finish(err error) {
	if err == nil {
		err = j.err
	}
	j.done(err)
}

// commit puts as many jobs as fit into one transaction, at least one, and syncs
// it. An error means that the store is broken.
func (c *committer) commit(jobs []*job) (int, error) {
	tx := c.db.NewTransaction(true)
	defer tx.Discard()
	changes, err := c.fill(tx, jobs)
	n := len(changes)
	if err == nil {
		err = c.failure() // what was read for it may lack what a damaged block held
	}
	if err == nil {
		err = c.commitNumbered(tx, changes)
	}
	if err != nil {
		return max(n, 1), c.breakDown(fmt.Errorf("commit: %w", err))
	}
	c.applied(changes)
	return n, nil
}

// commitNumbered commits with the next number and the new count of what is
// pending, unless there is nothing to commit.
func (c *committer) commitNumbered(tx *badger.Txn, changes []*change) error {
	now := tally{commits: c.commits, pending: c.pending}
	writes := false
	for _, change := range changes {
		now.pending += change.pending()
		writes = writes || len(change.ops) > 0
	}
	if writes {
		now.commits++
		if err := now.write(tx); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	c.commits, c.pending = now.commits, now.pending
	return nil
}

// fill plans jobs and writes their changes to tx until it is full. There is an
// empty change for each job that failed.
func (c *committer) fill(tx *badger.Txn, jobs []*job) ([]*change, error) {
	changes := make([]*change, 0, len(jobs))
	ops, bytes := 0, 0
	for _, j := range jobs {
		j.prepare(tx)
		ops, bytes = ops+len(j.change.ops), bytes+j.change.bytes
		if len(changes) > 0 && (ops > maxGroupOps || bytes > maxGroupBytes) {
			break // its plan still holds: nothing comes in between
		}
		changes = append(changes, j.change)
		if err := j.change.write(tx); err != nil {
			return changes, err
		}
	}
	return changes, nil
}

func (j *job) prepare(tx *badger.Txn) {
	if j.plan != nil && !j.planned {
		j.change, j.err = j.plan(tx)
		j.planned = true
	}
	if j.change == nil || j.err != nil {
		j.change = &change{}
	}
}

func (c *change) write(tx *badger.Txn) error {
	for i := range c.ops {
		o := &c.ops[i]
		var err error
		if o.remove {
			err = tx.Delete(o.entry.Key)
		} else {
			err = tx.SetEntry(&o.entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// breakDown refuses all further writes: after an error Badger may go on serving
// what is not on disk.
func (c *committer) breakDown(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = fmt.Errorf("%w: %w", webhook.ErrBroken, cause)
		close(c.broken)
	}
	return c.err
}

// failure is why nothing can be committed any more, nil while it can.
func (c *committer) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// close refuses what is handed over from now on, and returns when everything
// before it is done.
func (c *committer) close() {
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
