package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jobs"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

const (
	// replayChunk is how many deliveries one transaction of storage requeues.
	replayChunk = 500
	// maxReplay bounds the deliveries of one call. A larger replay takes several, with
	// cursors, so that a single caller does not occupy storage for minutes.
	maxReplay = 100_000
)

// replayInput selects finished deliveries of one endpoint.
type replayInput struct {
	Status    optional[string] `json:"status"`
	Since     optional[string] `json:"since"`
	Until     optional[string] `json:"until"`
	EventType optional[string] `json:"event_type"`
	DryRun    optional[bool]   `json:"dry_run"`
	Cursor    optional[string] `json:"cursor"`
}

// replayResource is how far a replay came.
type replayResource struct {
	DryRun bool `json:"dry_run"`
	// Deliveries is how many were sent again, or would be.
	Deliveries int `json:"deliveries"`
	// Waiting is what the deliveries that were sent again wait for.
	view.Waiting
	// NextCursor continues the replay; absent when nothing is left.
	NextCursor string `json:"next_cursor,omitzero"`
}

// replayStep requeues up to q.Limit deliveries. It returns how many, and where to continue;
// next is zero at the end.
type replayStep func(ctx context.Context, q webhook.DeliveryQuery) (n int, next webhook.ID, err error)

// replay sends finished deliveries again, or counts them.
func (s *Server) replay(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	var in replayInput
	if err := exchange.DecodeOptional(ctx, &in); err != nil {
		return err
	}
	q, p, err := replayQuery(&in, e.Number())
	if err != nil {
		return err
	}
	of := deliveryListing(paging.Replay, who, &q, &p)
	if q.Before, err = s.cursors.ReadID(of, in.Cursor.Value); err != nil {
		return err
	}
	p.Narrow(&q)
	if !in.DryRun.Value && e.Status == webhook.EndpointDisabled {
		return problem.InConflict("the webhook is disabled: resume it first, then replay")
	}
	// A replay holds storage for as long as a call may take; the bound keeps one caller from
	// having many of them.
	end, err := s.beginCount(who)
	if err != nil {
		return err
	}
	defer end()
	call, cancel := s.call()
	defer cancel()
	out, next, err := s.runReplay(call, &e, q, in.DryRun.Value)
	if err != nil {
		return err
	}
	note := audit.Of(ctx).About(webhook.EndpointID.Format(e.ID), e.ClientID)
	note.Nothing = in.DryRun.Value
	note.Set("deliveries", out.Deliveries)
	out.NextCursor = s.cursors.WriteID(of, next)
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// runReplay sends again what q selects, or counts it for a dry run. It returns how far it
// came, and where to continue.
func (s *Server) runReplay(call context.Context, e *webhook.Endpoint, q webhook.DeliveryQuery, dry bool) (out replayResource, next webhook.ID, err error) {
	step := replayStep(s.dispatcher.Replay)
	if dry {
		step = s.countFinished
	}
	out.DryRun = dry
	if out.Deliveries, next, err = replayAll(call, q, step); err != nil {
		return out, next, fmt.Errorf("replay: %w", err)
	}
	if !dry && out.Deliveries > 0 {
		s.feed.Publish(live.Item{
			Kind: live.Webhook, At: time.Now(), Webhook: e.ID, ClientID: e.ClientID, Status: string(e.Status), Change: "replayed",
		})
		out.Waiting, err = s.queueWaits(e)
	}
	return out, next, err
}

// beginCount charges a caller for a replay, or for a count of deliveries, and returns what
// ends it.
func (s *Server) beginCount(who *auth.Principal) (end func(), err error) {
	if !s.underWay.replays.take(who.Account) {
		return nil, crowdedOut(webhook.ErrShareUsed, "replays are under way")
	}
	return func() { s.underWay.replays.give(who.Account) }, nil
}

// jobOptions returns what the calls about jobs need of the server.
func (s *Server) jobOptions(o *Options) jobs.Options {
	return jobs.Options{
		Store: o.Store, Sequence: o.Sequence, Cursors: s.cursors, Call: s.call, Begin: s.beginCount, Wake: o.WakeJobs,
		Health: o.Dispatcher.Health,
		Settings: func(e *webhook.Endpoint) webhook.Settings {
			return e.Settings.Effective(*s.defaults.Load(), *s.ceilings.Load())
		},
		Show: func(call context.Context, list []webhook.Delivery) ([]view.Delivery, error) {
			known, err := s.progressOf(call, list)
			if err != nil {
				return nil, err
			}
			return s.showDeliveries(call, list, known)
		},
	}
}

// replayAll takes steps until nothing is left, maxReplay deliveries are sent again, or the
// call's time is over. It returns how many were sent, and where to continue. After the first
// delivery it returns no error: the caller must learn what was sent, and continues from
// there with the same call, which meets the error again if that lasts.
func replayAll(call context.Context, q webhook.DeliveryQuery, step replayStep) (sent int, next webhook.ID, err error) {
	for {
		q.Limit = min(replayChunk, maxReplay-sent)
		n, next, err := step(call, q)
		switch {
		case err != nil && sent == 0:
			return 0, q.Before, err
		case err != nil:
			return sent, q.Before, nil
		}
		sent += n
		q.Before = next
		if next == (webhook.ID{}) || sent >= maxReplay || call.Err() != nil {
			return sent, q.Before, nil
		}
	}
}

// queueWaits returns what the deliveries in an endpoint's queue wait for. A replay puts all of
// its deliveries there.
func (s *Server) queueWaits(e *webhook.Endpoint) (view.Waiting, error) {
	call, cancel := s.call()
	defer cancel()
	known := progress{}
	if err := s.addProgress(call, known, e.Number()); err != nil {
		return view.Waiting{}, err
	}
	queued := webhook.Delivery{Status: webhook.Queued} // any of them: all wait for the same
	return view.NewWaiting(known[e.Number()].Of(&queued, e.Status, time.Now())), nil
}

// replayQuery reads the selection: failed deliveries, unless the input says otherwise. The
// caller narrows it to the period when it has read the cursor.
func replayQuery(in *replayInput, n webhook.EndpointNumber) (q webhook.DeliveryQuery, p paging.Period, err error) {
	q = webhook.DeliveryQuery{Endpoint: n, Status: webhook.Failed, EventType: in.EventType.Value}
	if in.Status.Given() {
		q.Status = webhook.Status(in.Status.Value)
	}
	if !q.Status.Finished() {
		return q, p, problem.OfField("status", "must be failed, cancelled or delivered")
	}
	if q.EventType != "" {
		if err := webhook.ValidateEventType(q.EventType); err != nil {
			return q, p, jsonbody.InField(err, "event_type")
		}
	}
	p, err = paging.ParsePeriod(in.Since.Value, in.Until.Value, time.Now())
	return q, p, err
}

// countFinished is the step of a dry run: it counts what a replay would send again.
func (s *Server) countFinished(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	list, err := s.store.ListDeliveries(ctx, q)
	return len(list.Deliveries), list.Next, err
}
