package limit

import "time"

// class is how an endpoint takes part in the slots: its standing, and whether its
// attempts last long. The larger, the more free slots it has to leave to others.
type class int

const (
	classQuick class = iota // proven, and its attempts end soon
	classFirst              // unproven, with its first attempt
	classSlow               // proven, and its attempts last long
	classMore               // unproven, beyond a first attempt, or known to last long
	classes
)

// slowHold is the duration from which on an endpoint's attempts last long.
const slowHold = time.Second

// leavesOf is what a class leaves to the better ones is counted in.
const leavesOf = 64

// leaves returns how many 64ths of the slots a class does not see.
func (c class) leaves() int { return [classes]int{0, 1, 8, 12}[c] }

// counts are slots in use: all, those of unproven endpoints, and those beyond their first attempts.
type counts struct{ all, unproven, more int }

func (c *counts) add(of class, n int) {
	c.all += n
	if of == classFirst || of == classMore {
		c.unproven += n
	}
	if of == classMore {
		c.more += n
	}
}

// load returns what the counts weigh when one more slot of a class is asked for.
// Slots in the half and the quarter of the unproven weigh as many times as these are smaller.
func (c *counts) load(of class) int {
	switch of {
	case classFirst:
		return c.all + c.unproven
	case classMore:
		return c.all + c.unproven + 2*c.more
	default:
		return c.all
	}
}

// permitClient is a client with endpoints at work.
type permitClient struct {
	name    string
	members int
	used    counts
	// waiting are its endpoints that wait, and at its places among the clients that do.
	waiting [classes]ranking[*Holder]
	at      [classes]int
}

func newPermitClient(name string) *permitClient {
	c := &permitClient{name: name, at: [classes]int{nowhere, nowhere, nowhere, nowhere}}
	for i := range c.waiting {
		c.waiting[i] = ranking[*Holder]{before: holdsLess, at: (*Holder).place}
	}
	return c
}

// Holder is an endpoint's account.
type Holder struct {
	notify  func()
	client  *permitClient
	used    int
	granted bool // a slot is kept for it, and is one of those used
	lasting lasting

	asked   Tier  // when it last asked for a slot
	class   class // of the slot that it waits for, or that it got last
	waiting bool
	turn    uint64 // when it began to wait
	at      int    // its place in its client's line
}

// Client returns the client that the account was opened for.
func (h *Holder) Client() string { return h.client.name }

// load returns what an endpoint's holdings weigh, with its client's.
func (h *Holder) load(of class) int { return loadWith(h.client.used.load(of), h.used) }

// classAt returns the class that the endpoint belongs to now.
func (h *Holder) classAt(at time.Duration) class {
	slow := h.lasting.estimate(at) >= slowHold
	switch {
	case h.asked == TierProven && !slow:
		return classQuick
	case h.asked == TierProven:
		return classSlow
	case h.asked == TierFirst && !slow:
		return classFirst
	default:
		return classMore
	}
}

func (h *Holder) place() *int { return &h.at }

// holdsLess orders the waiting endpoints of a client.
func holdsLess(a, b *Holder) bool {
	if a.used != b.used {
		return a.used < b.used
	}
	return a.turn < b.turn
}

// lasting estimates how long an endpoint's attempts last.
type lasting struct {
	mean   time.Duration // of those that ended, the latest most
	open   int           // attempts in flight
	starts time.Duration // sum of when they began; it may overflow, a difference of two does not
}

func (l *lasting) begin(at time.Duration) {
	l.open++
	l.starts += at
}

func (l *lasting) end(since, at time.Duration) {
	l.open--
	l.starts -= since
	if took := at - since; l.mean == 0 {
		l.mean = took
	} else {
		l.mean += (took - l.mean) / 8
	}
}

// estimate returns the mean of the attempts that ended, or of those in flight if these last longer already.
func (l *lasting) estimate(at time.Duration) time.Duration {
	if l.open == 0 {
		return l.mean
	}
	n := time.Duration(l.open)
	return max(l.mean, (n*at-l.starts)/n)
}
