package webhook

import "time"

// Due is a delivery that may be attempted, with everything of its event that an attempt
// needs.
type Due struct {
	// Delivery has no AttemptLog.
	Delivery Delivery
	// Data is the event's canonical data. The event's deliveries share it, so nobody
	// writes to it.
	Data []byte
}

// Settlement is one transition of a delivery on its way into storage.
type Settlement struct {
	// Was is where the delivery is in storage before the transition.
	Was Place
	// Now is the delivery after the transition. Storage takes only the last attempt of
	// its AttemptLog: it has the others.
	Now Delivery
}

// Place is where storage keeps a pending delivery: in the queue, or in the retry schedule
// at a due time.
type Place struct {
	Status Status // Queued or Retrying
	// NextAttemptAt is the due time; 0 in the queue.
	NextAttemptAt DueTime
}

// Place returns where storage keeps the delivery, which must be pending.
func (d *Delivery) Place() Place { return Place{d.Status, d.NextAttemptAt} }

// Backlog is what an endpoint still has to deliver.
type Backlog struct {
	// Queued and Retrying are how many deliveries have each status.
	Queued, Retrying int64
	// OldestAt is when the oldest pending delivery was accepted; zero if there is none.
	OldestAt time.Time
	// NextRetryAt is when the next scheduled attempt is due; zero if there is none.
	NextRetryAt time.Time
}

// Wake is an endpoint that has something to deliver.
type Wake struct {
	Endpoint EndpointNumber
	// Queued is the first delivery of the queue; zero if there is none.
	Queued ID
	// Scheduled is the first slot of the retry schedule; zero if there is none.
	Scheduled Slot
	// Gate is the breaker's saved state.
	Gate GateState
}

// At returns when the endpoint has something to deliver: the due time of its first retry,
// or the zero time, at once, if deliveries are queued.
func (w *Wake) At() time.Time {
	if w.Queued != (ID{}) {
		return time.Time{}
	}
	return w.Scheduled.At.Time()
}

// GateState is what an endpoint's breaker keeps across restarts of the server.
type GateState struct {
	// OpenUntil is when the breaker lets the next attempt through; zero while it is closed.
	OpenUntil time.Time
	// Openings counts how often the breaker opened without a success in between.
	Openings int
	// Since is the Endpoint.GateSince that the state belongs to. If the endpoint has a
	// larger one by now, its gate has begun afresh and the state is void.
	Since uint64
}
