package httpapi

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// delivery reads the delivery in the path and its endpoint. A delivery of another client is
// ErrNotFound, like one that does not exist.
func (s *Server) delivery(ctx *fasthttp.RequestCtx, who *auth.Principal) (webhook.Delivery, webhook.Endpoint, error) {
	id, err := webhook.DeliveryID.Parse(exchange.Path(ctx, "id"))
	if err != nil {
		return webhook.Delivery{}, webhook.Endpoint{}, err
	}
	call, cancel := s.call()
	defer cancel()
	e, err := s.store.Endpoint(call, id.Endpoint)
	if err != nil {
		return webhook.Delivery{}, e, fmt.Errorf("read the delivery's webhook: %w", err)
	}
	// Whose the delivery is, its endpoint says: a delivery names no client.
	if !who.Sees(e.ClientID) {
		return webhook.Delivery{}, e, fmt.Errorf("delivery of another client: %w", webhook.ErrNotFound)
	}
	d, err := s.store.Delivery(call, id)
	if err != nil {
		return d, e, fmt.Errorf("read delivery: %w", err)
	}
	return d, e, nil
}

// getDelivery answers with one delivery, with its payload and its attempts.
func (s *Server) getDelivery(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	d, _, err := s.delivery(ctx, who)
	if err != nil {
		return err
	}
	return s.answerDelivery(ctx, who, fasthttp.StatusOK, &d)
}

// getAttempt answers with one attempt of a delivery, and with the request that it sent.
func (s *Server) getAttempt(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	d, e, err := s.delivery(ctx, who)
	if err != nil {
		return err
	}
	number := exchange.Path(ctx, "number")
	at := slices.IndexFunc(d.AttemptLog, func(a webhook.Attempt) bool { return strconv.Itoa(a.Number) == number })
	if at < 0 {
		return fmt.Errorf("attempt of the delivery: %w", webhook.ErrNotFound)
	}
	out := view.NewAttempts(d.AttemptLog, who.IsAdmin())[at]
	out.Request, out.RequestNotKept, err = s.requestOf(&e, d, d.AttemptLog[at])
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// requestOf returns the request that an attempt sent, or why it cannot be shown. Only the
// data of the event is stored, so the request is made again, by what made it, and shown if
// it cannot have been another one.
func (s *Server) requestOf(e *webhook.Endpoint, d webhook.Delivery, a webhook.Attempt) (*view.Request, string, error) {
	switch {
	case a.Requests == 0:
		return nil, view.NotKeptUnsent, nil
	case a.SentAs == 0:
		return nil, view.NotKeptOlder, nil
	}
	call, cancel := s.call()
	defer cancel()
	event, err := s.store.Event(call, d.ID.Event())
	switch {
	case errors.Is(err, webhook.ErrNotFound):
		return nil, view.NotKeptExpired, nil
	case err != nil:
		return nil, "", fmt.Errorf("read the delivery's event: %w", err)
	}
	head, body, ok := s.requests(*e, webhook.Due{Delivery: d, Data: event.Data}, a)
	if !ok {
		return nil, view.NotKeptChanged, nil
	}
	return view.NewRequest(e.TargetURL, head, body), "", nil
}

// answerDelivery answers with a delivery as a single read shows it, also after a change: the
// caller need not read it again.
func (s *Server) answerDelivery(ctx *fasthttp.RequestCtx, who *auth.Principal, status int, d *webhook.Delivery) error {
	out, err := s.fullDelivery(who, d)
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, status, out)
}

