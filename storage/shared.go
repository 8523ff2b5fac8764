package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Shared is what a store has besides Store when several processes write to it: the
// nodes of a cluster. It keeps who they are, which of them are alive, and which parts
// each of them owns, in the same database as everything else, so that the right to
// write is checked in the very transaction that it guards.
type Shared interface {
	// Join registers this process as a node under a new incarnation. All later writes
	// of the store carry it. Its lease holds for 5 s, within which its first heartbeat must
	// arrive. Join fails if the database cannot serve a cluster, or if the node lacks a key
	// that encrypts secrets.
	Join(ctx context.Context, n NodeInfo) (Incarnation, error)
	// Heartbeat extends this node's lease, in a transaction as synchronous as those of
	// data, and returns the cluster as it is in that transaction. ErrFenced.
	Heartbeat(ctx context.Context, b Beat) (Cluster, error)
	// Fence ends what a node whose lease has expired can still write, and frees its
	// parts. When it returns, no write of that node is stored any more. ErrConflict if
	// its lease holds again. A lease that ends more than twice its length from the
	// database's present time on counts as expired: the clock was set back since, and no
	// heartbeat has followed. Fencing a node that is fenced or unknown frees its parts.
	Fence(ctx context.Context, dead Incarnation) error
	// Claim makes this node the owner of free parts, each in its next epoch, and returns
	// those that it got. ErrFenced.
	Claim(ctx context.Context, parts webhook.Parts) (webhook.Parts, error)
	// Release gives parts of this node to another one, or frees them if to is 0. The
	// node must have settled what it had in flight for them. A part is released only in
	// the epoch in which the store last saw it as this node's: a release that is carried
	// out late, after its caller has given up, must not give away what the node got again
	// since. Parts that are not this node's stay as they are. ErrConflict, and nothing is
	// released, if to is fenced or has left; ErrFenced.
	Release(ctx context.Context, parts webhook.Parts, to Incarnation) error
	// Leave frees the node's parts and removes it. Later writes fail with ErrFenced.
	Leave(ctx context.Context) error

	// Changes calls visit for each endpoint that was changed after version since,
	// deleted ones included, without the values of secrets and headers. ErrUnavailable.
	Changes(ctx context.Context, since uint64, visit func(webhook.Endpoint) error) (Changes, error)
	// HoldRegistrations keeps all nodes from changing registrations until release is
	// called, for four seconds at most. Events that are matched with what Changes returns
	// meanwhile are not stale. Another node that wants to hold them waits. release does not
	// block.
	// ErrUnavailable.
	HoldRegistrations(ctx context.Context) (release func(), err error)
}

// Incarnation is one run of one node. It is random and not 0.
type Incarnation uint64

// String returns the incarnation as the API and the log show it: 16 hexadecimal digits.
func (i Incarnation) String() string { return fmt.Sprintf("%016x", uint64(i)) }

// NodeInfo describes a node to the others.
type NodeInfo struct {
	Name    string // for people; unique names are not required
	Address string // of its cluster listener, as the others reach it: host:port
	Version string // of the binary
}

// Beat is what a node says of itself with each heartbeat.
type Beat struct {
	Lease   time.Duration // from the database's present time on
	Applied uint64        // version of the registrations that the node has applied
	Pending int64         // by how many it changed the pending deliveries since it joined
	Leaving bool          // it hands its parts over and takes no more
}

// Node is a node as the database has it.
type Node struct {
	NodeInfo
	Incarnation Incarnation
	Beat                  // of the last heartbeat
	Expires     time.Time // end of the lease, by the database's clock
}

// Ownership says who has a part.
type Ownership struct {
	Owner Incarnation // 0: nobody
	Epoch uint64      // rises with each change of owner
}

// Cluster is the state of all nodes at one moment.
type Cluster struct {
	Now     time.Time // by the database's clock
	Version uint64    // of the registrations
	Nodes   []Node    // those that are not fenced and have not left, by incarnation
	Parts   [webhook.PartCount]Ownership
	Pending int64 // of all nodes together
}

// Changes says what has changed between two versions of the registrations.
type Changes struct {
	Version    uint64 // up to which everything was visited
	EventTypes bool   // some event type has changed
	APIKeys    bool   // some API key has changed
}
