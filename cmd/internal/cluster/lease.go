package cluster

import (
	"cmp"
	"time"

	"github.com/corpastro/astrohook/storage"
)

// steady is a reading of a clock that never steps, and that counts the time for which the
// system was suspended: the time since an arbitrary moment.
type steady = time.Duration

// timing is what a lease is made of.
type timing struct {
	lease  time.Duration // how long a heartbeat holds, by the database's clock
	beat   time.Duration // from one heartbeat to the next
	margin time.Duration // how much earlier than the lease's end no attempt starts any more
}

// timingOf divides a lease: at 5 s it is a heartbeat a second, and sending for 4 s after
// the last one.
func timingOf(lease time.Duration) timing {
	return timing{lease: lease, beat: lease / 5, margin: lease / 5}
}

// maxGap is the longest time between two confirmed heartbeats of one run, and the largest
// difference between the database's clock and the steady one from one to the next.
func (t timing) maxGap() time.Duration { return t.lease / 2 }

// lease is what the confirmed heartbeats of this node are worth.
type lease struct {
	timing
	until steady // attempts may start before it; 0 for never
	// run is when the first heartbeat of the present run was sent, last when its last one
	// was, now the database's time in that one. A run breaks where heartbeats fail for
	// longer than maxGap, or where the database's clock steps.
	run, last steady
	now       time.Time
	begun     bool
}

// confirmed notes a heartbeat that the database confirmed. It counts from when it was
// sent: the database extended the lease at that moment or later.
func (l *lease) confirmed(sent steady, now time.Time) {
	elapsed, gap := now.Sub(l.now), sent-l.last
	if !l.begun || gap > l.maxGap() || (elapsed-gap).Abs() > l.maxGap() {
		l.run = sent
	}
	l.begun, l.last, l.now = true, sent, now
	l.until = max(l.until, sent+l.lease-l.margin)
}

// mayFence reports whether this node may take another one for dead whose lease has
// expired: for a whole lease the database was there to extend it. After an outage of the
// database all leases look expired.
func (l *lease) mayFence() bool { return l.last-l.run >= l.lease }

// expired reports whether a node's lease had ended when the database was last seen. One
// that ends later than a heartbeat can make it was made before the database's clock was
// set back, and no heartbeat has followed.
func expired(c *storage.Cluster, n *storage.Node) bool {
	longest := 2 * cmp.Or(n.Lease, DefaultLease) // before its first heartbeat a node has said none
	return !n.Expires.After(c.Now) || n.Expires.After(c.Now.Add(longest))
}
