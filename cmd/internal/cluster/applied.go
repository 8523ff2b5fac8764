package cluster

import (
	"context"
	"time"

	"github.com/corpastro/astrohook/storage"
)

// AwaitApplied returns when every node whose lease holds has applied a version of the
// registrations, this one left out. A node whose lease does not hold answers no request,
// and reads the registrations before it does again.
func (n *Node) AwaitApplied(ctx context.Context, version uint64) error {
	asked := n.options.Clock()
	n.mu.Lock()
	peers := n.peers
	n.mu.Unlock()
	if peers != nil {
		peers.VersionStored(version)
	}
	n.Look()
	for {
		n.mu.Lock()
		behind, fresh := n.core.behind(version, asked)
		seen := n.seen
		n.mu.Unlock()
		if fresh && len(behind) == 0 {
			return nil
		}
		retry := time.NewTimer(n.core.lease.beat / 4)
		select {
		case <-seen:
			retry.Stop()
		case <-retry.C:
			n.Look()
		case <-n.fenced:
			retry.Stop()
			return nil // nothing that this node answers is believed any more
		case <-ctx.Done():
			retry.Stop()
			return context.Cause(ctx)
		}
	}
}

// PeerApplied notes that a node has applied a version, as it said itself. It comes before
// the heartbeat that says the same.
func (n *Node) PeerApplied(who storage.Incarnation, version uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.core.peerApplied(who, version) {
		n.announce()
	}
}
