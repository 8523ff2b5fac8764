package jobs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

type optional[T any] = jsonbody.Optional[T]

// maxRate bounds rate_per_second: more than any node changes.
const maxRate = 100_000

// maxTypes bounds the event types of a filter, each of which is a list of its own.
const maxTypes = 50

// input asks for a job.
type input struct {
	Action    optional[string]      `json:"action"`
	WebhookID optional[string]      `json:"webhook_id"`
	Filter    optional[filterInput] `json:"filter"`
	Rate      optional[int]         `json:"rate_per_second"`
	DryRun    optional[bool]        `json:"dry_run"`
}

// filterInput selects deliveries, or events.
type filterInput struct {
	Status      optional[[]string] `json:"status"`
	EventTypes  optional[[]string] `json:"event_types"`
	Reason      optional[string]   `json:"reason"`
	Code        optional[string]   `json:"code"`
	MinAttempts optional[int]      `json:"min_attempts"`
	Since       optional[string]   `json:"since"`
	Until       optional[string]   `json:"until"`
}

// oneOf reports whether a list has a value.
func oneOf[T comparable](value T, list []T) bool { return slices.Contains(list, value) }

// job returns the job that the input asks for, without what the server fills in.
func (in *input) job(now time.Time) (j bulk.Job, err error) {
	j.Action, j.Rate = bulk.Action(in.Action.Value), in.Rate.Value
	switch {
	case !in.Action.Given():
		return j, problem.OfField("action", "is missing")
	case !oneOf(j.Action, bulk.Actions):
		return j, problem.OfField("action", "must be retry, cancel, replay or backfill")
	case in.Rate.Given() && (j.Rate < 1 || j.Rate > maxRate):
		return j, problem.OfField("rate_per_second", fmt.Sprintf("must be a whole number from 1 to %d", maxRate))
	}
	j.Filter, err = in.Filter.Value.filter(j.Action, now)
	return j, err
}

// filter returns the filter of a job.
func (in *filterInput) filter(a bulk.Action, now time.Time) (f bulk.Filter, err error) {
	if err = in.readDeliveries(a, &f); err != nil {
		return f, err
	}
	if f.EventTypes, err = in.eventTypes(a); err != nil {
		return f, err
	}
	period, err := paging.ParsePeriod(in.Since.Value, in.Until.Value, now)
	if err != nil {
		return f, jsonbody.InField(err, "filter")
	}
	var q webhook.DeliveryQuery
	period.Narrow(&q)
	f.Since, f.Until = q.Since, q.Until
	// A job is about what there is now: otherwise it could run for ever.
	if later := now.Truncate(time.Millisecond).Add(time.Millisecond); f.Until.IsZero() || f.Until.After(later) {
		f.Until = later
	}
	return f, nil
}

// readDeliveries reads what selects deliveries, which a backfill has none of.
func (in *filterInput) readDeliveries(a bulk.Action, f *bulk.Filter) error {
	if a == bulk.Backfill {
		for name, given := range map[string]bool{
			"status": in.Status.Given(), "reason": in.Reason.Given(), "code": in.Code.Given(), "min_attempts": in.MinAttempts.Given(),
		} {
			if given {
				return problem.OfField("filter."+name, "does not apply to events that were never sent")
			}
		}
		return nil
	}
	all, usual := a.Statuses()
	f.Statuses = all[:usual]
	if in.Status.Given() {
		f.Statuses = nil
		for _, text := range in.Status.Value {
			s := webhook.Status(text)
			if !oneOf(s, all) {
				return problem.OfField("filter.status", fmt.Sprintf("must be of %s", words(all)))
			}
			if !oneOf(s, f.Statuses) {
				f.Statuses = append(f.Statuses, s)
			}
		}
		if len(f.Statuses) == 0 {
			return problem.OfField("filter.status", "is empty")
		}
	}
	f.Reason, f.MinAttempts = webhook.Reason(in.Reason.Value), in.MinAttempts.Value
	if f.Reason != webhook.ReasonNone && !oneOf(f.Reason, webhook.Reasons) {
		return problem.OfField("filter.reason", "is no reason of a failure")
	}
	code, ok := webhook.ParseCodeFilter(in.Code.Value)
	if !ok {
		return problem.OfField("filter.code", "must be a status code, 2xx, 3xx, 4xx, 5xx or none")
	}
	if f.Code = code; f.MinAttempts < 0 {
		return problem.OfField("filter.min_attempts", "must not be negative")
	}
	return nil
}

// eventTypes reads the names of types; for a backfill patterns too.
func (in *filterInput) eventTypes(a bulk.Action) (out []string, err error) {
	if len(in.EventTypes.Value) > maxTypes {
		return nil, problem.OfField("filter.event_types", fmt.Sprintf("has more than %d entries", maxTypes))
	}
	valid := webhook.ValidateEventType
	if a == bulk.Backfill {
		valid = webhook.ValidatePattern
	}
	for i, name := range in.EventTypes.Value {
		if err := valid(name); err != nil {
			return nil, jsonbody.InField(err, fmt.Sprintf("filter.event_types[%d]", i))
		}
		if !oneOf(name, out) {
			out = append(out, name)
		}
	}
	return out, nil
}

// words lists statuses for people.
func words(list []webhook.Status) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}
