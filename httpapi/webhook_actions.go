package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/webhook"
)

// maxWait bounds how long a test waits for its first attempt: as long as an attempt may take.
// The caller's connection is busy for that time.
const maxWait = time.Minute

// rotateSecret makes a new secret for an endpoint, of the same scheme or of another one. The
// earlier secrets continue to sign for an overlap, in which the receiver changes over.
func (s *Server) rotateSecret(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	var in registration.RotationInput
	if err := exchange.DecodeOptional(ctx, &in); err != nil {
		return err
	}
	var f jsonbody.Faults
	overlap := in.Check(s.ceilings.Load(), &f)
	if err := f.Err(); err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	e, err = s.update(call, ctx, e.ID, func(e *webhook.Endpoint) error {
		secret, err := in.NewSecret(e.Scheme())
		if err != nil {
			return err
		}
		return registration.Rotate(e, secret, time.Now().UTC().Truncate(time.Millisecond), overlap, s.ceilings.Load())
	})
	if err != nil {
		return err
	}
	out := s.showWebhook(&e)
	out.Reveal(e.Secrets[0])
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// endRotation ends an overlap: from now on only the newest secret signs. Without an overlap
// it changes nothing, so a client whose connection broke can repeat the call.
func (s *Server) endRotation(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	note := audit.Of(ctx).About(webhook.EndpointID.Format(e.ID), e.ClientID)
	if note.Nothing = len(e.Secrets) < 2; !note.Nothing {
		call, cancel := s.call()
		defer cancel()
		e, err = s.update(call, ctx, e.ID, func(e *webhook.Endpoint) error {
			e.Secrets = e.Secrets[:1]
			return nil
		})
		if err != nil {
			return err
		}
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, s.showWebhook(&e))
}

// testInput is the event of a test delivery.
type testInput struct {
	EventType optional[string]         `json:"event_type"`
	Data      optional[jsontext.Value] `json:"data"`
}

// The event of a test delivery that names none. The type need not be registered.
const (
	testEventType = "webhook.test"
	testData      = `{"test":true}`
)

// testWebhook sends a test delivery, ahead of everything that waits and whatever the
// endpoint's event types. With the parameter wait it answers after the first attempt, or when
// the time is over, with the delivery as it is then.
func (s *Server) testWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	if e.Status == webhook.EndpointDisabled {
		return problem.InConflict("the webhook is disabled: resume it before it can be tested")
	}
	wait, err := waitOf(ctx)
	if err != nil {
		return err
	}
	// The endpoint's patterns are not asked: a test shows whether the receiver works, not
	// whether the registration matches.
	event, err := s.testEvent(ctx, who, &e)
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(s.base, cmp.Or(wait, s.limits.Call))
	defer cancel()
	d, err := s.dispatcher.Test(call, e, event, wait > 0)
	if err != nil {
		return fmt.Errorf("test webhook: %w", err)
	}
	audit.Of(ctx).About(webhook.EndpointID.Format(e.ID), e.ClientID).Set("delivery_id", webhook.DeliveryID.Format(d.ID))
	status := fasthttp.StatusAccepted
	if wait > 0 {
		status = fasthttp.StatusOK
	}
	out, err := s.fullDelivery(who, &d)
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, status, out)
}

// testEvent reads the event of a test delivery. It is for the endpoint's client, so that only
// this client reads it, and belongs to the caller as its publisher.
func (s *Server) testEvent(ctx *fasthttp.RequestCtx, who *auth.Principal, e *webhook.Endpoint) (webhook.Event, error) {
	event := webhook.Event{Type: testEventType, ClientID: e.ClientID, Publisher: who.Publisher, Data: []byte(testData)}
	var in testInput
	if err := exchange.DecodeOptional(ctx, &in); err != nil {
		return event, err
	}
	var err error
	if in.EventType.Given() {
		if event.Type, err = s.types.Name([]byte(in.EventType.Value), true); err != nil {
			return event, err
		}
	}
	switch {
	case in.Data.Null: // null is data like any other
		event.Data = []byte("null")
	case in.Data.Set:
		event.Data, err = eventinput.CanonicalData(in.Data.Value)
	}
	return event, err
}

// waitOf reads the parameter wait: a duration such as 10s, or a number of seconds without
// unit; 0 if it is absent.
func waitOf(ctx *fasthttp.RequestCtx) (time.Duration, error) {
	if !ctx.QueryArgs().Has("wait") {
		return 0, nil
	}
	text := exchange.Parameter(ctx, "wait")
	if text != "" && strings.Trim(text, "0123456789") == "" {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxWait {
		return 0, problem.OfField("wait", "must be a time of up to 60 s, for example 10s")
	}
	return d, nil
}
