package feed

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

// Endpoint is what items are about: an endpoint and its client. Its methods return the
// items that Publish takes.
type Endpoint struct {
	ID       webhook.ID
	ClientID string
}

func (e Endpoint) item(kind live.Kind, at time.Time) live.Item {
	return live.Item{Kind: kind, At: at, Webhook: e.ID, ClientID: e.ClientID}
}

// Attempt is an attempt that has ended; d is the delivery as the attempt left it.
func (e Endpoint) Attempt(d *webhook.Delivery, a *webhook.Attempt, o webhook.Outcome, at time.Time) live.Item {
	i := e.item(live.Attempt, at)
	i.Delivery, i.EventType, i.Attempt = d.ID, d.EventType, d.Attempts
	i.Code, i.Reason, i.Duration = a.StatusCode, o.Reason, a.Duration
	i.Status = string(webhook.Failed)
	if o.Verdict == webhook.Success {
		i.Status = string(webhook.Delivered)
	}
	if d.Status == webhook.Retrying {
		i.Until = d.NextAttemptAt.Time()
	}
	return i
}

// Settled is a delivery that has finished, or was queued again, as it is stored.
func (e Endpoint) Settled(d *webhook.Delivery, at time.Time) live.Item {
	i := e.item(live.Delivery, at)
	i.Delivery, i.EventType, i.Attempt, i.Status, i.Reason = d.ID, d.EventType, d.Attempts, string(d.Status), d.Reason
	return i
}

// Breaker is a breaker that has opened or closed.
func (e Endpoint) Breaker(g webhook.GateState, at time.Time) live.Item {
	i := e.item(live.Breaker, at)
	i.Status = live.BreakerClosed
	if g.Openings > 0 {
		i.Status, i.Until = live.BreakerOpen, g.OpenUntil
	}
	return i
}

// Disabled is an endpoint that its receiver wanted no more deliveries for.
func (e Endpoint) Disabled(at time.Time) live.Item {
	i := e.item(live.Webhook, at)
	i.Change, i.Status = "disabled", string(webhook.EndpointDisabled)
	return i
}
