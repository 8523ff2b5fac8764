package webhook

import "time"

// Status is where a delivery stands.
type Status string

// The statuses. Processing is never stored: only the endpoint's actor knows it,
// so that after a crash a delivery in flight is simply queued or retrying again.
const (
	Queued     Status = "queued"     // not tried yet, or sent again by hand
	Processing Status = "processing" // an attempt is in flight
	Retrying   Status = "retrying"   // tried, and the next attempt is scheduled
	Delivered  Status = "delivered"  // a 2xx was received
	Failed     Status = "failed"     // attempts used up, or refused for good
	Cancelled  Status = "cancelled"  // given up by request
)

// Statuses lists every status, in the order of a delivery's life.
var Statuses = []Status{Queued, Processing, Retrying, Delivered, Failed, Cancelled}

// Finished tells whether nothing more will be tried on its own.
func (s Status) Finished() bool { return s == Delivered || s == Failed || s == Cancelled }

// Bounds on what is kept of a delivery's attempts.
const (
	// MaxAttemptLog bounds the attempts that a delivery remembers: the latest ones.
	MaxAttemptLog = 20
	// MaxLongResponses bounds the attempts of a delivery whose response body is
	// kept beyond MaxShortResponse bytes: the latest ones.
	MaxLongResponses = 2
	// MaxShortResponse and MaxShortLocation are how many bytes of a response's body
	// and of its Location every attempt keeps.
	MaxShortResponse = 256
	MaxShortLocation = 256
)

// Delivery is one event owed to one endpoint.
//
// It moves through named transitions only:
//
//	from               transition   to
//	queued, retrying   Attempted    delivered, retrying or failed
//	queued, retrying   Cancel       cancelled
//	queued, retrying   Fail         failed
//	retrying           Requeue      queued
//	finished           Requeue      queued, with a new series of attempts
type Delivery struct {
	ID        ID
	EventType string
	Status    Status
	// Attempts counts the requests made so far.
	Attempts int
	// Spent is how many of them belong to series that ended before this one;
	// the retry policy counts from here.
	Spent int
	// NextAttemptAt is when the next attempt is due; set while retrying.
	NextAttemptAt DueTime
	// FinishedAt is when the delivery was delivered, failed or cancelled.
	FinishedAt time.Time
	// Reason is why the latest attempt failed, or why the delivery did.
	Reason Reason
	// AttemptLog holds attempts, oldest first. How many depends on where the
	// delivery comes from: a single read returns all that are kept, at most
	// MaxAttemptLog; a list returns the latest one, with a short response; and what
	// is due has none, so that it takes little memory. After Attempted the last one
	// is the attempt just made, which storage appends to those it has.
	AttemptLog []Attempt
}

// QueuedAt is when the delivery's event was accepted.
func (d *Delivery) QueuedAt() time.Time { return d.ID.Time() }

// LastAttempt is the latest attempt made, nil if there was none.
func (d *Delivery) LastAttempt() *Attempt {
	if len(d.AttemptLog) == 0 {
		return nil
	}
	return &d.AttemptLog[len(d.AttemptLog)-1]
}

// Attempted records an attempt and decides what follows from it; chance, from 0
// up to 1, chooses the jitter of the next one.
func (d Delivery) Attempted(a Attempt, p RetryPolicy, chance float64) Delivery {
	d.Attempts++
	a.Number = d.Attempts
	a.bound()
	d.log(a)
	outcome := a.Outcome()
	end := a.At.Add(a.Duration)
	switch {
	case outcome.Verdict == Success:
		return d.finish(Delivered, ReasonNone, end)
	case outcome.Verdict == Refused, d.Attempts-d.Spent >= p.MaxAttempts:
		return d.finish(Failed, outcome.Reason, end)
	}
	d.Status, d.Reason = Retrying, outcome.Reason
	d.NextAttemptAt = DueAt(end.Add(max(p.Delay(d.Attempts-d.Spent, chance), min(a.RetryAfter, MaxRetryAfter))))
	return d
}

