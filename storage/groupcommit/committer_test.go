package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errFull   = errors.New("full")
	errClosed = errors.New("closed")
	errBad    = errors.New("bad job")
)

// named is a job that the fake disk keeps by its name.
type named struct {
	Ticket
	name      string
	bad       bool // fails alone
	replanned int
}

func (n *named) Replan() { n.replanned++ }

// disk is a backend that keeps the groups it was asked to commit.
type disk struct {
	t  *testing.T
	mu sync.Mutex
	// groups are the names of what was committed together.
	groups [][]string
	most   int // jobs in one group; 0 for all
	fails  error
	full   bool
	// gate, if not nil, holds each commit until something is received.
	gate chan struct{}
	// done are the names of jobs in the order of their Dones, with their errors.
	done []string
	// committing is how many commits are under way.
	committing atomic.Int32
}

func (d *disk) commit(jobs []*named) (int, error) {
	if d.committing.Add(1) > 1 {
		d.t.Error("two commits at a time")
	}
	defer d.committing.Add(-1)
	if d.gate != nil {
		<-d.gate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil {
		return 0, d.fails
	}
	if d.most > 0 {
		jobs = jobs[:min(d.most, len(jobs))]
	}
	var group []string
	for _, j := range jobs {
		if j.bad {
			j.Fail(errBad)
			continue
		}
		group = append(group, j.name)
	}
	d.groups = append(d.groups, group)
	return len(jobs), nil
}

func (d *disk) admits(u Urgency) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.full || u == Frees
}

func (d *disk) setFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func (d *disk) committer() *Committer[*named] {
	return New(Options[*named]{Commit: d.commit, Admits: d.admits, Full: errFull, Closed: errClosed})
}

// job makes a job whose Done notes the result in d.done.
func (d *disk) job(name string, u Urgency) *named {
	j := &named{name: name, Ticket: Ticket{Urgency: u}}
	j.Done = func(err error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if err != nil {
			name += ": " + err.Error()
		}
		d.done = append(d.done, name)
	}
	return j
}

func (d *disk) want(what string, got, want any) {
	d.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// in runs a test in a bubble, in which Wait lets everything happen that can.
func in(t *testing.T, run func(d *disk, c *Committer[*named])) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{t: t}
		c := d.committer()
		defer c.Close()
		run(d, c)
	})
}

// TestJobsGatherWhileACommitRuns: the jobs that come during one sync share the next.
func TestJobsGatherWhileACommitRuns(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.gate = make(chan struct{})
		c.Submit(d.job("a", Settles))
		synctest.Wait()
		for _, name := range []string{"b", "c", "d"} {
			c.Submit(d.job(name, Settles))
		}
		d.gate <- struct{}{}
		d.gate <- struct{}{}
		synctest.Wait()
		d.want("groups", d.groups, [][]string{{"a"}, {"b", "c", "d"}})
		d.want("done", d.done, []string{"a", "b", "c", "d"})
	})
}

// TestOrderIsKept: a backend that takes less than all gets the rest next.
func TestOrderIsKept(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.most = 2
		c.Submit(d.job("a", Settles), d.job("b", Publishes), d.job("c", Changes), d.job("d", Frees), d.job("e", Settles))
		synctest.Wait()
		d.want("groups", d.groups, [][]string{{"a", "b"}, {"c", "d"}, {"e"}})
		d.want("done", d.done, []string{"a", "b", "c", "d", "e"})
	})
}

// TestAJobFailsAlone: the others of its group are committed.
func TestAJobFailsAlone(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		bad := d.job("bad", Settles)
		bad.bad = true
		c.Submit(d.job("a", Settles), bad, d.job("b", Settles))
		synctest.Wait()
		d.want("done", d.done, []string{"a", "bad: bad job", "b"})
		d.want("err", c.Err(), nil)
	})
}

