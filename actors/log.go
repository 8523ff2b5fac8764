package actors

import (
	"log/slog"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// label identifies an endpoint in every log line about it. It is empty until an actor
// has read the endpoint.
type label struct {
	id        webhook.ID
	clientID  string
	targetURL string
}

func labelOf(e *webhook.Endpoint) label { return label{e.ID, e.ClientID, e.TargetURL} }

// feeds returns what items of the feed are about.
func (l *label) feeds() feed.Endpoint { return feed.Endpoint{ID: l.id, ClientID: l.clientID} }

// log returns a logger for lines about the child's endpoint. It is made for each use:
// few endpoints log anything, and all of them would keep one in memory.
func (c *child) log(log *slog.Logger) *slog.Logger {
	if c.label.id == (webhook.ID{}) { // the ID is not known before the endpoint is read
		return log.With("webhook_id", "", "webhook_number", uint32(c.number))
	}
	host := ""
	if target, err := url.Parse(c.label.targetURL); err == nil {
		host = target.Host
	}
	return log.With("webhook_id", webhook.EndpointID.Format(c.label.id), "client_id", c.label.clientID, "target_host", host)
}

// failuresApart is the least time between two log lines about an endpoint's failed
// deliveries, so that a receiver that refuses everything does not fill the log.
const failuresApart = time.Minute

// failures counts an endpoint's deliveries that failed for good, since the last log
// line about them.
type failures struct {
	count  int
	reason webhook.Reason // of the last one
	last   webhook.ID
	next   time.Time // when the next line may be written
}

// note counts a delivery if it has failed for good.
func (f *failures) note(d *webhook.Delivery) {
	if d.Status == webhook.Failed {
		f.count++
		f.reason, f.last = d.Reason, d.ID
	}
}

// nextAt returns when the next line is due; zero if there is nothing to report.
func (f *failures) nextAt() time.Time {
	if f.count == 0 {
		return time.Time{}
	}
	return f.next
}

// report writes the log line, which counts the deliveries and names the last one.
func (f *failures) report(log *slog.Logger, now time.Time) {
	log.Warn("delivery failed for good", "count", f.count, "delivery_id", webhook.DeliveryID.Format(f.last), "reason", f.reason)
	*f = failures{next: now.Add(failuresApart)}
}

// log returns a logger for lines about the endpoint.
func (a *endpointActor) log() *slog.Logger { return a.child.log(a.shared.log) }

// logAttempt writes the one line of an attempt. It says what there is to say without
// the payload, which is the client's.
func (a *endpointActor) logAttempt(e *lane.Entry, o webhook.Outcome) {
	a.log().Debug("attempt", "delivery_id", webhook.DeliveryID.Format(e.ID()), "event_type", e.Next.Now.EventType,
		"attempt", e.Next.Now.Attempts, "duration", e.Attempt.Duration, "status_code", e.Attempt.StatusCode,
		"reason", o.Reason, "status", e.Next.Now.Status, "next_attempt_at", e.Next.Now.NextAttemptAt.Time())
}

// logBreaker logs that an attempt opened or closed the breaker. openings is how often
// in a row it had opened before the attempt ended.
func (a *endpointActor) logBreaker(openings int, e *lane.Entry, o webhook.Outcome, now time.Time) {
	gate := a.lane.GateState()
	if gate.Openings != openings && a.shared.feed.Active() {
		a.shared.feed.Publish(a.child.label.feeds().Breaker(gate, now))
	}
	switch {
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

// logPanic, deferred, logs a panic with its stack and panics again. The actor's
// supervisor decides what happens, but the stack is gone by the time it is called.
func (s *shared) logPanic(who string) {
	if cause := recover(); cause != nil {
		logStack(s.log, who, cause)
		panic(cause)
	}
}

// logStack logs a panic with the stack of the goroutine that panicked.
func logStack(log *slog.Logger, who string, cause any) {
	log.Error("actor panicked", "actor", who, "panic", cause, "stack", string(debug.Stack()))
}
