package groupcommit

import (
	"slices"
	"time"
)

// fullInterval is how often the committer looks at a full disk again.
const fullInterval = time.Second

// admit returns the jobs that the disk has room for, usually all of them. While the
// disk is full, admit refuses jobs whose caller can come again, keeps outcomes until
// there is room, and lets through what frees room.
//
// Kept jobs stay in their order. Nothing here bounds them: callers stop by
// themselves, since an endpoint with too many unrecorded outcomes makes no attempt.
func (c *Committer[J]) admit(jobs []J) []J {
	if len(jobs) == 0 || c.hasRoom(Publishes) || c.Err() != nil {
		return jobs
	}
	var admitted, kept, refused []J
	for _, j := range jobs {
		t := j.ticket()
		switch {
		case t.After != nil && t.After.refused:
			t.refused = true
			refused = append(refused, j)
		case t.late || c.hasRoom(t.Urgency):
			admitted = append(admitted, j)
		case t.Urgency == Settles && !c.isClosing():
			j.Replan()
			kept = append(kept, j)
		default:
			t.refused = true
			refused = append(refused, j)
		}
	}
	for _, j := range refused {
		j.ticket().finish(c.options.Full)
	}
	c.finished(refused)
	if len(kept) > 0 {
		c.putBack(kept)
		if len(admitted) == 0 {
			c.wait(fullInterval) // else the next call would find the same at once
		}
	}
	return admitted
}

// hasRoom reports whether the backend admits a write.
func (c *Committer[J]) hasRoom(u Urgency) bool {
	return c.options.Admits == nil || c.options.Admits(u)
}

// putBack puts jobs before those that have gathered since.
func (c *Committer[J]) putBack(jobs []J) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = slices.Concat(jobs, c.waiting)
}

func (c *Committer[J]) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// wait waits for d, or until the committer is closed or broken.
func (c *Committer[J]) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.closing:
	case <-c.broken:
	}
}