// TestAFailedCommitBreaks: the group fails, all later ones too, and the first cause stays.
func TestAFailedCommitBreaks(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.fails = errors.New("I/O error")
		c.Submit(d.job("a", Settles))
		synctest.Wait()
		select {
		case <-c.Broken():
		default:
			d.t.Fatal("Broken is not closed")
		}
		first := c.Err()
		if !errors.Is(first, webhook.ErrBroken) || !errors.Is(first, d.fails) {
			t.Errorf("Err: %v", first)
		}
		d.fails = nil
		if again := c.Break(errors.New("another")); !errors.Is(again, first) {
			t.Errorf("Break: %v, want the first cause", again)
		}
		if err := c.Do(d.t.Context(), d.job("b", Frees)); !errors.Is(err, webhook.ErrBroken) {
			t.Errorf("after it: %v", err)
		}
		d.want("groups", d.groups, [][]string(nil))
	})
}

// TestDo: it waits for the result, and does not start when its context has ended.
func TestDo(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		if err := c.Do(d.t.Context(), &named{name: "a"}); err != nil {
			t.Error(err)
		}
		if err := c.Do(d.t.Context(), &named{name: "b", bad: true}); !errors.Is(err, errBad) {
			t.Error(err)
		}
		ended, end := context.WithCancel(d.t.Context())
		end()
		if err := c.Do(ended, &named{name: "never"}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		d.gate = make(chan struct{})
		waiting, giveUp := context.WithCancel(d.t.Context())
		result := make(chan error, 1)
		go func() { result <- c.Do(waiting, &named{name: "late"}) }()
		synctest.Wait()
		giveUp()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		d.gate <- struct{}{} // the write happens all the same
		synctest.Wait()
		d.want("groups", d.groups, [][]string{{"a"}, nil, {"late"}})
	})
}

// TestClose: what was submitted before is committed first, and what comes later is
// refused in its turn.
func TestClose(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.gate = make(chan struct{})
		c.Submit(d.job("a", Settles))
		synctest.Wait()
		closed := make(chan struct{})
		go func() { c.Close(); close(closed) }()
		synctest.Wait()
		c.Submit(d.job("late", Settles))
		select {
		case <-closed:
			t.Error("Close returned before the commit")
		default:
		}
		d.gate <- struct{}{}
		<-closed
		c.Close()
		synctest.Wait()
		d.want("done", d.done, []string{"a", "late: closed"})
	})
}

// TestCloseBetweenJobs: of a group that holds jobs from before Close and from after it,
// the first ones are committed.
func TestCloseBetweenJobs(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.gate = make(chan struct{})
		c.Submit(d.job("a", Settles))
		synctest.Wait()
		c.Submit(d.job("b", Settles), d.job("c", Publishes))
		closed := make(chan struct{})
		go func() { c.Close(); close(closed) }()
		synctest.Wait()
		c.Submit(d.job("late", Settles), d.job("later", Frees))
		d.gate <- struct{}{}
		d.gate <- struct{}{}
		<-closed
		synctest.Wait()
		d.want("groups", d.groups, [][]string{{"a"}, {"b", "c"}})
		d.want("done", d.done, []string{"a", "b", "c", "late: closed", "later: closed"})
		d.want("err", c.Err(), nil)
	})
}

// TestOneCommitAtATime: jobs that come during a commit start no second one beside it,
// and those that come after the last one was done start the committer again.
func TestOneCommitAtATime(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.gate = make(chan struct{})
		for _, name := range []string{"a", "b", "c"} {
			c.Submit(d.job(name, Settles))
			synctest.Wait() // a second committer would be in its commit now
		}
		d.gate <- struct{}{}
		d.gate <- struct{}{}
		synctest.Wait()
		d.want("groups", d.groups, [][]string{{"a"}, {"b", "c"}})
		c.Submit(d.job("d", Settles))
		d.gate <- struct{}{}
		synctest.Wait()
		d.want("done", d.done, []string{"a", "b", "c", "d"})
	})
}