// retryDelivery sends a delivery again, ahead of everything that waits.
func (s *Server) retryDelivery(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	d, e, err := s.delivery(ctx, who)
	if err != nil {
		return err
	}
	// The dispatcher would refuse both, without saying what to do.
	switch {
	case e.Deleted():
		return problem.InConflict("the delivery's webhook was deleted: publish the event again for another webhook")
	case e.Status == webhook.EndpointDisabled:
		return problem.InConflict("the delivery's webhook is disabled: resume it first, then retry")
	}
	call, cancel := s.call()
	defer cancel()
	log := d.AttemptLog
	if d, err = s.dispatcher.Retry(call, d.ID); err != nil {
		return fmt.Errorf("retry delivery: %w", err)
	}
	audit.Of(ctx).About(webhook.DeliveryID.Format(d.ID), e.ClientID)
	if len(d.AttemptLog) < len(log) {
		d.AttemptLog = log // a delivery in a lane's window carries no attempts
	}
	return s.answerDelivery(ctx, who, fasthttp.StatusAccepted, &d)
}

// cancelDelivery gives up a pending delivery.
func (s *Server) cancelDelivery(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	d, e, err := s.delivery(ctx, who)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	if d, err = s.dispatcher.Cancel(call, d.ID); err != nil {
		return fmt.Errorf("cancel delivery: %w", err)
	}
	audit.Of(ctx).About(webhook.DeliveryID.Format(d.ID), e.ClientID)
	return s.answerDelivery(ctx, who, fasthttp.StatusOK, &d)
}

// listDeliveries lists deliveries of all endpoints that the caller sees, newest first.
func (s *Server) listDeliveries(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	q := webhook.DeliveryQuery{ClientID: who.ClientID}
	if ctx.QueryArgs().Has("webhook_id") {
		id, err := webhook.EndpointID.Parse(exchange.Parameter(ctx, "webhook_id"))
		if err != nil {
			return problem.OfField("webhook_id", "is not the id of a webhook, wh_…")
		}
		q.Endpoint = id.Endpoint
	}
	return s.list(ctx, who, q)
}

// listWebhookDeliveries lists those of one endpoint, which may be deleted.
func (s *Server) listWebhookDeliveries(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.endpoint(ctx, who)
	if err != nil {
		return err
	}
	return s.list(ctx, who, webhook.DeliveryQuery{Endpoint: e.Number(), ClientID: e.ClientID})
}

// list answers with a page of what q and the request's filters select. Deliveries in flight
// are stored as queued or retrying; a list of one of those statuses omits them, so a page may
// have fewer than the limit and still not be the last.
func (s *Server) list(ctx *fasthttp.RequestCtx, who *auth.Principal, q webhook.DeliveryQuery) error {
	p, err := s.readFilters(ctx, &q)
	if err != nil {
		return err
	}
	if q.Status == webhook.Processing {
		return s.listProcessing(ctx, who, q, p)
	}
	of := deliveryListing(paging.Deliveries, who, &q, &p)
	if q.Before, err = s.cursors.ReadID(of, exchange.Parameter(ctx, "cursor")); err != nil {
		return err
	}
	p.Narrow(&q)
	call, cancel := s.call()
	defer cancel()
	found, err := s.store.ListDeliveries(call, q)
	if err != nil {
		return fmt.Errorf("list deliveries: %w", err)
	}
	known, err := s.progressOf(call, found.Deliveries)
	if err != nil {
		return err
	}
	if q.Status != "" {
		found.Deliveries = slices.DeleteFunc(found.Deliveries, func(d webhook.Delivery) bool {
			_, inFlight := known.started(&d)
			return inFlight
		})
	}
	shown, err := s.showDeliveries(call, found.Deliveries, known)
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, exchange.Page[view.Delivery]{
		Data: shown, NextCursor: s.cursors.WriteID(of, found.Next),
	})
}

// readFilters reads the parameters of a list into q, except the cursor and the period: the
// caller narrows q to the period when it has read the cursor, which may carry its time.
func (s *Server) readFilters(ctx *fasthttp.RequestCtx, q *webhook.DeliveryQuery) (p paging.Period, err error) {
	if q.Limit, err = exchange.Limit(ctx); err != nil {
		return p, err
	}
	if q.Status, err = parseStatus(exchange.Parameter(ctx, "status")); err != nil {
		return p, err
	}
	if q.EventType, err = eventTypeFilter(ctx); err != nil {
		return p, err
	}
	if err := readAttemptFilters(ctx, q); err != nil {
		return p, err
	}
	return periodOf(ctx)
}

