package member

import (
	"context"
	"sync"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// shelf is the store of all nodes of a test: whoever joins first gets the even parts, the
// second the odd ones. Nothing moves.
type shelf struct {
	mu         sync.Mutex
	nodes      []storage.Node
	version    uint64
	changed    []webhook.Endpoint
	deliveries map[webhook.ID]webhook.Delivery
	gone       map[storage.Incarnation]bool
}

// place is the shelf as one process uses it.
type place struct {
	*shelf
	self storage.Incarnation
}

func (p *place) Join(_ context.Context, n storage.NodeInfo) (storage.Incarnation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.self = storage.Incarnation(len(p.nodes) + 1)
	p.nodes = append(p.nodes, storage.Node{NodeInfo: n, Incarnation: p.self})
	return p.self, nil
}

func (p *place) Heartbeat(_ context.Context, b storage.Beat) (storage.Cluster, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	c := storage.Cluster{Now: now, Version: p.version}
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.Incarnation == p.self {
			n.Beat, n.Expires = b, now.Add(b.Lease)
		}
		if !p.gone[n.Incarnation] {
			c.Nodes = append(c.Nodes, *n)
		}
	}
	for i := range c.Parts {
		c.Parts[i] = storage.Ownership{Owner: storage.Incarnation(1 + i%2), Epoch: 1}
	}
	return c, nil
}

func (p *place) Fence(context.Context, storage.Incarnation) error { return nil }

func (p *place) Claim(context.Context, webhook.Parts) (webhook.Parts, error) {
	return webhook.Parts{}, nil
}

func (p *place) Release(context.Context, webhook.Parts, storage.Incarnation) error {
	return webhook.ErrUnavailable // nothing moves here
}
func (p *place) Leave(context.Context) error { return nil }

func (p *place) Changes(_ context.Context, since uint64, visit func(webhook.Endpoint) error) (storage.Changes, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.changed {
		if e.Revision > since {
			if err := visit(e); err != nil {
				return storage.Changes{}, err
			}
		}
	}
	return storage.Changes{Version: p.version, EventTypes: since < p.version, APIKeys: since < p.version}, nil
}

func (p *place) HoldRegistrations(context.Context) (func(), error) { return func() {}, nil }

func (p *place) Delivery(_ context.Context, id webhook.ID) (webhook.Delivery, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, ok := p.deliveries[id]
	if !ok {
		return d, webhook.ErrNotFound
	}
	return d, nil
}

// register stores an endpoint, whose revision is the version of the registrations.
func (s *shelf) register(e webhook.Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	e.Revision = s.version
	s.changed = append(s.changed, e)
}
