package badgerstore

import (
	"slices"
	"time"
)

// holdInterval is how often a full disk is looked at again.
const holdInterval = time.Second

// sift returns the jobs that the disk has room for, all of them as a rule. While it
// is full it refuses those whose caller can come again, keeps the outcomes of
// attempts until there is room, and lets through what makes room. What is kept
// stays in its order, and bounds itself: an endpoint with too many outcomes that
// are not recorded makes no attempt.
func (c *committer) sift(jobs []*job) []*job {
	if len(jobs) == 0 || c.admits(publishes) || c.failure() != nil {
		return jobs
	}
	var admitted, held, refused []*job
	for _, j := range jobs {
		switch {
		case j.first != nil && slices.Contains(refused, j.first):
			refused = append(refused, j)
		case j.refused || c.admits(j.urgency):
			admitted = append(admitted, j)
		case j.urgency == settles && !c.isClosing():
			held = append(held, j.unplanned())
		default:
			refused = append(refused, j)
		}
	}
	for _, j := range refused {
		j.finish(errNoRoom)
	}
	c.finished(refused)
	if len(held) > 0 {
		c.keep(held)
		if len(admitted) == 0 {
			c.rest(holdInterval)
		}
	}
	return admitted
}

// keep puts jobs back before those that have gathered since.
func (c *committer) keep(held []*job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = slices.Concat(held, c.waiting)
}

// unplanned forgets what was planned: other writes may come in between.
func (j *job) unplanned() *job {
	if j.plan != nil {
		j.planned, j.change, j.err = false, nil, nil
	}
	return j
}

func (c *committer) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// rest waits, but not while the store is being closed, or once it is broken.
func (c *committer) rest(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.closing:
	case <-c.broken:
	}
}