// log appends an attempt and forgets the oldest one beyond MaxAttemptLog. The
// list is copied: others may hold the old one.
func (d *Delivery) log(a Attempt) {
	old := d.AttemptLog
	if len(old) >= MaxAttemptLog {
		old = old[len(old)-MaxAttemptLog+1:]
	}
	entries := make([]Attempt, len(old)+1)
	copy(entries, old)
	entries[len(old)] = a
	d.AttemptLog = entries
}

func (d Delivery) finish(s Status, r Reason, at time.Time) Delivery {
	d.Status, d.Reason, d.FinishedAt, d.NextAttemptAt = s, r, at, 0
	return d
}

// Cancel gives the delivery up by request.
func (d Delivery) Cancel(r Reason, now time.Time) Delivery { return d.finish(Cancelled, r, now) }

// Fail ends the delivery for a reason that no attempt can mend.
func (d Delivery) Fail(r Reason, now time.Time) Delivery { return d.finish(Failed, r, now) }

// Requeue puts the delivery back into the queue; one that had finished gets a
// new series of attempts.
func (d Delivery) Requeue() Delivery {
	if d.Status.Finished() {
		d.Spent = d.Attempts
	}
	d.Status, d.NextAttemptAt, d.FinishedAt = Queued, 0, time.Time{}
	return d
}

// Due is a delivery that may be attempted, with all that an attempt needs of its event.
type Due struct {
	// Delivery has no AttemptLog.
	Delivery Delivery
	// Data is the event's canonical data, shared by its deliveries: never written to.
	Data []byte
}

// Settlement is one transition of a delivery on its way into storage.
type Settlement struct {
	// Was tells where the delivery stands in storage: queued, or retrying with its due time.
	Was Place
	// Now is the delivery after the transition. Of its AttemptLog storage takes the
	// last attempt only: it has the others.
	Now Delivery
}

// Place is where an undelivered delivery is kept: the queue, or the retry schedule at a due time.
type Place struct {
	Status        Status
	NextAttemptAt DueTime
}

// Place tells where the delivery is kept.
func (d *Delivery) Place() Place { return Place{d.Status, d.NextAttemptAt} }

// DeliveryQuery selects deliveries for a list, newest first.
type DeliveryQuery struct {
	// Endpoint restricts to one endpoint; 0 for all that ClientID allows.
	Endpoint EndpointNumber
	// ClientID restricts to one client's endpoints; "" for every client's.
	ClientID string
	// Status restricts to one stored status; "" for all.
	Status    Status
	EventType string
	// Since and Until bound the time of acceptance: Since ≤ t < Until; zero for open.
	Since, Until time.Time
	// Before continues a list: only deliveries older than this one, in the order of the list. Zero starts it.
	Before ID
	// Limit bounds the answer, at least 1.
	Limit int
}

// DeliveryPage is a part of a list of deliveries.
type DeliveryPage struct {
	Deliveries []Delivery
	// Next is where the list goes on; zero at its end. A page can be shorter than
	// its limit, even empty, and yet have a next one: the work for a page is bounded.
	Next ID
}

// Backlog is what an endpoint has still to deliver.
type Backlog struct {
	Queued   int64
	Retrying int64
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

// At is when the endpoint has something to deliver: the due time of its first
// retry, or zero, at once, if deliveries are queued.
func (w *Wake) At() time.Time {
	if w.Queued != (ID{}) {
		return time.Time{}
	}
	return w.Scheduled.At.Time()
}

// GateState is what an endpoint's breaker keeps across restarts.
type GateState struct {
	// OpenUntil is when the next attempt may be made; zero while closed.
	OpenUntil time.Time
	// Openings counts how often the breaker opened without a success in between.
	Openings int
	// Since is the endpoint's GateSince that the state belongs to: with a larger one
	// the endpoint has a fresh gate, and the state is void.
	Since uint64
}