// readAttemptFilters reads those about the latest attempt.
func readAttemptFilters(ctx *fasthttp.RequestCtx, q *webhook.DeliveryQuery) error {
	q.Reason = webhook.Reason(exchange.Parameter(ctx, "reason"))
	if q.Reason != webhook.ReasonNone && !slices.Contains(webhook.Reasons, q.Reason) {
		return problem.OfField("reason", "is not one of the reasons that openapi.yaml lists")
	}
	var ok bool
	if q.Code, ok = webhook.ParseCodeFilter(exchange.Parameter(ctx, "code")); !ok {
		return problem.OfField("code", "must be one of 2xx, 3xx, 4xx, 5xx and none, or a status code from 100 to 599")
	}
	if text := exchange.Parameter(ctx, "min_attempts"); text != "" {
		var err error
		if q.MinAttempts, err = strconv.Atoi(text); err != nil || q.MinAttempts < 0 {
			return problem.OfField("min_attempts", "must be a whole number from 0 on")
		}
	}
	return nil
}

// eventTypeFilter reads the parameter event_type; "" if it is absent.
func eventTypeFilter(ctx *fasthttp.RequestCtx) (string, error) {
	name := exchange.Parameter(ctx, "event_type")
	if name != "" {
		if err := webhook.ValidateEventType(name); err != nil {
			return "", jsonbody.InField(err, "event_type")
		}
	}
	return name, nil
}

// periodOf reads the parameters since and until.
func periodOf(ctx *fasthttp.RequestCtx) (paging.Period, error) {
	return paging.ParsePeriod(exchange.TimeParameter(ctx, "since"), exchange.TimeParameter(ctx, "until"), time.Now())
}

// fullDelivery returns a delivery as a single read shows it: with its attempts, and with its
// payload as long as the event is stored.
func (s *Server) fullDelivery(who *auth.Principal, d *webhook.Delivery) (view.Delivery, error) {
	call, cancel := s.call()
	defer cancel()
	known, err := s.progressOf(call, []webhook.Delivery{*d})
	if err != nil {
		return view.Delivery{}, err
	}
	shown, err := s.showDeliveries(call, []webhook.Delivery{*d}, known)
	if err != nil {
		return view.Delivery{}, err
	}
	if len(shown) == 0 {
		return view.Delivery{}, fmt.Errorf("the delivery's webhook: %w", webhook.ErrNotFound)
	}
	r := shown[0]
	r.AttemptLog = view.NewAttempts(d.AttemptLog, who.IsAdmin())
	event, err := s.store.Event(call, d.ID.Event())
	switch {
	case errors.Is(err, webhook.ErrNotFound): // it has expired
	case err != nil:
		return r, fmt.Errorf("read the delivery's event: %w", err)
	default:
		r.Payload = jsontext.Value(event.Data)
	}
	return r, nil
}

// parseStatus reads a delivery's status; "" is none.
func parseStatus(text string) (webhook.Status, error) {
	if text == "" || slices.Contains(webhook.Statuses, webhook.Status(text)) {
		return webhook.Status(text), nil
	}
	return "", problem.OfField("status", "must be one of queued, processing, retrying, delivered, failed and cancelled")
}

// deliveryListing is listingOf for the deliveries of a period that q selects.
func deliveryListing(kind paging.Kind, who *auth.Principal, q *webhook.DeliveryQuery, p *paging.Period) paging.Listing {
	filters := append([]string{strconv.FormatUint(uint64(q.Endpoint), 10), string(q.Status), q.EventType}, p.Filters()...)
	// Only what is set, so that cursors without these filters stay as they were.
	if q.Reason != "" || q.Code != "" || q.MinAttempts != 0 {
		filters = append(filters, string(q.Reason), string(q.Code), strconv.Itoa(q.MinAttempts))
	}
	l := exchange.Listing(kind, who, filters...)
	l.Period = p
	return l
}
