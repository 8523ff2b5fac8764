package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// maxSkew is how far a machine's clock may be off the database's: IDs carry its time.
const maxSkew = 5 * time.Second

// Errors of Ready.
var (
	errNoLease  = errors.New("this node's lease has ended: the database has confirmed no heartbeat")
	errStarting = errors.New("this node has not started yet")
	errLeaving  = errors.New("this node hands its parts over")
)

// Ready returns nil if this node may serve requests, else why it may not.
func (n *Node) Ready() error {
	if !n.MaySend() {
		return errNoLease
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.core.leaving:
		return errLeaving
	case !n.serving:
		return errStarting
	}
	return n.clockFault()
}

// MayPublish returns nil if this node may accept events, else why it may not.
func (n *Node) MayPublish() error {
	if !n.MaySend() {
		return errNoLease
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.clockFault()
}

func (n *Node) clockFault() error {
	if n.skew.Abs() > maxSkew {
		return fmt.Errorf("this machine's clock is off the database's by %s", n.skew.Round(time.Millisecond))
	}
	return nil
}

// OwnerOf returns who has a part, as far as this node knows; 0 for nobody.
func (n *Node) OwnerOf(p webhook.Part) storage.Incarnation {
	n.mu.Lock()
	defer n.mu.Unlock()
	owner := n.core.view.Parts[p].Owner
	switch mine := n.core.parts[p].state != foreign; {
	case mine:
		return n.self
	case owner == n.self: // given up since
		return 0
	}
	return owner
}

// Lookup returns a node that has not left and is not fenced, as far as this node knows.
func (n *Node) Lookup(who storage.Incarnation) (storage.Node, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.core.view.Nodes {
		if n.core.view.Nodes[i].Incarnation == who {
			return n.core.view.Nodes[i], true
		}
	}
	return storage.Node{}, false
}

// Knows reports whether there is such a node. One that has just joined is not known for a
// moment: then this node looks.
func (n *Node) Knows(who storage.Incarnation) bool {
	_, known := n.Lookup(who)
	if !known {
		n.Look()
	}
	return known
}

// Version returns the version of the registrations that the database had at the last
// heartbeat.
func (n *Node) Version() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.core.view.Version
}

// Parts returns how many parts this node delivers to.
func (n *Node) Parts() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	parts := n.core.owned(active)
	return parts.Len()
}

// LeaseLeft returns for how long attempts may still start without another heartbeat;
// negative once they may not.
func (n *Node) LeaseLeft() time.Duration {
	return time.Duration(n.until.Load()) - n.options.Clock()
}

// ClockOffset returns how far the database's clock is ahead of this machine's.
func (n *Node) ClockOffset() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.skew
}

// Serving returns why this node may answer nothing at present; nil while its lease holds.
func (n *Node) Serving() error {
	if !n.MaySend() {
		return errNoLease
	}
	return nil
}

// AwaitServing returns when the other nodes can see that this one serves.
func (n *Node) AwaitServing(ctx context.Context) error {
	for {
		n.mu.Lock()
		seen, confirmed := n.seen, n.servingSeen
		n.mu.Unlock()
		if confirmed {
			return nil
		}
		select {
		case <-seen:
		case <-n.fenced:
			return webhook.ErrFenced
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Others returns all nodes besides this one.
func (n *Node) Others() []storage.Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	var others []storage.Node
	for i := range n.core.view.Nodes {
		if n.core.view.Nodes[i].Incarnation != n.self {
			others = append(others, n.core.view.Nodes[i])
		}
	}
	return others
}

// Status is a node as another one sees it.
type Status struct {
	storage.Node
	Self bool
	// Alive reports whether its lease held at the last heartbeat of the node that asks.
	Alive bool
	Parts webhook.Parts
}

// Statuses returns all nodes, and the parts that belong to nobody.
func (n *Node) Statuses() (nodes []Status, free webhook.Parts) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := make(map[storage.Incarnation]*Status)
	nodes = make([]Status, len(n.core.view.Nodes))
	for i, node := range n.core.view.Nodes {
		nodes[i] = Status{Node: node, Self: node.Incarnation == n.self, Alive: !expired(&n.core.view, &node)}
		at[node.Incarnation] = &nodes[i]
	}
	for i, o := range n.core.view.Parts {
		if owner := at[o.Owner]; owner != nil {
			owner.Parts.Add(webhook.Part(i))
		} else {
			free.Add(webhook.Part(i))
		}
	}
	return nodes, free
}
