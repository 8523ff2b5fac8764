package httpapi

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// keyHeader carries the idempotency key of a single event
// (draft-ietf-httpapi-idempotency-key-header). A batch has one per event instead.
const keyHeader = "Idempotency-Key"

// publish accepts one event: it answers 202 when the event is durable. This is the hot path:
// it allocates what the dispatcher keeps, and little more (TestPublishAllocates). The
// dispatcher gets the server's context, not one with the call's time limit: an event that
// was handed over is stored, whoever still waits for the answer.
func (s *Server) publish(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	defer s.metrics.published(time.Now())
	body, err := exchange.Body(ctx)
	if err != nil {
		return err
	}
	event, err := s.singleEvent(ctx, body, who)
	if err != nil {
		s.metrics.refused.Inc()
		return err
	}
	receipts, err := s.dispatcher.Publish(s.base, []webhook.Event{event})
	if err != nil {
		err = publishError(err)
	} else {
		err = refusedEvent(&receipts[0]) // the others of its batch do not matter: there are none
	}
	if err != nil {
		s.metrics.refused.Inc()
		return err
	}
	s.count(&receipts[0])
	var text [192]byte // room for the longest receipt, on the stack
	ctx.SetStatusCode(fasthttp.StatusAccepted)
	ctx.SetContentType("application/json")
	ctx.Response.SetBody(append(appendReceipt(append(text[:0], '{'), &receipts[0]), "}\n"...))
	return nil
}

// singleEvent reads the event of a call that publishes one.
func (s *Server) singleEvent(ctx *fasthttp.RequestCtx, body []byte, who *auth.Principal) (event webhook.Event, err error) {
	in, err := eventinput.Parse(body)
	if err != nil {
		return event, err
	}
	if event, err = s.readEvent(&in, who, true); err != nil {
		return event, err
	}
	if err := headerKey(ctx, &event); err != nil {
		return event, err
	}
	identify(&event)
	return event, nil
}

// identify computes what the event's idempotency key stands for. The store would do so
// too, but one event after the other, while requests run side by side.
func identify(event *webhook.Event) {
	if event.IdempotencyKey != "" {
		event.Fingerprint = event.Identity()
	}
}

// readEvent makes an event of what was posted, for the dispatcher to keep: no byte of it
// belongs to the request's buffer. The members are checked in a fixed order, so that an
// event with several faults is always refused for the same one. suggest says whether the
// error of an unknown event type names similar ones, which takes time.
func (s *Server) readEvent(in *eventinput.Input, who *auth.Principal, suggest bool) (event webhook.Event, err error) {
	event.Publisher = who.Publisher
	name, err := in.EventType()
	if err != nil {
		return event, err
	}
	if event.Type, err = s.types.Name(name, suggest); err != nil {
		return event, err
	}
	if event.ClientID, err = recipient(in, who); err != nil {
		return event, err
	}
	if event.IdempotencyKey, err = in.Key(); err != nil {
		return event, err
	}
	event.Data, err = in.Data()
	return event, err
}

// recipient returns the client whose webhooks get an event: the client that the event names,
// otherwise the caller's own. "" stands for all clients, and only for a caller that may
// publish to all: a caller without a client never gets here without that right.
func recipient(in *eventinput.Input, who *auth.Principal) (string, error) {
	id, named, err := in.ClientID()
	switch {
	case err != nil:
		return "", err
	case !named && who.PublishesToAll():
		return "", nil
	case !named:
		return who.ClientID, nil
	case string(id) == who.ClientID && who.ClientID != "":
		return who.ClientID, nil
	case !who.PublishesToAll():
		return "", notYourClient()
	case !auth.ValidClientID(string(id)):
		return "", problem.OfField("client_id", auth.ClientIDRule)
	}
	return string(id), nil
}

// headerKey sets the idempotency key of the header, if there is one. A key in the body must
// then be the same: otherwise the caller's two layers disagree about what a repetition is.
func headerKey(ctx *fasthttp.RequestCtx, event *webhook.Event) error {
	key := ctx.Request.Header.Peek(keyHeader)
	if key == nil {
		return nil
	}
	if err := eventinput.CheckKey(keyHeader, key); err != nil {
		return err
	}
	if event.IdempotencyKey != "" && event.IdempotencyKey != string(key) {
		return problem.OfField("idempotency_key", "differs from the header "+keyHeader)
	}
	event.IdempotencyKey = string(key)
	return nil
}

// refusedEvent returns why the dispatcher did not accept an event; nil if it did.
func refusedEvent(r *webhook.Receipt) error {
	switch {
	case r.Err == nil:
		return nil
	case errors.Is(r.Err, webhook.ErrKeyReused):
		first := webhook.EventID.Format(r.EventID)
		p := problem.New(problem.KeyReused, "idempotency_key was used within the last 24 hours for "+first+
			", whose type, client_id or data is another; publish this event under a new key")
		p.Field, p.EventID, p.Cause = "idempotency_key", first, r.Err
		return p
	}
	return publishError(r.Err)
}

// publishError says what failed, for the log.
func publishError(err error) error { return fmt.Errorf("publish: %w", err) }

// count counts an event that was accepted, now or before.
func (s *Server) count(r *webhook.Receipt) {
	if r.Duplicate {
		s.metrics.repeated.Inc()
		return
	}
	s.metrics.accepted.Inc()
}

// appendReceipt appends the members of an accepted event's answer. It writes the JSON by
// hand, since all values are numbers or IDs and the hot path must not allocate.
func appendReceipt(dst []byte, r *webhook.Receipt) []byte {
	dst = append(dst, `"id":"`...)
	dst = webhook.EventID.Append(dst, r.EventID)
	dst = append(dst, `","deliveries":`...)
	dst = strconv.AppendInt(dst, int64(r.Deliveries), 10)
	dst = appendCount(dst, "paused", r.Paused)
	dst = appendCount(dst, "disabled", r.Disabled)
	dst = appendCount(dst, "limited", r.Limited)
	if r.Duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	return dst
}

// appendCount appends a member that is left out if it counts nothing.
func appendCount(dst []byte, name string, count int) []byte {
	if count == 0 {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return strconv.AppendInt(dst, int64(count), 10)
}
