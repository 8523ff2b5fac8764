package bulk

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// MissingQuery selects events that a webhook was never sent, newest first.
type MissingQuery struct {
	Endpoint webhook.EndpointNumber
	// ClientID is the webhook's: events that name another client are not for it.
	ClientID string
	// EventTypes are patterns, see webhook.MatchType; at least one.
	EventTypes   []string
	Since, Until time.Time // bounds of the time of acceptance, zero for none
	Before       webhook.ID
	Limit        int
}

// MissingOf returns the list of events that a backfill is about: those of the filter's
// types, or of the ones that the webhook has subscribed to.
func MissingOf(j *Job, e *webhook.Endpoint) MissingQuery {
	q := MissingQuery{
		Endpoint: e.Number(), ClientID: e.ClientID, EventTypes: j.Filter.EventTypes, Since: j.Filter.Since, Until: j.Filter.Until,
	}
	if len(q.EventTypes) == 0 {
		q.EventTypes = e.EventTypes
	}
	return q
}

// Wants reports whether an event is for the webhook, as its type and client say.
func (q *MissingQuery) Wants(eventType, clientID string) bool {
	return (clientID == "" || clientID == q.ClientID) &&
		slices.ContainsFunc(q.EventTypes, func(p string) bool { return webhook.MatchType(p, eventType) })
}

// Withheld reports whether a delivery was never attempted because its webhook was
// disabled, or its client had too much pending, when the event was accepted.
func Withheld(d *webhook.Delivery) bool {
	return d.Status == webhook.Failed && d.Attempts == 0 &&
		(d.Reason == webhook.ReasonEndpointDisabled || d.Reason == webhook.ReasonClientLimit)
}

// MissingEvent is an event that a webhook was never sent.
type MissingEvent struct {
	ID       webhook.ID
	Type     string
	ClientID string
	Size     int64 // of the data, in bytes
	Record   int64 // bytes that making the delivery writes
}

// MissingPage is one page of such events.
type MissingPage struct {
	Events []MissingEvent
	// Next is the Before of the next page; zero at the end. A page can be shorter than its
	// limit, even empty, and still have a next one.
	Next webhook.ID
	// Looked is how many events were looked at.
	Looked int64
}

// Oldest returns the time before which events are not sent again: shortly before the
// retention removes them, so that none is removed while a delivery of it is made.
func Oldest(now time.Time, retention time.Duration) time.Time {
	return now.Add(min(time.Minute, retention/10) - retention)
}
