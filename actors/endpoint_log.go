package actors

import (
	"log/slog"

	"github.com/corpastro/astrohook/webhook"
)

// log returns a logger for lines about the endpoint.
func (a *endpointActor) log() *slog.Logger { return a.seat.log(a.shared.log) }

// logAttempt writes the one line of an attempt.
func (a *endpointActor) logAttempt(e *entry, o webhook.Outcome) {
	a.log().Debug("attempt", "delivery_id", webhook.DeliveryID.Format(e.id()), "event_type", e.next.Now.EventType,
		"attempt", e.next.Now.Attempts, "duration", e.attempt.Duration, "status_code", e.attempt.StatusCode,
		"reason", o.Reason, "status", e.next.Now.Status, "next_attempt_at", e.next.Now.NextAttemptAt.Time())
}

// tellBreaker logs that an attempt opened or closed the breaker.
func (a *endpointActor) tellBreaker(openings int, e *entry, o webhook.Outcome) {
	switch gate := a.lane.gate.state; {
	case gate.Openings > openings:
		a.shared.metrics.openings.Inc()
		a.log().Info("breaker opened", "delivery_id", webhook.DeliveryID.Format(e.id()),
			"until", gate.OpenUntil, "openings", gate.Openings, "reason", o.Reason)
	case gate.Openings < openings:
		a.log().Info("breaker closed", "delivery_id", webhook.DeliveryID.Format(e.id()),
			"openings", openings, "status_code", e.attempt.StatusCode)
	}
}

// tellPanic, deferred, does what shared.tellPanic does.
func (a *endpointActor) tellPanic() {
	if cause := recover(); cause != nil {
		logPanic(a.log(), "webhook", cause)
		panic(cause)
	}
}