// TestBreakWhileACommitRuns: the commit under way keeps its own result, because it is on
// disk; what waits behind it fails with the cause.
func TestBreakWhileACommitRuns(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.gate = make(chan struct{})
		c.Submit(d.job("a", Settles))
		synctest.Wait()
		c.Submit(d.job("b", Settles))
		cause := c.Break(errors.New("a damaged block"))
		d.gate <- struct{}{}
		synctest.Wait()
		d.want("done", d.done, []string{"a", "b: " + cause.Error()})
	})
}

// TestBrokenOnAFullDisk: outcomes that wait for room fail at once when no room can help
// them any more, and no goroutine waits on.
func TestBrokenOnAFullDisk(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.setFull(true)
		c.Submit(d.job("kept", Settles))
		synctest.Wait()
		d.want("while it is full", d.done, []string(nil))
		cause := c.Break(errors.New("I/O error"))
		synctest.Wait()
		d.want("once it is broken", d.done, []string{"kept: " + cause.Error()})
		c.Submit(d.job("free", Frees))
		synctest.Wait()
		d.want("groups", d.groups, [][]string(nil))
	})
}

// TestCommittedBeforeTheFailure: a backend that reports how far it came has committed
// nothing of the group, so all of it fails, and nothing is left without an answer.
func TestCommittedBeforeTheFailure(t *testing.T) {
	in(t, func(d *disk, _ *Committer[*named]) {
		c := New(Options[*named]{
			Commit: func([]*named) (int, error) { return 2, errors.New("I/O error") },
			Closed: errClosed,
		})
		defer c.Close()
		c.Submit(d.job("a", Settles), d.job("b", Settles), d.job("c", Settles))
		synctest.Wait()
		if len(d.done) != 3 {
			d.t.Fatalf("done: %v", d.done)
		}
		for i, name := range []string{"a", "b", "c"} {
			d.want("done", d.done[i], name+": "+c.Err().Error())
		}
	})
}

// TestAChainIsRefusedTogether: of jobs that each depend on the first, none is kept for
// later although their own urgency would allow it.
func TestAChainIsRefusedTogether(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.setFull(true)
		event, first, second := d.job("event", Publishes), d.job("first", Frees), d.job("second", Settles)
		first.After, second.After = &event.Ticket, &first.Ticket
		other := d.job("other", Settles)
		c.Submit(event, first, second, other)
		synctest.Wait()
		d.want("while it is full", d.done, []string{"event: full", "first: full", "second: full"})
		d.setFull(false)
		later()
		d.want("groups", d.groups, [][]string{{"other"}})
	})
}

// TestAFullDisk: each urgency has its own answer, as the table says.
func TestAFullDisk(t *testing.T) {
	for _, c := range []struct {
		reason string
		u      Urgency
		want   []string // before there is room
		after  []string // once there is
	}{
		{"an outcome waits", Settles, nil, []string{"job"}},
		{"publishing is refused", Publishes, []string{"job: full"}, []string{"job: full"}},
		{"a change is refused", Changes, []string{"job: full"}, []string{"job: full"}},
		{"what frees room goes through", Frees, []string{"job"}, []string{"job"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			in(t, func(d *disk, committer *Committer[*named]) {
				d.setFull(true)
				committer.Submit(d.job("job", c.u))
				synctest.Wait()
				d.want("full", d.done, c.want)
				d.setFull(false)
				later()
				d.want("room", d.done, c.after)
			})
		})
	}
}

// later returns once the committer has looked at the disk again. It is for bubbles.
func later() {
	time.Sleep(2 * fullInterval)
	synctest.Wait()
}

