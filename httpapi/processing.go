package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// progress is what the dispatcher knows about the pending deliveries of some endpoints:
// which are in flight, and what the others wait for. Storage knows neither.
type progress map[webhook.EndpointNumber]*webhook.Progress

// of returns what is known about one endpoint; an empty one if it was not asked about.
func (p progress) of(n webhook.EndpointNumber) *webhook.Progress {
	if known := p[n]; known != nil {
		return known
	}
	return &webhook.Progress{}
}

// started returns when the attempt in flight for a delivery began, and whether there is one.
// A delivery that finished since the dispatcher was asked has none.
func (p progress) started(d *webhook.Delivery) (since time.Time, inFlight bool) {
	since, inFlight = p.of(d.ID.Endpoint).Started[d.ID]
	return since, inFlight && !d.Status.Finished()
}

// progressOf asks about the endpoints for which a delivery of the list is pending, each one
// once: a page may have hundreds of deliveries of a single endpoint.
func (s *Server) progressOf(call context.Context, list []webhook.Delivery) (progress, error) {
	found := progress{}
	for i := range list {
		if n := list[i].ID.Endpoint; !list[i].Status.Finished() && found[n] == nil {
			if err := s.addProgress(call, found, n); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// addProgress asks about one endpoint. If no actor runs for it, the supervisor answers from
// what it knows, and starts none.
func (s *Server) addProgress(call context.Context, found progress, n webhook.EndpointNumber) error {
	known, err := s.dispatcher.Progress(call, n)
	if err != nil {
		return fmt.Errorf("ask what is in flight: %w", err)
	}
	found[n] = &known
	return nil
}

// showDeliveries returns deliveries as lists show them. It omits one whose endpoint is
// forgotten, long after its deletion: nobody could see that it belongs to the caller.
func (s *Server) showDeliveries(call context.Context, list []webhook.Delivery, known progress) ([]view.Delivery, error) {
	endpoints := map[webhook.EndpointNumber]*webhook.Endpoint{}
	shown := make([]view.Delivery, 0, len(list))
	now := time.Now()
	for i := range list {
		d := &list[i]
		e := endpoints[d.ID.Endpoint]
		if e == nil {
			read, err := s.store.Endpoint(call, d.ID.Endpoint)
			switch {
			case errors.Is(err, webhook.ErrNotFound):
				continue
			case err != nil:
				return nil, fmt.Errorf("read the delivery's webhook: %w", err)
			}
			e = &read
			endpoints[d.ID.Endpoint] = e
		}
		r := view.NewDelivery(d, e.ID)
		if since, inFlight := known.started(d); inFlight {
			r.SetProcessing(since)
		}
		r.Waiting = view.NewWaiting(known.of(d.ID.Endpoint).Of(d, e.Status, now))
		shown = append(shown, r)
	}
	return shown, nil
}

// maxProcessingEndpoints bounds how many endpoints one page of deliveries in flight asks
// about: each one is a message to an actor.
const maxProcessingEndpoints = 250

// listProcessing lists the deliveries in flight. Only the actors know them, so the list
// visits endpoint after endpoint, the one registered last first, and is newest first within
// each. A page ends when it is full, or when maxProcessingEndpoints were asked; it may then
// be empty and still have a next_cursor.
func (s *Server) listProcessing(ctx *fasthttp.RequestCtx, who *auth.Principal, q webhook.DeliveryQuery, p paging.Period) error {
	of := deliveryListing(paging.Processing, who, &q, &p)
	after, err := s.cursors.ReadID(of, exchange.Parameter(ctx, "cursor"))
	if err != nil {
		return err
	}
	p.Narrow(&q)
	call, cancel := s.call()
	defer cancel()
	endpoints, err := s.processingEndpoints(call, &q, after.Endpoint)
	if err != nil {
		return err
	}
	list, known := []webhook.Delivery{}, progress{}
	var next webhook.ID
	for _, n := range endpoints {
		found, err := s.inFlight(call, known, &q, n, after)
		if err != nil {
			return err
		}
		if left := q.Limit - len(list); len(found) > left {
			list = append(list, found[:left]...)
			next = list[len(list)-1].ID
			break
		}
		list = append(list, found...)
	}
	if next == (webhook.ID{}) && len(endpoints) == maxProcessingEndpoints {
		next = webhook.ID{Endpoint: endpoints[len(endpoints)-1]} // smaller than the ID of any delivery to it
	}
	shown, err := s.showDeliveries(call, list, known)
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, exchange.Page[view.Delivery]{
		Data: shown, NextCursor: s.cursors.WriteID(of, next),
	})
}

// processingEndpoints returns the endpoints to ask about, from the given one on; 0 stands
// for the first.
func (s *Server) processingEndpoints(call context.Context, q *webhook.DeliveryQuery, from webhook.EndpointNumber) ([]webhook.EndpointNumber, error) {
	if q.Endpoint != 0 {
		return []webhook.EndpointNumber{q.Endpoint}, nil
	}
	if from != 0 {
		from++ // ListEndpoints returns those before, and the given one may have more
	}
	list, err := s.store.ListEndpoints(call, q.ClientID, from, maxProcessingEndpoints)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	numbers := make([]webhook.EndpointNumber, 0, len(list))
	for i := range list {
		numbers = append(numbers, list[i].Number())
	}
	return numbers, nil
}

// inFlight returns the deliveries of an endpoint that are in flight and that q selects,
// newest first, after the place where the previous page ended. It adds to known what the
// dispatcher said about the endpoint.
func (s *Server) inFlight(
	call context.Context, known progress, q *webhook.DeliveryQuery, n webhook.EndpointNumber, after webhook.ID,
) ([]webhook.Delivery, error) {
	if err := s.addProgress(call, known, n); err != nil {
		return nil, err
	}
	ids := slices.SortedFunc(maps.Keys(known[n].Started), func(a, b webhook.ID) int { return b.Compare(a) })
	var list []webhook.Delivery
	for _, id := range ids {
		if after.Endpoint == n && id.Compare(after) >= 0 {
			continue
		}
		d, err := s.store.Delivery(call, id)
		switch {
		case errors.Is(err, webhook.ErrNotFound):
			continue // it has expired since
		case err != nil:
			return nil, fmt.Errorf("read delivery: %w", err)
		}
		if !d.Status.Finished() && selects(*q, &d) {
			list = append(list, d.Listed())
		}
	}
	return list, nil
}

// selects reports whether a delivery in flight passes the filters, which storage applies to
// other lists.
func selects(q webhook.DeliveryQuery, d *webhook.Delivery) bool {
	at := d.QueuedAt()
	q.Status = "" // the stored one is another
	return q.Selects(d) && q.Code.Selects(d.LastAttempt()) &&
		(q.Since.IsZero() || !at.Before(q.Since)) &&
		(q.Until.IsZero() || at.Before(q.Until))
}
