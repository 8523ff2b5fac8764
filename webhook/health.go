package webhook

import "time"

// BreakerState is the state of an endpoint's circuit breaker.
type BreakerState string

// States of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // attempts are made
	BreakerOpen     BreakerState = "open"      // deliveries wait
	BreakerHalfOpen BreakerState = "half_open" // one attempt decides which of the others follows
)

// Health describes how an endpoint is doing now, as far as its actor knows.
type Health struct {
	Breaker BreakerState
	// OpenUntil is when an open breaker lets the next attempt through.
	OpenUntil time.Time
	// HoldUntil is the end of the pause that the receiver asked for with Retry-After; zero
	// if it asked for none.
	HoldUntil time.Time
	// InFlight is how many attempts are under way, Allowed how many may be at present.
	InFlight, Allowed int
	Backlog           Backlog
	// Waiting is what the endpoint's next delivery waits for.
	Waiting Waiting
	// Successes and Failures count attempts of the last hour, as far as they are known, since
	// the receiver was last changed.
	Successes, Failures int64
	// P50, P95 and P99 are percentiles of the same hour: the time to an answer's status
	// line.
	P50, P95, P99  time.Duration
	LastAttemptAt  time.Time
	LastSuccessAt  time.Time
	LastFailureAt  time.Time
	LastReason     Reason
	LastStatusCode int
	// OwnerAway reports that the node which delivers to the endpoint cannot be reached: all
	// but the backlog and the breaker is unknown.
	OwnerAway bool
	// Restarts counts how often the endpoint's actor was restarted after a panic.
	Restarts int
}

// Summary is how one endpoint is doing, in the few figures by which operators compare all
// of them.
type Summary struct {
	// Endpoint is the endpoint's ID, ClientID its client.
	Endpoint ID
	ClientID string
	Status   EndpointStatus
	// Pending is how many deliveries are queued or retrying.
	Pending int64
	// OldestAt is when the oldest delivery at the head of queue or retry schedule was
	// accepted; zero if nothing is pending. An older delivery can stand further back in
	// the retry schedule, which is in order of due time.
	OldestAt time.Time
	// OpenUntil is until when the breaker is open; in the past while it is half-open, zero
	// while it is closed.
	OpenUntil time.Time
	// Attempts is what became of the attempts of the last hour.
	Attempts Tally
}

// Tally counts the attempts of a period by what became of them.
type Tally struct{ Successes, Failures int64 }

// FailureRatio returns which part of the attempts failed, 0 to 1; 0 without attempts.
func (t Tally) FailureRatio() float64 {
	if t.Failures == 0 {
		return 0
	}
	return float64(t.Failures) / float64(t.Successes+t.Failures)
}

// fewAttempts is added to an endpoint's attempts where endpoints are compared by the part
// that failed, so that the failure of a single attempt counts less than 9 of 10.
const fewAttempts = 10

// Weight compares endpoints by their failures: the part of the attempts that failed, less
// where there were few.
func (t Tally) Weight() float64 {
	return float64(t.Failures) / float64(t.Successes+t.Failures+fewAttempts)
}

// Coverage says what an answer about all endpoints leaves out.
type Coverage struct {
	// Missing are the names of the nodes that did not answer. The endpoints to which they
	// deliver are left out.
	Missing []string
	// Unowned reports that some endpoints have no node at the moment. They are left out.
	Unowned bool
	// Truncated reports that more endpoints belong in the order than a node looks at, or
	// keeps.
	Truncated bool
}

// Ranking is a list of endpoints in an order, the worst one first.
type Ranking struct {
	Coverage
	Endpoints []Summary // of their IDs there is the number only
}

// Overview is how a server, or a cluster, is doing with all of its endpoints. What it says of
// queues and breakers is as old as LookedAt, all else is of the present.
type Overview struct {
	Coverage
	// StartedAt is when the server that answers started.
	StartedAt, LookedAt time.Time
	// Pending is how many deliveries are queued or retrying, MaxPending how many may be.
	Pending, MaxPending int64
	InFlight            int // attempts
	// Endpoints counts those that are not deleted, by status; Oldest has when the oldest
	// delivery at the head of a queue or retry schedule was accepted, where there is one.
	Endpoints map[EndpointStatus]int
	Oldest    map[EndpointStatus]time.Time
	// BreakersOpen counts the active endpoints with pending deliveries whose breaker is
	// open or half-open.
	BreakersOpen int
	Rates        []Rate // by rising period
	Series       Series
	// Worst are up to MaxWorst endpoints, the worst one first.
	Worst []Summary
}

// OverviewQuery asks for an Overview.
type OverviewQuery struct {
	By     Order // of Worst
	Series bool  // whether the minutes of the last day are wanted
}

// MaxWorst bounds the endpoints that an Overview names.
const MaxWorst = 20

// Rate is how much happened a second in a period that ends now.
type Rate struct {
	Over  time.Duration
	Known time.Duration // how much of it; less after a start
	// Accepted counts events, the others deliveries.
	Accepted, Delivered, Failed float64
}

// Series is what was counted in each minute of the last day, in order of time.
type Series struct {
	// From is when the first minute began; zero if there is none.
	From    time.Time
	Minutes []Minute // 1,440 at most
}

// Minute is what was counted in one minute.
type Minute struct {
	// Known is false if no server counted then; all else is zero.
	Known bool
	// Accepted counts events, Delivered and Failed deliveries.
	Accepted, Delivered, Failed int64
	Pending                     int64 // at the end of the minute
}

// Order is by what endpoints are compared.
type Order string

// Orders.
const (
	ByAge      Order = "age"      // of the oldest delivery at a head
	ByPending  Order = "pending"  // how many deliveries are pending
	ByFailures Order = "failures" // which part of the last hour's attempts failed, single failures last

	// Newest first, of those that may be in a state: whoever lists them looks at each.
	ByOpen    Order = "open"    // the breaker is not closed
	ByFailing Order = "failing" // many attempts failed
	BySlow    Order = "slow"    // answers take long
)

// Key returns by what an endpoint is compared: the larger, the worse. Of two with the same
// key, that with the smaller number stands first.
func (o Order) Key(s *Summary) float64 {
	switch o {
	case ByAge:
		return -float64(s.OldestAt.UnixMilli())
	case ByPending:
		return float64(s.Pending)
	case ByOpen, ByFailing, BySlow:
		return float64(s.Endpoint.Endpoint)
	}
	return s.Attempts.Weight()
}
