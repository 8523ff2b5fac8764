package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of a replay.
const (
	replayChunk = 500
	maxReplay   = 100_000
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

// replayResource tells how far a replay came.
type replayResource struct {
	DryRun bool `json:"dry_run"`
	// Deliveries is how many were sent again, or would be.
	Deliveries int `json:"deliveries"`
	// What they wait for that were sent again.
	waitingResource
	// NextCursor goes on; absent when all are done.
	NextCursor string `json:"next_cursor,omitzero"`
}

// replay sends finished deliveries again, or counts them.
func (s *Server) replay(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	var in replayInput
	if err := decodeOptional(ctx, &in); err != nil {
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
	step := s.dispatcher.Replay
	switch {
	case in.DryRun.Value:
		step = s.countFinished
	case e.Status == webhook.EndpointDisabled:
		return conflict("the webhook is disabled: resume it first, then replay")
	}
	if !s.underWay.replays.take(who.Account) {
		return crowdedOut(webhook.ErrShareUsed, "replays are under way")
	}
	defer s.underWay.replays.give(who.Account)
	call, cancel := s.call()
	defer cancel()
	out := replayResource{DryRun: in.DryRun.Value}
	for {
		q.Limit = min(replayChunk, maxReplay-out.Deliveries)
		n, next, err := step(call, q)
		if err != nil && out.Deliveries == 0 {
			return fmt.Errorf("replay: %w", err)
		}
		if err == nil {
			out.Deliveries += n
			q.Before = next
		}
		// What was sent again is told, even if it was not all.
		if err != nil || next == (webhook.ID{}) || out.Deliveries >= maxReplay || call.Err() != nil {
			break
		}
	}
	out.NextCursor = s.cursors.WriteID(of, q.Before)
	if !out.DryRun && out.Deliveries > 0 {
		if out.waitingResource, err = s.queueWaits(&e); err != nil {
			return err
		}
	}
	return answer(ctx, fasthttp.StatusOK, out)
}

// queueWaits returns what the deliveries wait for that are in an endpoint's queue.
func (s *Server) queueWaits(e *webhook.Endpoint) (waitingResource, error) {
	known := progresses{}
	if err := s.addProgress(known, e.Number()); err != nil {
		return waitingResource{}, err
	}
	queued := webhook.Delivery{Status: webhook.Queued}
	return showWaiting(known[e.Number()].Of(&queued, e.Status, time.Now())), nil
}

// replayQuery reads the selection. The period is to narrow it when the cursor was read.
func replayQuery(in *replayInput, n webhook.EndpointNumber) (q webhook.DeliveryQuery, p paging.Period, err error) {
	q = webhook.DeliveryQuery{Endpoint: n, Status: webhook.Failed, EventType: in.EventType.Value}
	if in.Status.Given() {
		q.Status = webhook.Status(in.Status.Value)
	}
	if !q.Status.Finished() {
		return q, p, invalid("status", "must be failed, cancelled or delivered")
	}
	if q.EventType != "" {
		if err := webhook.ValidateEventType(q.EventType); err != nil {
			return q, p, jsonbody.InField(err, "event_type")
		}
	}
	p, err = paging.ParsePeriod(in.Since.Value, in.Until.Value, time.Now())
	return q, p, err
}

// countFinished counts what a replay would send again.
func (s *Server) countFinished(_ context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	list, err := s.store.ListDeliveries(q)
	return len(list.Deliveries), list.Next, err
}
