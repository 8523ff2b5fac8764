package member

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/cmd/internal/cluster/peer"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// This file is what the dispatcher asks of the other nodes (actors.Cluster), and what they
// send it.

// MaySend reports whether an attempt may begin now.
func (m *Member) MaySend() bool { return m.node.MaySend() }

// MayPublish returns the error with which events are refused at present; nil if they are
// accepted.
func (m *Member) MayPublish() error { return unavailable(m.node.MayPublish()) }

// unavailable returns the error for a reason that passes; nil for none.
func unavailable(reason error) error {
	if reason == nil {
		return nil
	}
	return &webhook.RetryAfterError{Err: fmt.Errorf("%w: %w", webhook.ErrUnavailable, reason), After: time.Second}
}

// Version returns a version of the registrations that the store has had for certain.
func (m *Member) Version() uint64 { return m.node.Version() }

// Changes calls visit for each endpoint that was changed after a version. Event types and
// API keys that were changed are in force when it returns.
func (m *Member) Changes(ctx context.Context, since uint64, visit func(webhook.Endpoint) error) (uint64, error) {
	changes, err := m.options.Store.Changes(ctx, since, func(e webhook.Endpoint) error {
		if m.options.Changed != nil {
			m.options.Changed(e)
		}
		return visit(e)
	})
	if err != nil {
		return 0, fmt.Errorf("read what other nodes have registered: %w", err)
	}
	if _, api := m.parts(); api != nil && (changes.EventTypes || changes.APIKeys) {
		if err := api.Refresh(ctx, changes.EventTypes, changes.APIKeys); err != nil {
			return 0, err
		}
	}
	return changes.Version, nil
}

// HoldRegistrations keeps all nodes from changing registrations until release is called, for
// a few seconds at most.
func (m *Member) HoldRegistrations(ctx context.Context) (release func(), err error) {
	return m.options.Store.HoldRegistrations(ctx)
}

// Offer sends a hint to the owners of its endpoints, each its own.
func (m *Member) Offer(h actors.Hint) {
	by := make(map[storage.Incarnation][]webhook.EndpointNumber, 2)
	for _, n := range h.Endpoints {
		owner := m.node.OwnerOf(n.Part())
		by[owner] = append(by[owner], n)
	}
	for owner, endpoints := range by {
		to, known := m.node.Lookup(owner)
		if !known || to.Address == "" || owner == m.node.Self() {
			continue // whoever gets the parts reads the queues
		}
		for len(endpoints) > 0 {
			n := min(len(endpoints), peer.MaxHintEndpoints)
			m.outbox.Send(to, peer.Hint{
				ID: h.Event, Type: h.Type, Data: h.Data, ByHand: h.ByHand, Forwarded: h.Forwarded, Endpoints: endpoints[:n],
			})
			endpoints = endpoints[n:]
		}
	}
}

// Hinted passes hints of another node to the dispatcher. Their data is copied: one delivery
// that waits would keep the memory of all.
func (m *Member) Hinted(hints []peer.Hint) {
	local, _ := m.parts()
	out := make([]actors.Hint, len(hints))
	for i, h := range hints {
		out[i] = actors.Hint{
			Event: h.ID, Type: h.Type, Data: bytes.Clone(h.Data), ByHand: h.ByHand, Forwarded: h.Forwarded, Endpoints: h.Endpoints,
		}
	}
	local.Offer(out)
}

// Lost has the dispatcher look for what hints were about that did not arrive.
func (m *Member) Lost() {
	if local, _ := m.parts(); local != nil {
		local.Audit()
	}
}

// nodeLost is called when a node has gone without leaving: hints of it may never come.
func (m *Member) nodeLost() {
	m.Lost()
	m.outbox.Forget(m.gone)
	m.client.Forget(m.gone)
}

func (m *Member) gone(n storage.Incarnation) bool { return !m.node.Knows(n) }
