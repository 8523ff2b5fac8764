package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/webhook"
)

// maxProcessingEndpoints bounds the endpoints that one page of what is in flight asks.
const maxProcessingEndpoints = 250

// listProcessing lists the deliveries in flight. Only the actors know them, so
// the list goes from endpoint to endpoint, the one registered last first, and is
// newest first within each. A page ends when it is full, or when it has asked
// maxProcessingEndpoints.
func (s *Server) listProcessing(ctx *fasthttp.RequestCtx, who *auth.Principal, q webhook.DeliveryQuery, p paging.Period) error {
	of := deliveryListing(paging.Processing, who, &q, &p)
	after, err := s.cursors.ReadID(of, parameter(ctx, "cursor"))
	if err != nil {
		return err
	}
	p.Narrow(&q)
	endpoints, err := s.processingEndpoints(&q, after.Endpoint)
	if err != nil {
		return err
	}
	list, all := []webhook.Delivery{}, progresses{}
	var next webhook.ID
	for _, n := range endpoints {
		found, err := s.flying(all, &q, n, after)
		if err != nil {
			return err
		}
		if room := q.Limit - len(list); len(found) > room {
			list = append(list, found[:room]...)
			next = list[len(list)-1].ID
			break
		}
		list = append(list, found...)
	}
	if next == (webhook.ID{}) && len(endpoints) == maxProcessingEndpoints {
		next = webhook.ID{Endpoint: endpoints[len(endpoints)-1]} // older than any delivery
	}
	shown, err := s.showDeliveries(list, all)
	if err != nil {
		return err
	}
	return answer(ctx, fasthttp.StatusOK, page[deliveryResource]{
		Data: shown, NextCursor: s.cursors.WriteID(of, next),
	})
}

// processingEndpoints gives the endpoints to ask, from the given one on.
func (s *Server) processingEndpoints(q *webhook.DeliveryQuery, from webhook.EndpointNumber) ([]webhook.EndpointNumber, error) {
	if q.Endpoint != 0 {
		return []webhook.EndpointNumber{q.Endpoint}, nil
	}
	if from != 0 {
		from++ // the list is of those before
	}
	list, err := s.store.ListEndpoints(q.ClientID, from, maxProcessingEndpoints)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	numbers := make([]webhook.EndpointNumber, 0, len(list))
	for i := range list {
		numbers = append(numbers, list[i].Number())
	}
	return numbers, nil
}

// flying gives what q selects of an endpoint's deliveries in flight, newest
// first, after the place where the page before ended.
func (s *Server) flying(all progresses, q *webhook.DeliveryQuery, n webhook.EndpointNumber, after webhook.ID) ([]webhook.Delivery, error) {
	if err := s.addProgress(all, n); err != nil {
		return nil, err
	}
	ids := slices.SortedFunc(maps.Keys(all[n].Started), func(a, b webhook.ID) int { return b.Compare(a) })
	var list []webhook.Delivery
	for _, id := range ids {
		if after.Endpoint == n && id.Compare(after) >= 0 {
			continue
		}
		d, err := s.store.Delivery(id)
		switch {
		case errors.Is(err, webhook.ErrNotFound):
			continue
		case err != nil:
			return nil, fmt.Errorf("read delivery: %w", err)
		}
		if !d.Status.Finished() && selects(q, &d) {
			list = append(list, d.Listed())
		}
	}
	return list, nil
}

// selects tells whether a delivery passes the filters of type and time.
func selects(q *webhook.DeliveryQuery, d *webhook.Delivery) bool {
	at := d.QueuedAt()
	return (q.EventType == "" || q.EventType == d.EventType) &&
		(q.Since.IsZero() || !at.Before(q.Since)) &&
		(q.Until.IsZero() || at.Before(q.Until))
}
