package actors

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// What became of attempts: the lane judges it, and storage records it.

// finish takes the end of an attempt.
func (a *endpointActor) finish(e *entry, now time.Time) {
	switch {
	case e.panicked:
		a.shared.metrics.panics.Inc()
		a.log().Error("attempt panicked", "delivery_id", webhook.DeliveryID.Format(e.id()), "panic", e.panicValue)
		a.lane.panicked(e, now)
		return
	case a.shared.aborted.Load() && e.attempt.Failure != webhook.ReasonNone:
		a.lane.abandon(e)
		return
	}
	outcome := e.attempt.Outcome()
	if a.lane.current(e) {
		a.seat.stats.record(&e.attempt, outcome)
	}
	a.shared.metrics.attempt(&e.attempt, outcome)
	openings := a.lane.gate.state.Openings
	a.lane.attempted(e, e.attempt, rand.Float64(), now)
	a.tellBreaker(openings, e, outcome)
	if a.shared.log.Enabled(context.Background(), slog.LevelDebug) {
		a.logAttempt(e, outcome)
	}
}

func (a *endpointActor) settle(e *entry) {
	shared, tray := a.shared, a.seat.tray
	settlement := e.next
	// Storage has the attempt from here. The entry may stay for a while, and must not
	// hold the response's body.
	e.next.Now.AttemptLog, e.attempt.Response = nil, nil
	a.shared.store.Settle(settlement, func(err error) {
		if e.unrecorded = err; err == nil { // otherwise the delivery stays where it was
			shared.metrics.settled(e.next.Now.Status)
			shared.watchers.settled(&e.next.Now)
		}
		if tray.settle(e) {
			shared.tell(tray)
		}
	})
}

// settled takes what became of an outcome on its way to storage.
func (a *endpointActor) settled(e *entry) {
	if e.unrecorded == nil {
		a.lane.settled(e)
		return
	}
	e.lost = true
	broken := errors.Is(e.unrecorded, webhook.ErrBroken)
	if !broken { // of that storage tells once
		a.log().Error("storage failed", "action", "settle delivery", "delivery_id", webhook.DeliveryID.Format(e.id()), "error", e.unrecorded)
	}
	a.lane.unrecorded(broken)
}
