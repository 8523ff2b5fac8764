package cluster

import (
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

// Owner returns the node that a part belongs to, as far as this node knows; false if
// nobody has it.
func (n *Node) Owner(p webhook.Part) (storage.Node, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	owner := n.core.view.Parts[p].Owner
	switch mine := n.core.parts[p].state != foreign; {
	case mine:
		owner = n.self
	case owner == n.self: // given up since
		return storage.Node{}, false
	}
	for i := range n.core.view.Nodes {
		if n.core.view.Nodes[i].Incarnation == owner {
			return n.core.view.Nodes[i], true
		}
	}
	return storage.Node{}, false
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
