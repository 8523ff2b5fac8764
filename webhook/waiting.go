package webhook

import "time"

// Wait is a cause why a pending delivery is not attempted now.
type Wait string

// Causes of waiting.
const (
	WaitNone      Wait = ""
	WaitBreaker   Wait = "breaker"    // the circuit breaker is open, or its one attempt is in flight
	WaitHold      Wait = "hold"       // the receiver asked for a pause, with Retry-After
	WaitRate      Wait = "rate"       // the webhook's own rate limit
	WaitPause     Wait = "pause"      // the webhook is paused
	WaitDisabled  Wait = "disabled"   // the webhook is disabled
	WaitSlot      Wait = "slot"       // all attempts that the server makes at a time are in flight
	WaitTurn      Wait = "turn"       // others are before it, or in flight
	WaitRetryTime Wait = "retry_time" // its next attempt is not due yet
)

// Waiting is what a pending delivery waits for.
type Waiting struct {
	// For is the cause; WaitNone if the delivery does not wait.
	For Wait
	// Until is when the cause ends; zero if no time is known.
	Until time.Time
}

// Progress is what an endpoint's actor knows of its pending deliveries and storage does not.
type Progress struct {
	// Started holds the attempts in flight, and when each began.
	Started map[ID]time.Time
	// ByHand are the deliveries that somebody asked for by hand. They come next, and wait
	// for their turn only.
	ByHand []ID
	// Waiting is what every other due delivery waits for. With WaitNone it waits for its
	// turn.
	Waiting Waiting
}

// Of returns what a delivery of an endpoint with this status waits for: nothing if it is
// finished or in flight.
func (p *Progress) Of(d *Delivery, status EndpointStatus, now time.Time) Waiting {
	if _, flying := p.Started[d.ID]; flying || d.Status.Finished() {
		return Waiting{}
	}
	for _, id := range p.ByHand {
		if id == d.ID {
			return Waiting{For: WaitTurn}
		}
	}
	switch {
	case status == EndpointPaused:
		return Waiting{For: WaitPause}
	case status == EndpointDisabled:
		return Waiting{For: WaitDisabled}
	}
	return p.Waiting.orRetryAt(d.NextAttemptAt.Time(), now)
}

// orRetryAt returns what a delivery waits for that is not due before at: w or its retry
// time, whichever ends later.
func (w Waiting) orRetryAt(at, now time.Time) Waiting {
	switch {
	case at.After(now) && !w.Until.After(at):
		return Waiting{For: WaitRetryTime, Until: at}
	case w.For == WaitNone:
		return Waiting{For: WaitTurn}
	}
	return w
}

// OfNext returns what the next delivery of a backlog waits for; WaitNone if no delivery
// waits. w is the cause for the endpoint as a whole.
func (w Waiting) OfNext(b *Backlog, status EndpointStatus, inFlight int, now time.Time) Waiting {
	var next time.Time
	if b.Queued == 0 {
		next = b.NextRetryAt
	}
	switch {
	case b.Queued+b.Retrying <= int64(inFlight):
		return Waiting{}
	case status == EndpointPaused:
		return Waiting{For: WaitPause}
	case status == EndpointDisabled:
		return Waiting{For: WaitDisabled}
	}
	return w.orRetryAt(next, now)
}
