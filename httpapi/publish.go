package httpapi

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// keyHeader carries the idempotency key of a single event.
const keyHeader = "Idempotency-Key"

// publish accepts one event. This is the hot path: it allocates what the
// dispatcher keeps, and little more.
func (s *Server) publish(ctx *fasthttp.RequestCtx, who *Principal) error {
	defer s.metrics.published(time.Now())
	body, err := bodyOf(ctx)
	if err != nil {
		return err
	}
	event, err := s.readEvent(body, who, true)
	if err == nil {
		err = headerKey(ctx, &event)
	}
	if err == nil && event.IdempotencyKey != "" {
		event.Fingerprint = event.Identity() // here, where requests run side by side
	}
	if err != nil {
		s.metrics.refused.Inc()
		return err
	}
	receipts, err := s.dispatcher.Publish(s.base, []webhook.Event{event})
	if err != nil {
		err = publishError(err)
	} else {
		err = refusedEvent(&receipts[0])
	}
	if err != nil {
		s.metrics.refused.Inc()
		return err
	}
	s.count(&receipts[0])
	var text [192]byte
	ctx.SetStatusCode(fasthttp.StatusAccepted)
	ctx.SetContentType("application/json")
	ctx.Response.SetBody(append(appendReceipt(append(text[:0], '{'), &receipts[0]), "}\n"...))
	return nil
}

// readEvent reads a posted event, and copies what it keeps.
func (s *Server) readEvent(text []byte, who *Principal, suggest bool) (event webhook.Event, err error) {
	e, err := readEnvelope(text)
	if err != nil {
		return event, err
	}
	event.Publisher = who.Publisher
	if event.Type, err = s.eventTypeOf(e.eventType, suggest); err != nil {
		return event, err
	}
	if event.ClientID, err = recipient(e.clientID, who); err != nil {
		return event, err
	}
	if !null(e.key) {
		key, err := unquote("idempotency_key", e.key)
		if err == nil {
			err = checkKey("idempotency_key", key)
		}
		if err != nil {
			return event, err
		}
		event.IdempotencyKey = string(key)
	}
	event.Data, err = canonicalData(e.data)
	return event, err
}

func (s *Server) eventTypeOf(raw []byte, suggest bool) (string, error) {
	if raw == nil {
		return "", invalid("event_type", "is missing")
	}
	name, err := unquote("event_type", raw)
	if err != nil {
		return "", err
	}
	return s.types.name(name, suggest)
}

// recipient returns the client whose webhooks get an event: the one that it names,
// else the caller's own; "" for everyone's, if the caller may publish to all.
func recipient(raw []byte, who *Principal) (string, error) {
	if null(raw) {
		if who.publishesToAll() {
			return "", nil
		}
		return who.ClientID, nil
	}
	id, err := unquote("client_id", raw)
	switch {
	case err != nil:
		return "", err
	case string(id) == who.ClientID && who.ClientID != "":
		return who.ClientID, nil
	case !who.publishesToAll():
		return "", notYourClient()
	case !validClientID(string(id)):
		return "", invalid("client_id", clientIDRule)
	}
	return string(id), nil
}

// headerKey takes the idempotency key from the header, if there is one.
func headerKey(ctx *fasthttp.RequestCtx, event *webhook.Event) error {
	key := ctx.Request.Header.Peek(keyHeader)
	if key == nil {
		return nil
	}
	if err := checkKey(keyHeader, key); err != nil {
		return err
	}
	if event.IdempotencyKey != "" && event.IdempotencyKey != string(key) {
		return invalid("idempotency_key", "differs from the header "+keyHeader)
	}
	event.IdempotencyKey = string(key)
	return nil
}

// refusedEvent explains why an event was not accepted; nil if it was.
func refusedEvent(r *webhook.Receipt) error {
	switch {
	case r.Err == nil:
		return nil
	case errors.Is(r.Err, webhook.ErrKeyReused):
		first := webhook.EventID.Format(r.EventID)
		p := newProblem(codeKeyReused, "idempotency_key was used within the last 24 hours for "+first+
			", whose type, client_id or data is another; publish this event under a new key")
		p.Field, p.EventID, p.cause = "idempotency_key", first, r.Err
		return p
	}
	return publishError(r.Err)
}

func publishError(err error) error { return fmt.Errorf("publish: %w", err) }

func (s *Server) count(r *webhook.Receipt) {
	if r.Duplicate {
		s.metrics.repeated.Inc()
		return
	}
	s.metrics.accepted.Inc()
}

// appendReceipt appends the members of an accepted event's answer.
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

// appendCount appends a member that is there only if it counts something.
func appendCount(dst []byte, name string, count int) []byte {
	if count == 0 {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return strconv.AppendInt(dst, int64(count), 10)
}
