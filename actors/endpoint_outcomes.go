package actors

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// What became of attempts: the lane judges it, and storage records it.

// finish takes the end of an attempt.
func (a *endpointActor) finish(e *lane.Entry, now time.Time) {
	switch {
	case e.Panic != nil:
		a.shared.metrics.panics.Inc()
		a.log().Error("attempt panicked", "delivery_id", webhook.DeliveryID.Format(e.ID()), "panic", e.Panic)
		a.lane.Panicked(e, now)
		return
	case a.shared.aborted.Load() && e.Attempt.Failure != webhook.ReasonNone:
		a.lane.Abandon(e)
		return
	}
	outcome := e.Attempt.Outcome()
	if a.lane.SameReceiver(e) {
		a.seat.stats.record(&e.Attempt, outcome)
	}
	a.shared.metrics.attempt(&e.Attempt, outcome)
	openings := a.lane.GateState().Openings
	a.lane.Attempted(e, e.Attempt, rand.Float64(), now)
	a.logBreaker(openings, e, outcome)
	if a.shared.log.Enabled(context.Background(), slog.LevelDebug) {
		a.logAttempt(e, outcome)
	}
}

func (a *endpointActor) settle(e *lane.Entry) {
	shared, tray := a.shared, a.seat.tray
	settlement := e.Next
	// Storage has the attempt from here. The entry may stay for a while, and must not
	// hold the response's body.
	e.Next.Now.AttemptLog, e.Attempt.Response = nil, nil
	a.shared.store.Settle(settlement, func(err error) {
		if e.RecordErr = err; err == nil { // otherwise the delivery stays where it was
			shared.metrics.recorded(e.Next.Now.Status)
			shared.watchers.notify(&e.Next.Now)
		}
		if tray.settle(e) {
			shared.tell(tray)
		}
	})
}

// settled takes what became of an outcome on its way to storage.
func (a *endpointActor) settled(e *lane.Entry) {
	if e.RecordErr == nil {
		a.lane.Recorded(e)
		return
	}
	broken := errors.Is(e.RecordErr, webhook.ErrBroken)
	if !broken { // of that storage tells once
		a.log().Error("storage failed", "action", "settle delivery", "delivery_id", webhook.DeliveryID.Format(e.ID()), "error", e.RecordErr)
	}
	a.lane.NotRecorded(e, broken)
}
