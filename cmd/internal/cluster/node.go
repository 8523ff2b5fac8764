package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// DefaultLease is how long a heartbeat holds. A node is taken for dead when it has sent
// none for so long.
const DefaultLease = 5 * time.Second

// Options are the parts of a Node.
type Options struct {
	Store storage.Shared       // required
	Info  storage.NodeInfo     // of this node
	Clock func() time.Duration // steady, as Boottime, which is the default
	Lease time.Duration        // DefaultLease by default; the same on all nodes
	// Applied returns the version of the registrations that this node has applied, and
	// Changed is called when the database has a later one, from the goroutine of the
	// heartbeats: it must not block. Both may be nil.
	Applied func() uint64
	Changed func(version uint64)
	// Lost is called when a node has gone that did not leave. It does not block; it may be nil.
	Lost func()
	Log  *slog.Logger // required
}

// Deliverer delivers to the endpoints of this node's parts. Its methods return at once,
// and are called by one goroutine.
type Deliverer interface {
	// GainParts makes it deliver to the endpoints of parts, from what is in storage.
	GainParts(parts webhook.Parts)
	// DrainParts makes it start nothing more for parts. It calls drained for each of them,
	// once, when nothing of the part is in flight and every outcome is recorded; drained
	// does not block.
	DrainParts(parts webhook.Parts, drained func(webhook.Part))
	// DropParts makes it forget parts, which belong to another node now.
	DropParts(parts webhook.Parts)
}

// Peers passes on to the other nodes what they would find out a heartbeat later. Its methods
// return at once, and what they say may be lost.
type Peers interface {
	// PartsMoved says that parts are free, or another node's; 0 stands for all nodes.
	PartsMoved(to storage.Incarnation)
	// VersionStored says that the registrations have a new version.
	VersionStored(version uint64)
}

// Node is this process as a member of the cluster. Its methods are safe for concurrent
// use.
type Node struct {
	options Options
	self    storage.Incarnation
	log     *slog.Logger
	until   atomic.Int64 // end of sending, a steady time

	mu      sync.Mutex
	core    *core
	gained  webhook.Parts // not yet passed on
	lost    webhook.Parts
	serving bool
	// servingSeen: a heartbeat has said that this node serves.
	servingSeen bool
	peers       Peers         // nil before Serve
	seen        chan struct{} // closed and replaced when a heartbeat was confirmed, or never will be
	skew        time.Duration // of this machine's clock from the database's
	failing     error         // of the latest heartbeat

	beatNow chan struct{}
	work    chan struct{}
	fenced  chan struct{}
	end     context.CancelFunc
	loops   sync.WaitGroup
}

// Join makes this process a node, and returns after its first heartbeat. It takes no parts
// before Serve.
func Join(ctx context.Context, o Options) (*Node, error) {
	if o.Clock == nil {
		o.Clock = Boottime
	}
	o.Lease = cmp.Or(max(o.Lease, 0), DefaultLease)
	self, err := o.Store.Join(ctx, o.Info)
	if err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	n := &Node{
		options: o, self: self, log: o.Log, core: newCore(self, timingOf(o.Lease)), seen: make(chan struct{}),
		beatNow: make(chan struct{}, 1), work: make(chan struct{}, 1), fenced: make(chan struct{}),
	}
	if err := n.beat(ctx); err != nil {
		return nil, fmt.Errorf("first heartbeat: %w", err)
	}
	running, end := context.WithCancel(context.Background())
	n.end = end
	n.loops.Go(func() { n.beats(running) })
	return n, nil
}

// Serve begins to take parts, and passes them to the deliverer.
func (n *Node) Serve(d Deliverer, p Peers) {
	n.mu.Lock()
	n.serving, n.peers = true, p
	n.mu.Unlock()
	running, end := context.WithCancel(context.Background())
	stopBeats := n.end
	n.end = func() { stopBeats(); end() }
	h := hands{Node: n, deliverer: d, peers: p}
	n.loops.Go(func() { h.run(running) })
	n.Look()
}

// Self returns this run of this node.
func (n *Node) Self() storage.Incarnation { return n.self }

// Fenced returns a channel that is closed when the cluster has taken this node for dead.
// The process must join again, as another incarnation.
func (n *Node) Fenced() <-chan struct{} { return n.fenced }

// MaySend reports whether an attempt may start now: whether this node's lease holds for
// long enough.
func (n *Node) MaySend() bool { return int64(n.options.Clock()) < n.until.Load() }

// Look makes the node send a heartbeat now, and so see what has changed.
func (n *Node) Look() { poke(n.beatNow) }

// poke sends a signal that is not lost; several at once are one.
func poke(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// HandOver releases all parts to other nodes, and returns when they have them, or when there
// is no other node. Until Leave it still serves what needs no part.
func (n *Node) HandOver(ctx context.Context) error {
	n.mu.Lock()
	n.core.leave()
	n.mu.Unlock()
	poke(n.work)
	n.Look()
	for {
		n.mu.Lock()
		left, others, seen := n.core.owned(active, draining, drained, releasing), len(n.core.living), n.seen
		done := left.Len() == 0 || others == 0 || n.core.fenced
		n.mu.Unlock()
		switch {
		case done:
			return nil
		case !n.MaySend():
			return fmt.Errorf("hand over %d parts: %w", left.Len(), errNoLease)
		}
		select {
		case <-seen:
		case <-ctx.Done():
			return fmt.Errorf("hand over %d parts: %w", left.Len(), ctx.Err())
		}
	}
}

// Leave ends the node: what it still has is free. The caller must have stopped everything
// that writes.
func (n *Node) Leave(ctx context.Context) error {
	n.end()
	n.loops.Wait()
	n.until.Store(0)
	if err := n.options.Store.Leave(ctx); err != nil && !errors.Is(err, webhook.ErrFenced) {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	return nil
}
