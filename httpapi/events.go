package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// maxRecipients bounds the deliveries that are shown with an event: each one costs up to two
// reads of storage.
const maxRecipients = 100

// eventResource is an event as the API shows it. Data is the bytes that the receivers got, so
// that a signature over a delivery can be checked with it.
type eventResource struct {
	ID        string         `json:"id"`
	EventType string         `json:"event_type"`
	ClientID  string         `json:"client_id,omitzero"`
	Data      jsontext.Value `json:"data"`
	// AcceptedAt is when the event was published. It is a part of the ID.
	AcceptedAt string `json:"accepted_at"`
	// Deliveries counts the deliveries that the caller sees; DeliveryLog lists them, a page at a time.
	Deliveries  int             `json:"deliveries"`
	DeliveryLog []view.Delivery `json:"delivery_log"`
	NextCursor  string          `json:"next_cursor,omitzero"`
}

// getEvent answers with an event and its deliveries: all of them for its publisher, those to
// the caller's own endpoints for a client. A client that got nothing of the event, and may
// not read it otherwise, gets 404, so that IDs reveal nothing.
func (s *Server) getEvent(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	of := exchange.Listing(paging.Recipients, who, exchange.Path(ctx, "id"))
	limit, from, err := s.recipientPage(ctx, of)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	event, err := s.event(call, ctx)
	if err != nil {
		return err
	}
	mine, err := s.recipients(call, &event, who)
	if err != nil {
		return err
	}
	if !mayRead(&event, who) && (who.ClientID == "" || len(mine) == 0) {
		return fmt.Errorf("event of others: %w", webhook.ErrNotFound)
	}
	out := showEvent(&event, len(mine))
	// A cursor holds the first recipient of the next page, rather than the last of this one:
	// deliveries that expire meanwhile then move nothing.
	to := pageOf(mine, from)
	if len(to) > limit {
		out.NextCursor = s.cursors.WriteNumber(of, to[limit])
		to = to[:limit]
	}
	if err := s.addDeliveries(call, &out, &event, to); err != nil {
		return err
	}
	if !who.Manages() { // a publisher does not own the receivers
		for i := range out.DeliveryLog {
			out.DeliveryLog[i].HideAnswer()
		}
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// showEvent returns an event as the API shows it, without its deliveries.
func showEvent(event *webhook.Event, deliveries int) eventResource {
	return eventResource{
		ID:         webhook.EventID.Format(event.ID),
		EventType:  event.Type,
		ClientID:   event.ClientID,
		Data:       jsontext.Value(event.Data),
		AcceptedAt: webhook.FormatTime(event.ID.Time()),
		Deliveries: deliveries,
	}
}

// mayRead reports whether the caller may read an event, apart from what its own endpoints got
// of it: as an administrator, as its publisher, or as the client that it was for.
func mayRead(event *webhook.Event, who *auth.Principal) bool {
	switch {
	case who.IsAdmin() && who.ClientID == "":
		return true
	case who.Publishes() && event.Publisher == who.Publisher:
		return true
	}
	return event.ClientID != "" && who.Sees(event.ClientID)
}

// recipientPage reads which part of the recipients the caller asks for. Without a limit it is
// as many as a page may have, because most events have fewer recipients than that.
func (s *Server) recipientPage(ctx *fasthttp.RequestCtx, of paging.Listing) (limit int, from webhook.EndpointNumber, err error) {
	if limit, err = exchange.Limit(ctx); err != nil {
		return 0, 0, err
	}
	if !ctx.QueryArgs().Has("limit") {
		limit = maxRecipients
	}
	if limit > maxRecipients {
		return 0, 0, problem.OfField("limit", fmt.Sprintf("must be a whole number from 1 to %d", maxRecipients))
	}
	from, err = s.cursors.ReadNumber(of, exchange.Parameter(ctx, "cursor"))
	return limit, from, err
}

// event reads the event in the path, whoever's it is. The ID of a delivery is no event's,
// although the event could be found by it.
func (s *Server) event(call context.Context, ctx *fasthttp.RequestCtx) (webhook.Event, error) {
	id, err := webhook.EventID.Parse(exchange.Path(ctx, "id"))
	if err != nil {
		return webhook.Event{}, err
	}
	if id.Endpoint != 0 {
		return webhook.Event{}, fmt.Errorf("id is not an event's: %w", webhook.ErrNotFound)
	}
	event, err := s.store.Event(call, id)
	if err != nil {
		return event, fmt.Errorf("read event: %w", err)
	}
	return event, nil
}

// recipients returns the endpoints that an event has deliveries for, as far as the caller may
// know them: all of them for a caller without a client, otherwise those of its client.
func (s *Server) recipients(call context.Context, event *webhook.Event, who *auth.Principal) ([]webhook.EndpointNumber, error) {
	if who.ClientID == "" {
		return event.Recipients(), nil
	}
	var mine []webhook.EndpointNumber
	for _, n := range event.Recipients() {
		client, err := s.clients.endpoint(call, n)
		switch {
		case errors.Is(err, webhook.ErrNotFound): // deleted and forgotten
		case err != nil:
			return nil, err
		case who.Sees(client):
			mine = append(mine, n)
		}
	}
	return mine, nil
}

// pageOf returns the numbers from the given one on. They are ascending.
func pageOf(numbers []webhook.EndpointNumber, from webhook.EndpointNumber) []webhook.EndpointNumber {
	for i, n := range numbers {
		if n >= from {
			return numbers[i:]
		}
	}
	return nil
}

// addDeliveries adds the deliveries to some endpoints. Deliveries expire before their event,
// so there may be fewer than endpoints.
func (s *Server) addDeliveries(call context.Context, out *eventResource, event *webhook.Event, to []webhook.EndpointNumber) error {
	var list []webhook.Delivery
	for _, n := range to {
		d, err := s.store.Delivery(call, event.ID.For(n))
		switch {
		case errors.Is(err, webhook.ErrNotFound): // it has expired
		case err != nil:
			return fmt.Errorf("read the event's delivery: %w", err)
		default:
			list = append(list, d.Listed())
		}
	}
	known, err := s.progressOf(call, list)
	if err != nil {
		return err
	}
	out.DeliveryLog, err = s.showDeliveries(call, list, known)
	return err
}

// eventEntry is an event in a list.
type eventEntry struct {
	ID         string `json:"id"`
	EventType  string `json:"event_type"`
	ClientID   string `json:"client_id,omitzero"`
	AcceptedAt string `json:"accepted_at"`
	SizeBytes  int    `json:"size_bytes"`
	// Deliveries counts the deliveries that the caller sees, expired ones included.
	Deliveries int  `json:"deliveries"`
	Matched    bool `json:"matched"`
}

// listEvents lists the events that the caller may read, newest first: all of them for an
// administrator, those that it published for a publisher, those for it or for one of its
// webhooks for a client. A page may have fewer than the limit and still not be the last.
func (s *Server) listEvents(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	q, p, err := readEventFilters(ctx, who)
	if err != nil {
		return err
	}
	of := exchange.Listing(paging.Events, who, append(p.Filters(), q.EventType, strconv.Itoa(int(q.Matched)))...)
	of.Period = &p
	if q.Before, err = s.cursors.ReadID(of, exchange.Parameter(ctx, "cursor")); err != nil {
		return err
	}
	q.Since, q.Until = p.Span()
	call, cancel := s.call()
	defer cancel()
	found, err := s.store.ListEvents(call, q)
	if err != nil {
		return fmt.Errorf("list events: %w", err)
	}
	out := exchange.Page[eventEntry]{Data: make([]eventEntry, 0, len(found.Events)), NextCursor: s.cursors.WriteID(of, found.Next)}
	for i := range found.Events {
		e := &found.Events[i]
		out.Data = append(out.Data, eventEntry{
			ID: webhook.EventID.Format(e.ID), EventType: e.Type, ClientID: e.ClientID, AcceptedAt: webhook.FormatTime(e.ID.Time()),
			SizeBytes: e.Size, Deliveries: e.Deliveries, Matched: e.Deliveries > 0,
		})
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// readEventFilters reads the parameters of a list of events, except the cursor, and
// restricts the list to what the caller may read. That is what getEvent shows.
func readEventFilters(ctx *fasthttp.RequestCtx, who *auth.Principal) (q webhook.EventQuery, p paging.Period, err error) {
	q.ClientID = who.ClientID
	switch {
	case who.IsAdmin() && who.ClientID == "":
	case who.Publishes(), who.ClientID == "":
		q.Publisher = who.Publisher
	}
	if q.Limit, err = exchange.Limit(ctx); err != nil {
		return q, p, err
	}
	if q.EventType, err = eventTypeFilter(ctx); err != nil {
		return q, p, err
	}
	switch exchange.Parameter(ctx, "matched") {
	case "":
	case "true":
		q.Matched = webhook.OnlyMatched
	case "false":
		q.Matched = webhook.OnlyUnmatched
	default:
		return q, p, problem.OfField("matched", "must be true or false")
	}
	p, err = periodOf(ctx)
	return q, p, err
}
