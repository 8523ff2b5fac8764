package cluster

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// beats sends heartbeats until ctx ends or the node is fenced. After one that failed the
// next one follows sooner, since every second without a lease is a second without sending.
func (n *Node) beats(ctx context.Context) {
	t := n.core.lease.timing
	wait := t.beat
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-n.fenced:
			timer.Stop()
			return
		case <-timer.C:
		case <-n.beatNow:
			timer.Stop()
		}
		wait = t.beat
		if n.beat(ctx) != nil {
			wait = t.beat / 4
		}
	}
}

// beat sends one heartbeat, and takes in what it returns.
func (n *Node) beat(ctx context.Context) error {
	n.mu.Lock()
	b := storage.Beat{Lease: n.core.lease.lease, Leaving: n.core.leaving || !n.serving}
	n.mu.Unlock()
	if n.options.Applied != nil {
		b.Applied = n.options.Applied()
	}
	ctx, cancel := context.WithTimeout(ctx, b.Lease)
	defer cancel()
	sent, wall := n.options.Clock(), time.Now()
	view, err := n.options.Store.Heartbeat(ctx, b)
	if err != nil {
		return n.beatFailed(ctx, err)
	}
	vanished := n.beaten(sent, wall.Add(time.Since(wall)/2), view, !b.Leaving)
	if vanished && n.options.Lost != nil {
		n.options.Lost()
	}
	if n.options.Changed != nil && view.Version > b.Applied {
		n.options.Changed(view.Version)
	}
	return nil
}

// beaten takes in a confirmed heartbeat, and reports whether a node has gone that did not
// leave. middle is the time between its sending and its answer by this machine's clock.
func (n *Node) beaten(sent steady, middle time.Time, view storage.Cluster, serving bool) (vanished bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failing != nil {
		n.log.Info("heartbeats succeed again")
		n.failing = nil
	}
	vanished = n.core.vanished(&view)
	n.servingSeen = n.servingSeen || serving
	gained, lost := n.core.confirmed(sent, view)
	n.note(gained, lost)
	n.skew = view.Now.Sub(middle)
	n.until.Store(int64(n.core.lease.until))
	n.announce()
	poke(n.work)
	return vanished
}

// note adds parts to what the hands pass on next. The later of two words about a part
// counts.
func (n *Node) note(gained, lost webhook.Parts) {
	for p := range gained.All {
		n.gained.Add(p)
	}
	for p := range lost.All {
		n.lost.Add(p)
		n.gained.Remove(p)
	}
}

// announce wakes those that wait for the next heartbeat.
func (n *Node) announce() {
	close(n.seen)
	n.seen = make(chan struct{})
}

// beatFailed notes a heartbeat without an answer. Only the first of a row is logged.
func (n *Node) beatFailed(ctx context.Context, err error) error {
	if errors.Is(err, webhook.ErrFenced) {
		n.cutOff()
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failing == nil && !errors.Is(ctx.Err(), context.Canceled) {
		n.log.Warn("heartbeat failed", slog.Any("error", err))
	}
	n.failing = err
	return err
}

// cutOff ends everything after the cluster has fenced this node.
func (n *Node) cutOff() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.core.fenced {
		return
	}
	n.note(webhook.Parts{}, n.core.cutOff())
	n.until.Store(0)
	n.log.Error("this node was taken for dead, and its parts given to others")
	close(n.fenced)
	n.announce()
	poke(n.work)
}
