package member

import (
	"context"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// This file brings registrations into force: what other nodes have stored here, and what
// this one has stored on all others (httpapi.Peers).

// applyPoll is how often a caller looks whether a version is applied, applyRetry how often
// it asks for it again: reading the changes may have failed.
const (
	applyPoll  = 2 * time.Millisecond
	applyRetry = 250 * time.Millisecond
)

// applied returns the version of the registrations that is in force on this node.
func (m *Member) applied() uint64 {
	if local, _ := m.parts(); local != nil {
		return local.Applied()
	}
	return 0
}

// refresh has the dispatcher read what other nodes have registered.
func (m *Member) refresh() {
	if local, _ := m.parts(); local != nil {
		local.Refresh()
	}
}

// CatchUp returns when every registration that was stored before the call is in force on
// this node.
func (m *Member) CatchUp(ctx context.Context) error {
	_, err := m.applyStored(ctx)
	return err
}

// AwaitApplied returns when every registration that was stored before the call is in force
// on all nodes whose lease holds.
func (m *Member) AwaitApplied(ctx context.Context) error {
	version, err := m.applyStored(ctx)
	if err != nil {
		return err
	}
	return m.node.AwaitApplied(ctx, version)
}

// applyStored returns the version that the store has, once it is in force on this node.
func (m *Member) applyStored(ctx context.Context) (uint64, error) {
	stored, err := m.options.Store.Changes(ctx, m.applied(), func(webhook.Endpoint) error { return nil })
	if err != nil {
		return 0, fmt.Errorf("read the version of the registrations: %w", err)
	}
	if at := m.apply(ctx, stored.Version); at < stored.Version {
		return 0, fmt.Errorf("version %d of the registrations is in force, and %d is stored: %w", at, stored.Version, ctx.Err())
	}
	return stored.Version, nil
}

// apply returns the version that is in force, at least the one that is given unless ctx
// ends.
func (m *Member) apply(ctx context.Context, version uint64) uint64 {
	for tries := 0; ; tries++ {
		at := m.applied()
		if at >= version || ctx.Err() != nil {
			return at
		}
		if time.Duration(tries)*applyPoll%applyRetry == 0 {
			m.refresh()
		}
		select {
		case <-ctx.Done():
		case <-time.After(applyPoll):
		}
	}
}
