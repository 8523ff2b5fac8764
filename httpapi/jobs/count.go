package jobs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

const (
	// countTime bounds how long a call counts, and maxCount how far: beyond, the count says
	// that there are at least as many.
	countTime = 3 * time.Second
	maxCount  = 100_000
	// weighed is of how many deliveries the payloads are read; that of the others is taken
	// to be as large.
	weighed = 100
	// shownFirst is how many deliveries or events are shown.
	shownFirst = 10
	// cancelsPerSecond is what one node cancels at least.
	cancelsPerSecond = 1000
)

// counted is what a job would change.
type counted struct {
	Count int64 `json:"count"`
	Exact bool  `json:"count_is_exact"`
	Bytes int64 `json:"bytes"`
	// Seconds is how long the deliveries take at the present limits, once they can be sent.
	Seconds int64 `json:"estimated_seconds"`
	// First are deliveries, or events for a backfill.
	First []any `json:"first"`
}

// missingEvent is an event that a webhook was never sent.
type missingEvent struct {
	ID        string `json:"id"`
	EventType string `json:"event_type"`
	ClientID  string `json:"client_id,omitzero"`
	Accepted  string `json:"accepted_at"`
	Size      int64  `json:"size_bytes"`
}

// count counts what a job would change.
func (s *Jobs) count(call context.Context, who *auth.Principal, j *bulk.Job, e *webhook.Endpoint) (out counted, err error) {
	end, err := s.options.Begin(who)
	if err != nil {
		return out, err
	}
	defer end()
	out = counted{Exact: true, First: []any{}}
	until := time.Now().Add(countTime)
	if j.Action == bulk.Backfill {
		err = s.countMissing(call, bulk.MissingOf(j, e), until, &out)
	} else {
		err = s.countDeliveries(call, j.Filter.Queries(e.Number()), until, &out)
	}
	if err != nil {
		return out, fmt.Errorf("count what the job would change: %w", err)
	}
	health, err := s.options.Health(call, e.Number())
	if err != nil {
		return out, fmt.Errorf("ask how the webhook is doing: %w", err)
	}
	settings := s.options.Settings(e)
	out.Seconds = seconds(out.Count, j, &settings, &health)
	return out, nil
}

// goesOn reports whether a count continues, and notes if it ends early.
func (c *counted) goesOn(until time.Time) bool {
	if c.Count < maxCount && time.Now().Before(until) {
		return true
	}
	c.Exact = false
	return false
}

// countMissing counts events that a webhook was never sent.
func (s *Jobs) countMissing(call context.Context, q bulk.MissingQuery, until time.Time, out *counted) error {
	for q.Limit = exchange.MaxLimit; ; {
		page, err := s.options.Store.MissingEvents(call, q)
		if err != nil {
			return err
		}
		for i := range page.Events {
			one := &page.Events[i]
			out.Count, out.Bytes = out.Count+1, out.Bytes+one.Size
			if len(out.First) < shownFirst {
				out.First = append(out.First, missingEvent{
					ID: webhook.EventID.Format(one.ID), EventType: one.Type, ClientID: one.ClientID,
					Accepted: jsonbody.Time(one.ID.Time()), Size: one.Size,
				})
			}
		}
		if q.Before = page.Next; page.Next == (webhook.ID{}) || !out.goesOn(until) {
			return nil
		}
	}
}

// countDeliveries counts the deliveries of some lists.
func (s *Jobs) countDeliveries(call context.Context, lists []webhook.DeliveryQuery, until time.Time, out *counted) error {
	var first []webhook.Delivery
	for _, q := range lists {
		for q.Limit = exchange.MaxLimit; ; {
			page, err := s.options.Store.ListDeliveries(call, q)
			if err != nil {
				return err
			}
			out.Count += int64(len(page.Deliveries))
			first = append(first, page.Deliveries[:min(len(page.Deliveries), weighed-len(first))]...)
			if q.Before = page.Next; page.Next == (webhook.ID{}) {
				break
			}
			if !out.goesOn(until) {
				return s.weigh(call, first, out)
			}
		}
	}
	return s.weigh(call, first, out)
}

// weigh estimates the bytes of all payloads by the first, and shows the first of these.
func (s *Jobs) weigh(call context.Context, first []webhook.Delivery, out *counted) error {
	read := int64(0)
	for i := range first {
		event, err := s.options.Store.Event(call, first[i].ID.Event())
		if err != nil && !errors.Is(err, webhook.ErrNotFound) {
			return err
		}
		read += int64(len(event.Data))
	}
	if len(first) > 0 {
		out.Bytes = read * out.Count / int64(len(first))
	}
	shown, err := s.options.Show(call, first[:min(len(first), shownFirst)])
	for i := range shown {
		out.First = append(out.First, shown[i])
	}
	return err
}

// seconds estimates how long a job of so many deliveries takes: by its own rate, and by
// how fast the webhook's limits and its receiver let them be sent.
func seconds(count int64, j *bulk.Job, settings *webhook.Settings, health *webhook.Health) int64 {
	n, longest := float64(count), 0.0
	if j.Rate > 0 {
		longest = n / float64(j.Rate)
	}
	if !j.Action.Sends() {
		return int64(math.Ceil(max(longest, n/cancelsPerSecond)))
	}
	if settings.Rate > 0 {
		longest = max(longest, n/settings.Rate)
	}
	if settings.Concurrency > 0 {
		longest = max(longest, n*health.P50.Seconds()/float64(settings.Concurrency))
	}
	return int64(math.Ceil(longest))
}
