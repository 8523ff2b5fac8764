package cluster

import (
	"context"
	"errors"
	"log/slog"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// hands carry out the core's orders, one after the other, on one goroutine. Heartbeats
// have a goroutine of their own: an order may wait for the database's locks.
type hands struct {
	*Node
	deliverer Deliverer
	peers     Peers
}

// run works until ctx ends, and passes on losses even if the node is fenced.
func (h *hands) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.work:
			for again := true; again && ctx.Err() == nil; {
				again = h.step(ctx)
			}
		}
	}
}

// step carries out what is to be done now, and reports whether something changed.
func (h *hands) step(ctx context.Context) bool {
	h.mu.Lock()
	o := h.core.decide(h.options.Clock())
	h.note(o.resume, webhook.Parts{})
	gained, lost := h.gained, h.lost
	h.gained, h.lost = webhook.Parts{}, webhook.Parts{}
	h.mu.Unlock()
	// What was lost and won again since must begin from the start.
	each(lost, h.deliverer.DropParts)
	each(gained, h.deliverer.GainParts)
	each(o.drain, func(parts webhook.Parts) { h.deliverer.DrainParts(parts, h.drained) })
	for _, dead := range o.fence {
		h.fence(ctx, dead)
	}
	for _, r := range o.release {
		h.release(ctx, r)
	}
	each(o.free, func(parts webhook.Parts) { h.claimFree(ctx, parts) })
	return lost.Len()+gained.Len()+len(o.release)+o.free.Len() > 0
}

// each calls do with a set that is not empty.
func each(parts webhook.Parts, do func(webhook.Parts)) {
	if parts.Len() > 0 {
		do(parts)
	}
}

// drained is called by the deliverer for each part that it has drained.
func (h *hands) drained(p webhook.Part) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.core.drained(p) {
		poke(h.work)
	}
}

// fence ends what a dead node can still write. The heartbeat that follows shows its parts
// as free.
func (h *hands) fence(ctx context.Context, dead storage.Incarnation) {
	ctx, cancel := context.WithTimeout(ctx, h.options.Lease)
	defer cancel()
	err := h.options.Store.Fence(ctx, dead)
	h.mu.Lock()
	h.core.fencing(h.options.Clock(), dead)
	h.mu.Unlock()
	switch {
	case err == nil:
		h.log.Warn("a node is dead: its parts are free", slog.String("node_id", dead.String()))
		h.Look()
		h.peers.PartsMoved(0)
	case errors.Is(err, webhook.ErrConflict): // it has sent a heartbeat after all
		h.Look()
	default:
		h.failed("fence a dead node", err)
	}
}

// release gives parts away.
func (h *hands) release(ctx context.Context, r handover) {
	ctx, cancel := context.WithTimeout(ctx, h.options.Lease)
	defer cancel()
	err := h.options.Store.Release(ctx, r.parts, r.to)
	h.mu.Lock()
	h.core.released(h.options.Clock(), r, err == nil)
	h.announce()
	h.mu.Unlock()
	if err != nil {
		h.failed("release parts", err)
		return
	}
	h.log.Info("parts released", slog.Int("parts", r.parts.Len()), slog.String("to_node_id", r.to.String()))
	h.peers.PartsMoved(r.to)
}

// claimFree takes free parts.
func (h *hands) claimFree(ctx context.Context, parts webhook.Parts) {
	ctx, cancel := context.WithTimeout(ctx, h.options.Lease)
	defer cancel()
	got, err := h.options.Store.Claim(ctx, parts)
	if err != nil {
		got = webhook.Parts{}
		h.failed("claim parts", err)
	}
	h.mu.Lock()
	gained := h.core.claimed(h.options.Clock(), parts, got)
	h.note(gained, webhook.Parts{})
	h.mu.Unlock()
	each(gained, func(webhook.Parts) { h.log.Info("parts claimed", slog.Int("parts", gained.Len())) })
}

// failed notes an order that failed. It is tried again after a heartbeat.
func (h *hands) failed(action string, err error) {
	if errors.Is(err, webhook.ErrFenced) {
		h.cutOff()
		return
	}
	h.log.Warn("storage failed", slog.String("action", action), slog.Any("error", err))
}
