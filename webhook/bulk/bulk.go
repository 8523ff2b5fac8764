// Package bulk has the words for changes of many deliveries of one webhook: what is asked
// for (Action, Filter), how far it has come (Job, Position), and one step of it (Step). A
// job is kept in storage and survives restarts; each of its steps is one transaction.
//
// Who takes the steps, and how fast, belongs to package actors/jobs. How a job is stored
// belongs to the backends of package storage.
package bulk

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// IDKind is the prefix of a job's ID in its text form. The ID carries the number of the
// webhook, as that of a delivery does.
const IDKind webhook.Kind = "job_"

// MaxStep bounds the deliveries that one Step changes, so that it delays the commits of
// others by milliseconds.
const MaxStep = 500

// MaxStepBytes bounds what the step of a backfill writes, in bytes, except that one event
// is taken whatever its size.
const MaxStepBytes = 1 << 20

// Action is what a job does to deliveries.
type Action string

// The actions.
const (
	// Retry sends again what failed or waits for its next attempt.
	Retry Action = "retry"
	// Cancel gives up what is pending. An attempt in flight is left alone.
	Cancel Action = "cancel"
	// Replay sends finished deliveries again.
	Replay Action = "replay"
	// Backfill sends events that the webhook was never sent: it was registered later, did
	// not match their type, was disabled, or its client had too much pending.
	Backfill Action = "backfill"
)

// Actions lists every action.
var Actions = []Action{Retry, Cancel, Replay, Backfill}

// Statuses returns the statuses of deliveries that an action applies to, those that a
// filter selects by default first: usual says how many these are. Backfill has none.
func (a Action) Statuses() (all []webhook.Status, usual int) {
	switch a {
	case Retry:
		return []webhook.Status{webhook.Failed, webhook.Retrying, webhook.Cancelled}, 2
	case Cancel:
		return []webhook.Status{webhook.Queued, webhook.Retrying}, 2
	case Replay:
		return []webhook.Status{webhook.Failed, webhook.Cancelled, webhook.Delivered}, 1
	}
	return nil, 0
}

// Sends reports whether the action makes deliveries that will be attempted.
func (a Action) Sends() bool { return a != Cancel }

// Status is the state of a job.
type Status string

// Statuses of a job.
const (
	Running   Status = "running"
	Paused    Status = "paused"
	Done      Status = "done"
	Cancelled Status = "cancelled"
	Failed    Status = "failed"
)

// Statuses lists every status.
var Statuses = []Status{Running, Paused, Done, Cancelled, Failed}

// Finished reports whether the job is over.
func (s Status) Finished() bool { return s == Done || s == Cancelled || s == Failed }

// Filter selects deliveries of the job's webhook, or events for Backfill.
type Filter struct {
	// Statuses of deliveries; at least one, except for Backfill.
	Statuses []webhook.Status
	// EventTypes are names of types; for Backfill patterns too. None means all, and for
	// Backfill those that the webhook has subscribed to.
	EventTypes []string
	// Reason of the latest failure; "" for any.
	Reason webhook.Reason
	// Code is what the latest attempt was answered with; "" for anything.
	Code webhook.CodeFilter
	// MinAttempts is how many attempts a delivery has had at least.
	MinAttempts int
	// Since and Until bound the time of acceptance: Since ≤ t < Until; zero means no bound.
	Since, Until time.Time
}

// Queries returns the lists that the filter selects, one after the other: for each status
// and each event type one. No delivery is in two of them at the same time.
func (f *Filter) Queries(n webhook.EndpointNumber) []webhook.DeliveryQuery {
	types := f.EventTypes
	if len(types) == 0 {
		types = []string{""}
	}
	out := make([]webhook.DeliveryQuery, 0, len(f.Statuses)*len(types))
	for _, status := range f.Statuses {
		for _, name := range types {
			out = append(out, webhook.DeliveryQuery{
				Endpoint: n, Status: status, EventType: name, Since: f.Since, Until: f.Until,
				Reason: f.Reason, Code: f.Code, MinAttempts: f.MinAttempts,
			})
		}
	}
	return out
}

// Job is one change of many deliveries.
type Job struct {
	// ID carries the number of the webhook. Its time is when the job was created.
	ID webhook.ID
	// ClientID is that of the webhook.
	ClientID string
	Action   Action
	Filter   Filter
	// Rate bounds the deliveries that the job changes in a second; 0 for no bound.
	Rate int
	// CreatedBy names who asked for the job, as the audit does.
	CreatedBy  string
	Status     Status
	FinishedAt time.Time // zero until it has finished
	// Error is why the job failed, or what a running one waits for.
	Error string
	// Total is how many deliveries the job was to change when it was created; negative
	// if that is not known.
	Total int64
	// Looked is how many deliveries or events the job has looked at, Changed how many of
	// these it has changed.
	Looked, Changed int64
	Position
}

// Position is how far a job has come.
type Position struct {
	Query  int        // of the filter's Queries
	Before webhook.ID // where the list continues; zero for its begin
}

// CreatedAt returns when the job was created.
func (j *Job) CreatedAt() time.Time { return j.ID.Time() }

// Finish ends the job.
func (j *Job) Finish(s Status, why string, now time.Time) {
	j.Status, j.Error, j.FinishedAt = s, why, now
}

// Step is one step of a job: what one transaction of storage changes, together with the
// job's progress.
type Step struct {
	// From is the position that the step was selected from. If the job has another one, or
	// does not run, the step was taken already, or must not be: ErrConflict.
	From, To Position
	// Requeue are finished deliveries to be put back into the queue. Those that have not
	// finished any more, or whose event is gone, stay as they are.
	Requeue []webhook.ID
	// Missing are events of which the webhook is to get a delivery. One that it has a
	// delivery of already stays as it is, unless that failed without an attempt because
	// the webhook was disabled or its client had too much pending.
	Missing []webhook.ID
	// Looked is how many deliveries or events were looked at for the step; Changed how many
	// were changed by other means.
	Looked, Changed int64
	// Last says that the job is done with this step, at the time Now.
	Last bool
	Now  time.Time
}

// After returns the job after a step that requeued or made so many deliveries; false if
// the step is not this job's next one.
func (j Job) After(s *Step, made int) (Job, bool) {
	if j.Status != Running || j.Position != s.From {
		return j, false
	}
	j.Position, j.Error = s.To, ""
	j.Looked += s.Looked
	j.Changed += s.Changed + int64(made)
	if s.Last {
		j.Finish(Done, "", s.Now)
	}
	return j, true
}

// Query selects jobs for a list, newest first.
type Query struct {
	ClientID string                 // "" for every client
	Endpoint webhook.EndpointNumber // 0 for every webhook
	Status   Status                 // "" for all
	Before   webhook.ID             // continues a list after this job; zero starts it
	Limit    int                    // at least 1
}

// Wants reports whether a job is in the list, its place aside.
func (q *Query) Wants(j *Job) bool {
	return (q.ClientID == "" || q.ClientID == j.ClientID) && (q.Endpoint == 0 || q.Endpoint == j.ID.Endpoint) &&
		(q.Status == "" || q.Status == j.Status)
}

// Page is one page of a list of jobs.
type Page struct {
	Jobs []Job
	// Next is the Before of the next page; zero at the end. A page can be shorter than its
	// limit, and still have a next one.
	Next webhook.ID
}

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
