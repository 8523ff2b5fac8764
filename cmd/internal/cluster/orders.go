package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// orders are what the core wants done next. The shell carries them out one after the
// other, and reports what became of each before it asks again.
type orders struct {
	resume  webhook.Parts         // deliver to them after all
	drain   webhook.Parts         // start nothing for them; report drained when nothing is in flight
	fence   []storage.Incarnation // dead nodes
	release []handover            // drained parts
	free    webhook.Parts         // free parts
}

// handover gives parts to a node; to nobody if to is 0.
type handover struct {
	parts webhook.Parts
	to    storage.Incarnation
}

// decide returns what is to be done at a time. A node whose own lease does not hold
// does nothing to others.
func (c *core) decide(now steady) (o orders) {
	if c.fenced || now >= c.lease.until {
		return o
	}
	o.fence = c.dead()
	o.free = c.claims()
	c.giveUp(now, &o.drain)
	c.releases(&o)
	return o
}

// dead returns the nodes to be fenced: those whose leases have expired, and those that
// own parts and are not there at all.
func (c *core) dead() (nodes []storage.Incarnation) {
	if !c.lease.mayFence() {
		return nil
	}
	there := map[storage.Incarnation]bool{0: true, c.self: true}
	for i := range c.view.Nodes {
		n := &c.view.Nodes[i]
		there[n.Incarnation] = n.Incarnation == c.self || !expired(&c.view, n)
		if !there[n.Incarnation] {
			nodes = append(nodes, n.Incarnation)
		}
	}
	for i := range c.view.Parts {
		if owner := c.view.Parts[i].Owner; !there[owner] && !slices.Contains(nodes, owner) {
			nodes = append(nodes, owner)
		}
	}
	return slices.DeleteFunc(nodes, func(n storage.Incarnation) bool { return c.tried[n] > c.seen })
}

// claims returns the free parts that should be this node's.
func (c *core) claims() (free webhook.Parts) {
	for i := range c.parts {
		p := &c.parts[i]
		if c.view.Parts[i].Owner == 0 && p.state == foreign && p.since <= c.seen && c.target[i] == c.self {
			free.Add(webhook.Part(i))
		}
	}
	return free
}

// giveUp begins to drain parts that should be another node's: some at a time, or all if
// this node leaves.
func (c *core) giveUp(now steady, drain *webhook.Parts) {
	if !c.settled && !c.leaving {
		return
	}
	for i := range c.parts {
		to := c.target[i]
		if c.parts[i].state != active || to == c.self || to == 0 {
			continue
		}
		if !c.leaving && !c.moves.take(now, c.givers()) {
			return
		}
		c.parts[i].state = draining
		drain.Add(webhook.Part(i))
	}
}

// givers counts the nodes that have parts which should be another's. They share the
// moves of a second.
func (c *core) givers() int {
	seen := make(map[storage.Incarnation]bool)
	for i := range c.view.Parts {
		if owner := c.view.Parts[i].Owner; owner != 0 && owner != c.target[i] {
			seen[owner] = true
		}
	}
	return max(len(seen), 1)
}

// releases orders what has drained to be given to whom it should belong to. A part that
// should be this node's after all is kept if the database was never asked to give it
// away; else it is freed first, since an earlier release may still take effect.
func (c *core) releases(o *orders) {
	by := make(map[storage.Incarnation]*webhook.Parts)
	for i := range c.parts {
		p, to := &c.parts[i], c.target[i]
		switch {
		case p.state == drained && to == c.self:
			p.state = active
			o.resume.Add(webhook.Part(i))
			continue
		case p.state != drained && (p.state != releasing || p.since > c.seen):
			continue
		case to == c.self:
			to = 0
		}
		if by[to] == nil {
			by[to] = new(webhook.Parts)
		}
		by[to].Add(webhook.Part(i))
		p.state = releasing
	}
	for to, parts := range by {
		o.release = append(o.release, handover{*parts, to})
	}
	slices.SortFunc(o.release, func(a, b handover) int { return cmp.Compare(a.to, b.to) })
}

// drained notes that nothing of a part is in flight any more, and reports whether the part
// was draining.
func (c *core) drained(p webhook.Part) bool {
	if c.parts[p].state != draining {
		return false
	}
	c.parts[p].state = drained
	return true
}

// claimed notes what a claim got, and returns what is new to this node. After a claim
// whose outcome is unknown got is empty: a heartbeat will show it.
func (c *core) claimed(at steady, asked, got webhook.Parts) (gained webhook.Parts) {
	for p := range asked.All {
		c.parts[p].since = at
		if got.Has(p) && c.parts[p].state == foreign && !c.fenced {
			c.parts[p].state = active
			gained.Add(p)
		}
	}
	return gained
}

// released notes the end of a release. Only one that the database confirmed ends this
// node's share in the parts. Hints go to the next owner from then on, and not only once a
// heartbeat shows it: it has read the queues by then.
func (c *core) released(at steady, h handover, confirmed bool) {
	for p := range h.parts.All {
		c.parts[p].since = at
		if confirmed {
			c.parts[p].state = foreign
			c.view.Parts[p].Owner = h.to
		}
	}
}

// fencing notes that a node was fenced, or could not be: it is tried again after another
// heartbeat.
func (c *core) fencing(at steady, n storage.Incarnation) { c.tried[n] = at }

// moves counts the moves of the present second.
type moves struct {
	begun steady // 0 before the first
	taken int
}

// take reports whether one more move may begin, if so many nodes share the moves.
func (m *moves) take(now steady, givers int) bool {
	if m.begun == 0 || now-m.begun >= time.Second {
		m.begun, m.taken = now, 0
	}
	if m.taken >= max(movesPerSecond/givers, 1) {
		return false
	}
	m.taken++
	return true
}
