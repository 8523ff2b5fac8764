package cluster

import (
	"maps"
	"slices"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// movesPerSecond bounds how many parts living nodes hand over in a second, all of them
// together: each move interrupts the deliveries of its part for a moment.
const movesPerSecond = 32

// core decides for one node. It is not safe for concurrent use.
type core struct {
	self  storage.Incarnation
	lease lease
	parts [webhook.PartCount]part
	// view is the cluster as the last confirmed heartbeat saw it, seen when that one was
	// sent: whatever was confirmed to this node later is not in it.
	view storage.Cluster
	seen steady
	// settled: the lease of every node holds in view. While one's does not, nobody knows
	// yet who will be there, so that nothing moves.
	settled bool
	living  []storage.Incarnation // nodes that may have parts, in order
	target  placement             // of the living
	// applied holds versions that nodes have applied, as they said since their heartbeat.
	applied map[storage.Incarnation]uint64
	// tried holds the nodes that this node has fenced, or tried to, and when.
	tried   map[storage.Incarnation]steady
	moves   moves
	leaving bool
	fenced  bool
}

// part is what this node knows of its own share in one part.
type part struct {
	state state
	// since is when this node learned of the state by something other than a heartbeat. A
	// heartbeat that was sent before it says nothing about the part.
	since steady
}

// state is how far a part is on its way through this node.
type state uint8

const (
	foreign   state = iota // another node's, or nobody's
	active                 // this node's, which delivers
	draining               // this node's: nothing starts, what is in flight ends
	drained                // this node's, with nothing in flight
	releasing              // given up, but nobody knows whether the database has it
)

func newCore(self storage.Incarnation, t timing) *core {
	return &core{
		self: self, lease: lease{timing: t},
		tried: make(map[storage.Incarnation]steady), applied: make(map[storage.Incarnation]uint64),
	}
}

// confirmed takes in a heartbeat that was sent at a time and returned the cluster. Of the
// parts, gained are new to this node, and lost are another's although this node did not
// give them up.
func (c *core) confirmed(sent steady, view storage.Cluster) (gained, lost webhook.Parts) {
	c.lease.confirmed(sent, view.Now)
	c.view, c.seen = view, sent
	for i := range c.parts {
		p := &c.parts[i]
		if sent < p.since {
			continue
		}
		switch mine := view.Parts[i].Owner == c.self; {
		case mine && p.state == foreign:
			p.state = active
			gained.Add(webhook.Part(i))
		case !mine && p.state != foreign:
			if p.state != releasing {
				lost.Add(webhook.Part(i))
			}
			p.state = foreign
		}
	}
	c.look()
	return gained, lost
}

// vanished reports whether a node of the view, which did not say that it leaves, is not in
// the next one.
func (c *core) vanished(next *storage.Cluster) bool {
	return slices.ContainsFunc(c.view.Nodes, func(n storage.Node) bool {
		return !n.Leaving && !slices.ContainsFunc(next.Nodes, func(o storage.Node) bool { return o.Incarnation == n.Incarnation })
	})
}

// look finds out of the view which nodes are there, and who should have what.
func (c *core) look() {
	var living []storage.Incarnation
	there := make(map[storage.Incarnation]bool, len(c.view.Nodes))
	c.settled = true
	for i := range c.view.Nodes {
		n := &c.view.Nodes[i]
		there[n.Incarnation] = true
		leaving := n.Leaving || n.Incarnation == c.self && c.leaving
		dead := n.Incarnation != c.self && expired(&c.view, n)
		if dead {
			c.settled = false
		}
		if !dead && !leaving {
			living = append(living, n.Incarnation)
		}
	}
	slices.Sort(living)
	if !slices.Equal(living, c.living) {
		c.living, c.target = living, place(living)
	}
	maps.DeleteFunc(c.applied, func(n storage.Incarnation, _ uint64) bool { return !there[n] })
	for n, at := range c.tried {
		if at <= c.seen {
			delete(c.tried, n)
		}
	}
}

// leave makes this node hand over all it has, and take no more.
func (c *core) leave() {
	c.leaving = true
	c.look()
}

// cutOff notes that the cluster has fenced this node: it starts nothing any more, and what
// it had belongs to others.
func (c *core) cutOff() (lost webhook.Parts) {
	c.fenced, c.lease.until = true, 0
	for i := range c.parts {
		if c.parts[i].state != foreign {
			lost.Add(webhook.Part(i))
		}
		c.parts[i].state = foreign
	}
	return lost
}

// owned returns the parts in one of some states.
func (c *core) owned(states ...state) webhook.Parts {
	var set webhook.Parts
	for i := range c.parts {
		if slices.Contains(states, c.parts[i].state) {
			set.Add(webhook.Part(i))
		}
	}
	return set
}

// behind returns the nodes whose lease holds and that have not applied a version of the
// registrations; ok is false if the view is older than asked.
func (c *core) behind(version uint64, asked steady) (nodes []storage.Incarnation, ok bool) {
	for i := range c.view.Nodes {
		n := &c.view.Nodes[i]
		starting := n.Leaving && n.Applied == 0 // it answers nothing before it has caught up
		if max(n.Applied, c.applied[n.Incarnation]) < version && !starting && !expired(&c.view, n) && n.Incarnation != c.self {
			nodes = append(nodes, n.Incarnation)
		}
	}
	return nodes, c.seen >= asked
}

// peerApplied notes that a node has applied a version, and reports whether that is news.
func (c *core) peerApplied(who storage.Incarnation, version uint64) bool {
	known := slices.ContainsFunc(c.view.Nodes, func(n storage.Node) bool { return n.Incarnation == who })
	if !known || version <= c.applied[who] {
		return false
	}
	c.applied[who] = version
	return true
}
