package limit

import "time"

// class is an endpoint's tier together with whether its attempts last long. The larger,
// the more free permits the endpoint has to leave to others: a permit that comes back soon
// costs the others least.
type class int

const (
	classQuick class = iota // proven, and its attempts end soon
	classFirst              // unproven, with its first attempt
	classSlow               // proven, and its attempts last long
	classMore               // unproven, beyond a first attempt, or known to last long
	classes
)

// slowHold is the duration from which on an endpoint's attempts last long. A healthy
// receiver answers well within it.
const slowHold = time.Second

// leavesOf is the unit of what a class leaves to better ones: a part of all permits.
const leavesOf = 64

// leaves returns how many 64ths of all permits a class does not see.
func (c class) leaves() int { return [classes]int{0, 1, 8, 12}[c] }

// counts are permits in use: all, those of unproven endpoints, and among these the ones
// beyond first attempts.
type counts struct{ all, unproven, more int }

// add adds n permits of a class; a negative n takes them off.
func (c *counts) add(of class, n int) {
	c.all += n
	if of == classFirst || of == classMore {
		c.unproven += n
	}
	if of == classMore {
		c.more += n
	}
}

// load returns what the counts weigh when one more permit of a class is asked for. Like
// the free ones in Permits.free, those of the unproven weigh more because their part of
// the pool is smaller.
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
	members int // holders that have not left
	used    counts
	// waiting are its endpoints that wait, by class. at are the client's places among the
	// clients with such endpoints; nowhere if it has none.
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

// Holder is one endpoint's part in the permits: what it holds, and what it waits for.
type Holder struct {
	notify    func()
	client    *permitClient
	used      int
	kept      bool // a permit is kept for it, and is one of those used
	durations durations

	asked   Tier  // when it last asked for a permit
	class   class // of the permit that it waits for, or that it got last
	waiting bool
	turn    uint64 // when it began to wait
	at      int    // its place among the waiting ones of its client; nowhere if it does not wait
}

// Client returns the client that the holder joined under.
func (h *Holder) Client() string { return h.client.name }

// load returns what an endpoint's holdings weigh, with its client's.
func (h *Holder) load(of class) int { return loadWith(h.client.used.load(of), h.used) }

// classAt returns the endpoint's class at a time. It can change while the endpoint waits,
// because attempts in flight last longer and longer.
func (h *Holder) classAt(at time.Duration) class {
	slow := h.durations.estimate(at) >= slowHold
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

// place returns where a ranking keeps the holder's place.
func (h *Holder) place() *int { return &h.at }

// holdsLess orders the waiting endpoints of a client: the one that holds least comes
// first, among equals the one that waits longest.
func holdsLess(a, b *Holder) bool {
	if a.used != b.used {
		return a.used < b.used
	}
	return a.turn < b.turn
}

// durations estimates how long an endpoint's attempts last, from those that ended and from
// those in flight. The latter matter most: a receiver that falls silent shows it first in
// attempts that do not end.
type durations struct {
	mean   time.Duration // moving average of those that ended; the last one counts an eighth
	open   int           // attempts in flight
	starts time.Duration // sum of the times at which those began; an overflow cancels out
}

// begin notes that an attempt began.
func (d *durations) begin(at time.Duration) {
	d.open++
	d.starts += at
}

// end notes that an attempt that began at since has ended.
func (d *durations) end(since, at time.Duration) {
	d.open--
	d.starts -= since
	if took := at - since; d.mean == 0 {
		d.mean = took
	} else {
		d.mean += (took - d.mean) / 8
	}
}

// estimate returns the mean duration of the attempts that ended, or of those in flight if
// they last longer already.
func (d *durations) estimate(at time.Duration) time.Duration {
	if d.open == 0 {
		return d.mean
	}
	n := time.Duration(d.open)
	return max(d.mean, (n*at-d.starts)/n)
}
