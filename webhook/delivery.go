package webhook

import "time"

// Status is the state of a delivery.
type Status string

// Statuses of a delivery. Processing is never stored: only the endpoint's actor knows it,
// so that after a crash a delivery in flight is queued or retrying again, with no
// recovery code.
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

// Finished reports whether the delivery is over, unless somebody requeues it by hand.
func (s Status) Finished() bool { return s == Delivered || s == Failed || s == Cancelled }

// Bounds of the attempts that storage keeps for a delivery. They bound what a
// failing delivery takes on disk, however long its receiver's answers are.
const (
	// MaxAttemptLog bounds the attempts in a delivery's log: the latest ones stay.
	MaxAttemptLog = 20
	// MaxLongResponses bounds the attempts of a delivery that keep more than
	// MaxShortResponse bytes of the response's body: the latest ones do.
	MaxLongResponses = 2
	// MaxShortResponse and MaxShortLocation are how many bytes of a response's body
	// and of its Location every attempt keeps.
	MaxShortResponse = 256
	MaxShortLocation = 256
)

// Delivery is one event owed to one endpoint.
//
// Its status changes by these methods only:
//
//	from               transition   to
//	queued, retrying   Attempted    delivered, retrying or failed
//	queued, retrying   Cancel       cancelled
//	queued, retrying   Fail         failed
//	retrying           Requeue      queued
//	finished           Requeue      queued, with a new series of attempts
//
// Over decides between two transitions that happened at the same time.
type Delivery struct {
	ID        ID
	EventType string
	Status    Status
	// Attempts counts the requests made so far.
	Attempts int
	// Spent is how many of Attempts belong to series that ended before this one. The
	// retry policy counts from here, so that a requeued delivery has all its attempts again.
	Spent int
	// NextAttemptAt is when the next attempt is due; set while retrying.
	NextAttemptAt DueTime
	// FinishedAt is when the delivery was delivered, failed or cancelled.
	FinishedAt time.Time
	// Reason is why the latest attempt failed, or why the delivery did.
	Reason Reason
	// AttemptLog holds attempts, oldest first. How many depends on where the delivery
	// comes from. A single read returns all that storage keeps, at most MaxAttemptLog. A
	// list returns the latest one, with a short response. A Due delivery has none, so
	// that a backlog in memory stays small. After Attempted the last one is the attempt
	// just made, which storage appends to those it has.
	AttemptLog []Attempt
}

// QueuedAt returns when the delivery's event was accepted.
func (d *Delivery) QueuedAt() time.Time { return d.ID.Time() }

// LastAttempt returns the latest attempt, nil if there was none.
func (d *Delivery) LastAttempt() *Attempt {
	if len(d.AttemptLog) == 0 {
		return nil
	}
	return &d.AttemptLog[len(d.AttemptLog)-1]
}

// Attempted records an attempt and decides what follows from it; chance, from 0
// up to 1, chooses the jitter of the next attempt. A receiver's Retry-After can postpone
// the next attempt, and never brings it forward.
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

// log appends an attempt and drops the oldest one beyond MaxAttemptLog. It copies the
// list, because copies of the delivery may share the old one.
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

// finish ends the delivery, for ReasonNone if it was delivered.
func (d Delivery) finish(s Status, r Reason, at time.Time) Delivery {
	d.Status, d.Reason, d.FinishedAt, d.NextAttemptAt = s, r, at, 0
	return d
}

// Cancel ends the delivery because somebody asked for it.
func (d Delivery) Cancel(r Reason, now time.Time) Delivery { return d.finish(Cancelled, r, now) }

// Fail ends the delivery for a reason that another attempt would not remove.
func (d Delivery) Fail(r Reason, now time.Time) Delivery { return d.finish(Failed, r, now) }

// Requeue puts the delivery back into the queue. A finished delivery begins a new series
// of attempts; a retrying one continues its series.
func (d Delivery) Requeue() Delivery {
	if d.Status.Finished() {
		d.Spent = d.Attempts
	}
	d.Status, d.NextAttemptAt, d.FinishedAt = Queued, 0, time.Time{}
	return d
}

// Over returns the delivery, as an attempt left it, as it is to be stored over what is
// stored of it. Usually that is where the attempt began, and nothing changes. A delivery
// that somebody ended during the attempt stays ended as it was, unless the attempt ended
// it too. One that somebody requeued takes the attempt's outcome.
func (d Delivery) Over(stored *Delivery) Delivery {
	if stored.Status.Finished() && !d.Status.Finished() {
		return d.finish(stored.Status, stored.Reason, stored.FinishedAt)
	}
	return d
}

// DeliveryQuery selects deliveries for a list, newest first.
type DeliveryQuery struct {
	// Endpoint restricts the list to one endpoint; 0 means all that ClientID allows.
	Endpoint EndpointNumber
	// ClientID restricts the list to one client's endpoints; "" means every client.
	ClientID string
	// Status restricts the list to one stored status; "" means all.
	Status Status
	// EventType restricts the list to one event type; "" means all.
	EventType string
	// Reason restricts the list to deliveries with this Reason; ReasonNone means all.
	Reason Reason
	// Code restricts the list by the status code of the latest attempt.
	Code CodeFilter
	// MinAttempts restricts the list to deliveries with at least as many attempts.
	MinAttempts int
	// Since and Until bound the time of acceptance: Since ≤ t < Until; zero means no bound.
	Since, Until time.Time
	// Before continues a list after this delivery, in the order of the list; zero starts
	// the list.
	Before ID
	// Limit bounds the deliveries of one page, at least 1.
	Limit int
}

// Selects reports whether the filters select a delivery by what its own record says:
// everything except Endpoint, ClientID, Code, time and place.
func (q *DeliveryQuery) Selects(d *Delivery) bool {
	return (q.Status == "" || q.Status == d.Status) &&
		(q.EventType == "" || q.EventType == d.EventType) &&
		(q.Reason == ReasonNone || q.Reason == d.Reason) &&
		d.Attempts >= q.MinAttempts
}

// DeliveryPage is one page of a list of deliveries.
type DeliveryPage struct {
	Deliveries []Delivery
	// Next is the Before of the next page; zero at the end of the list. A page can be
	// shorter than its limit, even empty, and still have a next one: storage bounds the
	// records that it reads for a page.
	Next ID
}
