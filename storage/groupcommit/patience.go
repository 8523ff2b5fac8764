package groupcommit

import "time"

// waits are the jobs that may become overdue, in the order in which they were submitted.
// The committer's lock guards them.
type waits struct {
	jobs  []wait
	first int         // jobs before it are done
	timer *time.Timer // nil before the first job
	armed bool        // the timer will look at the first job
}

// wait is a job and when it becomes overdue.
type wait struct {
	ticket *Ticket
	until  time.Time
}

// add adds a job. look is what the timer calls.
func (w *waits) add(t *Ticket, patience time.Duration, look func()) {
	w.jobs = append(w.jobs, wait{t, time.Now().Add(patience)})
	switch {
	case w.armed:
		return
	case w.timer == nil:
		w.timer = time.AfterFunc(patience, look)
	default:
		w.timer.Reset(patience)
	}
	w.armed = true
}

// forget drops the jobs at the front that are done.
func (w *waits) forget() {
	for w.first < len(w.jobs) && w.jobs[w.first].ticket.done.Load() {
		w.jobs[w.first] = wait{}
		w.first++
	}
	// Moved to the front now and then, so that the memory is used again.
	if w.first == len(w.jobs) || w.first > 4096 && w.first > len(w.jobs)/2 {
		w.jobs = w.jobs[:copy(w.jobs, w.jobs[w.first:])]
		w.first = 0
	}
}

// takeOverdue removes the jobs that are overdue, and sets the timer for the next one.
func (w *waits) takeOverdue(now time.Time) (overdue []*Ticket) {
	w.forget()
	for w.first < len(w.jobs) && !now.Before(w.jobs[w.first].until) {
		overdue = append(overdue, w.jobs[w.first].ticket)
		w.jobs[w.first] = wait{}
		w.first++
	}
	if w.armed = w.first < len(w.jobs); w.armed {
		w.timer.Reset(w.jobs[w.first].until.Sub(now))
	}
	return overdue
}

// finishOverdue finishes the jobs that have waited for too long. The timer calls it.
func (c *Committer[J]) finishOverdue() {
	c.mu.Lock()
	overdue := c.waits.takeOverdue(time.Now())
	c.mu.Unlock()
	for _, t := range overdue {
		t.finish(c.options.Overdue)
	}
}
