package actors

import (
	"log/slog"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// log returns a logger for lines about the endpoint.
func (a *endpointActor) log() *slog.Logger { return a.seat.log(a.shared.log) }

// logAttempt writes the one line of an attempt. It says what there is to say without
// the payload, which is the client's.
func (a *endpointActor) logAttempt(e *lane.Entry, o webhook.Outcome) {
	a.log().Debug("attempt", "delivery_id", webhook.DeliveryID.Format(e.ID()), "event_type", e.Next.Now.EventType,
		"attempt", e.Next.Now.Attempts, "duration", e.Attempt.Duration, "status_code", e.Attempt.StatusCode,
		"reason", o.Reason, "status", e.Next.Now.Status, "next_attempt_at", e.Next.Now.NextAttemptAt.Time())
}

// logBreaker logs that an attempt opened or closed the breaker. openings is how often
// in a row it had opened before the attempt ended.
func (a *endpointActor) logBreaker(openings int, e *lane.Entry, o webhook.Outcome) {
	switch gate := a.lane.GateState(); {
	case gate.Openings > openings:
		a.shared.metrics.openings.Inc()
		a.log().Info("breaker opened", "delivery_id", webhook.DeliveryID.Format(e.ID()),
			"until", gate.OpenUntil, "openings", gate.Openings, "reason", o.Reason)
	case gate.Openings < openings:
		a.log().Info("breaker closed", "delivery_id", webhook.DeliveryID.Format(e.ID()),
			"openings", openings, "status_code", e.Attempt.StatusCode)
	}
}

// logPanic, deferred, does what shared.logPanic does, in a line about the endpoint.
func (a *endpointActor) logPanic() {
	if cause := recover(); cause != nil {
		logStack(a.log(), "webhook", cause)
		panic(cause)
	}
}
