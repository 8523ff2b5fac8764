// Package member makes a server a member of a cluster: it connects the node (package
// cluster) and the messages between nodes (package peer) with the server's dispatcher and
// API. Questions about endpoints that another node delivers to are forwarded here, and
// what other nodes register is brought into force.
//
// Leases, placement and transport do not belong here; nor does anything that a server
// without a cluster does, too.
package member

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/cmd/internal/cluster"
	"github.com/corpastro/astrohook/cmd/internal/cluster/peer"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// Store is what a member needs of storage.
type Store interface {
	storage.Shared
	// Delivery is storage.History's.
	Delivery(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
}

// Options are the parts of a Member.
type Options struct {
	Store Store            // required
	Info  storage.NodeInfo // of this node; without an address it gets no hints
	// Secret authenticates the nodes to one another; required with a Listener.
	Secret string
	// Listener takes the connections of other nodes; nil for none. The member closes it.
	Listener net.Listener
	TLS      TLS
	Lease    time.Duration
	// Feed is what happens on this node, with what happens on others while somebody watches;
	// nil for none.
	Feed *feed.Feed
	// Changed is called for each endpoint that another node has changed.
	Changed func(webhook.Endpoint)
	Log     *slog.Logger          // required
	Metrics prometheus.Registerer // required
}

// TLS has the configurations of both sides of a connection between nodes; nil without TLS.
type TLS struct{ Server, Client *tls.Config }

// Dispatcher is this node's own dispatcher, as a member uses it: *actors.Dispatcher, and
// what a server puts in front of it.
type Dispatcher interface {
	httpapi.Dispatcher
	cluster.Deliverer
	Offer(hints []actors.Hint)
	Audit()
	Refresh()
	Applied() uint64
}

// Refresher reads registrations again that are not the dispatcher's: *httpapi.Server.
type Refresher interface {
	Refresh(ctx context.Context, eventTypes, apiKeys bool) error
}

// Member is this server as a member of its cluster. It is what actors.Cluster,
// httpapi.Peers and httpapi.Membership ask for. Its methods are safe for concurrent use.
type Member struct {
	options Options
	log     *slog.Logger
	node    *cluster.Node
	client  *peer.Client
	outbox  *peer.Outbox
	notices *peer.Notices
	server  *peer.Server // nil without a listener
	serving sync.WaitGroup
	// unwatch ends watchOthers; nil before it began.
	unwatch context.CancelFunc

	mu    sync.Mutex
	local Dispatcher // nil before Serve
	api   Refresher  // nil before Serve
}

// Join makes this server a node, which takes no parts before Serve.
func Join(ctx context.Context, o Options) (*Member, error) {
	m := &Member{options: o, log: o.Log}
	node, err := cluster.Join(ctx, cluster.Options{
		Store: o.Store, Info: o.Info, Lease: o.Lease, Log: o.Log,
		Applied: m.applied, Changed: func(uint64) { m.refresh() }, Lost: m.nodeLost,
	})
	if err != nil {
		return nil, err
	}
	m.node = node
	m.client = peer.NewClient(peer.ClientOptions{Self: node.Self(), Secret: o.Secret, TLS: o.TLS.Client})
	m.outbox = peer.NewOutbox(m.client, o.Log)
	m.notices = &peer.Notices{Client: m.client, Others: node.Others, Applied: node.PeerApplied}
	if o.Listener == nil {
		m.notices.Others = func() []storage.Node { return nil }
	}
	if err := m.register(o.Metrics); err != nil {
		return nil, errors.Join(err, m.Leave(ctx))
	}
	return m, nil
}

// Serve begins to take parts, and to answer other nodes. It returns when the other nodes
// know that this one serves, and what they have registered is in force here.
func (m *Member) Serve(ctx context.Context, d Dispatcher, api Refresher) error {
	m.mu.Lock()
	m.local, m.api = d, api
	m.mu.Unlock()
	// Changes that were read before now went past the API, which has read everything when it
	// was made.
	if err := api.Refresh(ctx, true, true); err != nil {
		return fmt.Errorf("begin to serve: %w", err)
	}
	if m.options.Listener != nil {
		m.listen()
	}
	m.node.Serve(d, m.notices)
	if err := m.node.AwaitServing(ctx); err != nil {
		return fmt.Errorf("begin to serve: %w", err)
	}
	if err := m.tryOthers(ctx); err != nil {
		return err
	}
	return m.CatchUp(ctx)
}

// tryOthers refuses to serve beside nodes with which this one cannot talk before a setting
// changes: their certificates are of another authority, or only one side has TLS. Nothing
// would reach them but by the audit of their queues, and who asks one about the other's
// webhooks would wait in vain. Nodes that start or stop may not answer yet, or any more.
func (m *Member) tryOthers(ctx context.Context) error {
	if m.options.Listener == nil {
		return nil
	}
	answered := map[storage.Incarnation]bool{}
	for range m.tries() {
		for _, other := range m.node.Others() { // those that have died meanwhile are not there any more
			if other.Leaving || other.Address == "" || answered[other.Incarnation] {
				continue
			}
			err := m.client.Reach(ctx, other)
			switch {
			case errors.Is(err, peer.ErrOneSided):
				return &webhook.FieldError{Field: "cluster-tls-cert", Reason: "does not fit: " + err.Error()}
			case errors.Is(err, peer.ErrDistrust):
				return &webhook.FieldError{Field: "cluster-tls-ca", Reason: "does not fit: " + err.Error()}
			}
			answered[other.Incarnation] = err == nil
		}
	}
	return nil
}

// tries returns how often a node that does not answer is tried, two seconds each at most. A
// node that died a moment ago delays a start by that. Who refuses a certificate may end the
// connection before its reason arrives; who has no TLS, or wants it, always says so.
func (m *Member) tries() int {
	if m.options.TLS.Client == nil {
		return 1
	}
	return 3
}

// listen answers other nodes in the background.
func (m *Member) listen() {
	inbox := peer.NewInbox(m, m.node.Knows)
	handlers := peer.NoticeHandlers(m.node.Look, m.apply)
	handlers[peer.PathHints] = inbox.Take
	m.forwarded(handlers)
	m.ofAll(handlers)
	if m.options.Feed != nil {
		handlers[pathFeed] = peer.Answer(m.tell)
		var watching context.Context
		watching, m.unwatch = context.WithCancel(context.Background())
		m.serving.Go(func() { m.watchOthers(watching) })
	}
	m.server = peer.NewServer(peer.ServerOptions{
		Self: m.node.Self(), Secret: m.options.Secret, Known: m.knows, Handlers: handlers, TLS: m.options.TLS.Server, Log: m.log,
	})
	m.serving.Go(func() {
		if err := m.server.Serve(m.options.Listener); err != nil {
			m.log.Error("the listener for other nodes has failed", slog.Any("error", err))
		}
	})
}

// knows reports whether a node is one of the cluster. About one that is not it asks the
// database: most likely it has just joined.
func (m *Member) knows(n storage.Incarnation) bool {
	known := m.node.Knows(n)
	if !known {
		m.node.Look()
	}
	return known
}

// parts returns the dispatcher and the API; nil before Serve.
func (m *Member) parts() (Dispatcher, Refresher) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.local, m.api
}

// Fenced returns a channel that is closed when the cluster has taken this node for dead.
func (m *Member) Fenced() <-chan struct{} { return m.node.Fenced() }

// HandOver releases all parts to other nodes. It returns when they have them, or when there is
// no other node.
func (m *Member) HandOver(ctx context.Context) error { return m.node.HandOver(ctx) }

// Close ends what talks to other nodes.
func (m *Member) Close(ctx context.Context) error {
	m.outbox.Close()
	m.notices.Close()
	var err error
	if m.unwatch != nil {
		m.unwatch()
	}
	if m.server != nil {
		err = m.server.Shutdown(ctx)
		m.serving.Wait()
	}
	m.client.Close()
	return err
}

// Leave ends the node. Everything that writes must have stopped.
func (m *Member) Leave(ctx context.Context) error { return m.node.Leave(ctx) }
