// Package live has the words of what happens while somebody watches: attempts, deliveries
// that have been settled, breakers, changes of webhooks. They are pure types and rules.
//
// What is kept of it, and for whom, belongs to actors/feed; how it is written, to the API.
package live

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Kind says what happened.
type Kind string

// The kinds. Their texts are the API's.
const (
	Attempt  Kind = "attempt"  // an attempt has ended
	Delivery Kind = "delivery" // a delivery has finished, or was queued again
	Breaker  Kind = "breaker"  // a breaker has opened or closed
	Webhook  Kind = "webhook"  // a webhook was registered or has changed
)

// Kinds are all of them.
var Kinds = []Kind{Attempt, Delivery, Breaker, Webhook}

// States of a breaker, in Item.Status.
const (
	BreakerOpen   = "open"
	BreakerClosed = "closed"
)

// Item is one thing that happened. Members that do not apply to its kind are zero.
type Item struct {
	// Number orders the items of one run of one server, from 1.
	Number uint64
	Kind   Kind
	At     time.Time
	// Webhook is the endpoint's ID, and ClientID its client.
	Webhook  webhook.ID
	ClientID string
	// Status is the attempt's (delivered, failed), the delivery's, the breaker's state, or
	// the webhook's status.
	Status string

	// Of attempts and deliveries:
	Delivery  webhook.ID
	EventType string
	Attempt   int // its number, or how many there were
	Reason    webhook.Reason

	// Of attempts:
	Code     int // of the answer; 0 for none
	Duration time.Duration

	// Until is the time of the next attempt, or until when the breaker is open; zero for none.
	Until time.Time
	// Change is what has changed of a webhook: created, changed, paused, resumed, disabled,
	// deleted, rotated or replayed.
	Change string
	// Remote items come from another node.
	Remote bool
}

// Query selects what a reader is shown. Empty members select everything.
type Query struct {
	Kinds     []Kind
	ClientID  string
	Endpoint  webhook.EndpointNumber
	EventType string // selects attempts and deliveries only
	Status    string
	// After continues after an item: the run and the number of the last one that the reader
	// has. A zero Place begins with what happens next.
	After Place
	// Local leaves out what other nodes have sent. Such a reader is another node, and does
	// not count as somebody who watches.
	Local bool
}

// Place is a position in what happened: a number of one run.
type Place struct {
	Run    string
	Number uint64
}

// Selects reports whether a reader is shown an item.
func (q *Query) Selects(i *Item) bool {
	return (len(q.Kinds) == 0 || slices.Contains(q.Kinds, i.Kind)) &&
		(q.ClientID == "" || q.ClientID == i.ClientID) &&
		(q.Endpoint == 0 || q.Endpoint == i.Webhook.Endpoint) &&
		(q.EventType == "" || q.EventType == i.EventType) &&
		(q.Status == "" || q.Status == i.Status) &&
		!(q.Local && i.Remote)
}

// Batch is what a reader gets at a time.
type Batch struct {
	Items []*Item // nobody changes them
	// At is the place after the items.
	At Place
	// Lost is how many items the reader does not get. Unless Exact, nobody knows the number,
	// and Lost is at least 1.
	Lost  int
	Exact bool
}