// TestKeptJobsStayInOrder: outcomes that wait are committed before later ones, and
// plan again, since other writes came in between.
func TestKeptJobsStayInOrder(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.setFull(true)
		first, second := d.job("first", Settles), d.job("second", Settles)
		c.Submit(first, d.job("free", Frees))
		synctest.Wait()
		c.Submit(second)
		synctest.Wait()
		d.want("meanwhile", d.done, []string{"free"})
		d.setFull(false)
		later()
		d.want("done", d.done, []string{"free", "first", "second"})
		if first.replanned == 0 {
			t.Error("the first keeps its plan although another write was committed before it")
		}
	})
}

// TestRefusedTogether: a job that depends on a refused one is refused with it.
func TestRefusedTogether(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.setFull(true)
		event, part := d.job("event", Publishes), d.job("part", Settles)
		part.After = &event.Ticket
		c.Submit(event, part)
		synctest.Wait()
		d.want("done", d.done, []string{"event: full", "part: full"})
	})
}

// TestCloseOnAFullDisk: Close does not wait for room.
func TestCloseOnAFullDisk(t *testing.T) {
	in(t, func(d *disk, c *Committer[*named]) {
		d.setFull(true)
		c.Submit(d.job("outcome", Settles))
		synctest.Wait()
		c.Close()
		d.want("done", d.done, []string{"outcome: full"})
	})
}

// TestConcurrentCallers: every job is done once, and those of one caller in order.
func TestConcurrentCallers(t *testing.T) {
	d := &disk{t: t, most: 7}
	c := d.committer()
	const callers, each = 8, 200
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				c.Submit(d.job(fmt.Sprintf("%d-%03d", caller, i), Settles))
			}
		})
	}
	all.Wait()
	c.Close()
	if len(d.done) != callers*each {
		t.Fatalf("%d are done, want %d", len(d.done), callers*each)
	}
	if !slices.Equal(d.done, slices.Concat(d.groups...)) {
		t.Error("Done was called in another order than that of the commits")
	}
	last := map[byte]string{}
	for _, name := range d.done {
		if name <= last[name[0]] {
			t.Fatalf("%s comes after %s", name, last[name[0]])
		}
		last[name[0]] = name
	}
}

// soFar returns what is done, while a timer may add to it.
func (d *disk) soFar() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done)
}

// TestPatience: a job that brings new work does not wait for ever, wherever it waits;
// whatever becomes of its commit, it is done once.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overdue := errors.New("overdue")
		d := &disk{t: t, gate: make(chan struct{})}
		c := New(Options[*named]{Commit: d.commit, Closed: errClosed, Patience: 5 * time.Second, Overdue: overdue})
		c.Submit(d.job("committing", Publishes), d.job("outcome", Settles))
		synctest.Wait()
		c.Submit(d.job("behind it", Publishes), d.job("another outcome", Settles))
		time.Sleep(4 * time.Second)
		late := d.job("late", Publishes)
		c.Submit(late)
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		d.want("before it is over", d.soFar(), []string(nil))
		time.Sleep(time.Millisecond)
		synctest.Wait()
		d.want("after it", d.soFar(), []string{"committing: overdue", "behind it: overdue"})
		if late.Overdue() {
			t.Error("a job is overdue before its time")
		}
		d.gate <- struct{}{}
		d.gate <- struct{}{}
		synctest.Wait()
		d.want("once it is committed", d.soFar()[2:], []string{"outcome", "another outcome", "late"})
		time.Sleep(time.Hour)
		c.Submit(d.job("in time", Publishes))
		d.gate <- struct{}{}
		synctest.Wait()
		c.Close()
		d.want("later", d.soFar()[5:], []string{"in time"})
	})
}

// TestPatienceKeepsLittle: jobs that are done leave the list of those that wait.
func TestPatienceKeepsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{t: t}
		c := New(Options[*named]{Commit: d.commit, Closed: errClosed, Patience: time.Hour})
		for range 20_000 {
			c.Submit(d.job("a", Publishes))
			synctest.Wait()
		}
		if n := cap(c.waits.jobs); n > 10_000 {
			t.Errorf("room for %d jobs, of which none waits", n)
		}
		c.Close()
	})
}
