package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/eventtypes"
	"github.com/corpastro/astrohook/httpapi/inbound"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// errorTable maps the errors of other parts to problems. The first match counts. It is
// the only place where an error gets its status.
var errorTable = []struct {
	err    error
	code   problem.Code
	detail string
}{
	{auth.ErrTooManyAPIKeys, problem.Conflict, auth.ErrTooManyAPIKeys.Error()},
	{eventtypes.ErrFull, problem.Conflict, eventtypes.ErrFull.Error()},
	{errNotInForce, problem.Unavailable, errNotInForce.Error()},
	{webhook.ErrNotFound, problem.NotFound, "there is no such thing, or it belongs to another client"},
	{webhook.ErrExists, problem.Exists, "a thing of that name is there already"},
	{registration.ErrDisabled, problem.Conflict, registration.ErrDisabled.Error()},
	{webhook.ErrConflict, problem.Conflict, "the present state does not allow this"},
	{webhook.ErrTooManyPending, problem.TooManyPending, "too many deliveries are pending; publish again later"},
	{webhook.ErrClientLimit, problem.ClientLimit, "the client has as much as it may have"},
	{webhook.ErrShareUsed, problem.TooMany, "too many of this caller's events are being stored; publish again when some are"},
	{webhook.ErrAllUsed, problem.Unavailable, "more events arrive than can be stored; publish again later"},
	{webhook.ErrDiskReserve, problem.DiskReserve, "nothing is accepted until there is free disk space again"},
	{webhook.ErrShuttingDown, problem.ShuttingDown, "the server is stopping"},
	{webhook.ErrBlockedAddress, problem.Invalid, "the address is not allowed"},
	{webhook.ErrFanOut, problem.FanOut, "the event matches more webhooks than one event can be delivered to"},
	{webhook.ErrBroken, problem.Unavailable, "the server cannot store anything until it is restarted"},
	{webhook.ErrUnavailable, problem.Unavailable, "storage cannot be reached at present; try again later"},
	{webhook.ErrFenced, problem.Unavailable, "this server is no longer a part of its cluster; try again later"},
	{webhook.ErrStale, problem.Unavailable, "webhooks are being changed; try again later"},
	{paging.ErrCursor, problem.Malformed, ""},
	{eventinput.ErrTooLarge, problem.TooLarge, ""},
	{canonicaljson.ErrTooDeep, problem.Malformed, ""},
	{canonicaljson.ErrSyntax, problem.Malformed, ""},
	{canonicaljson.ErrDuplicateKey, problem.Malformed, ""},
	{canonicaljson.ErrInvalidUTF8, problem.Malformed, ""},
	{context.DeadlineExceeded, problem.Unavailable, "the server did not finish in time"},
	{context.Canceled, problem.ShuttingDown, "the server is stopping"},
}

// refusals has the code of each kind of refusal by the inbound package.
var refusals = map[error]problem.Code{
	inbound.ErrMalformed:    problem.Malformed,
	inbound.ErrExpectation:  problem.Expectation,
	inbound.ErrTooLarge:     problem.TooLarge,
	inbound.ErrHeadTooLarge: problem.Header,
	inbound.ErrTimeout:      problem.Timeout,
	inbound.ErrGivenUp:      problem.Unavailable,
}

// refused returns the problem that stands for a request that was refused before its
// route saw it.
func refused(r *inbound.Refusal) *problem.Problem {
	if errors.Is(r.Kind, inbound.ErrNoMemory) {
		return crowdedOut(r.Cause, "large bodies are being received")
	}
	p := problem.New(refusals[r.Kind], r.Detail)
	p.Field, p.Cause = r.Field, r.Cause
	return p
}

// problemOf returns the problem that stands for an error.
func problemOf(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	if r, ok := errors.AsType[*inbound.Refusal](err); ok {
		return refused(r)
	}
	if faults, ok := errors.AsType[jsonbody.Faults](err); ok {
		return problemOfFaults(faults)
	}
	if many, ok := errors.AsType[*registration.TooManySecretsError](err); ok {
		return problem.InConflict(many.Error())
	}
	if unknown, ok := errors.AsType[*eventtypes.UnknownError](err); ok {
		return unknownType(unknown)
	}
	// An error that nothing below knows is the server's own: its text is for the log, as
	// it may name files and addresses.
	p := problem.New(problem.Internal, "something went wrong inside the server")
	field, isField := errors.AsType[*webhook.FieldError](err)
	if isField {
		p = problem.New(problem.Invalid, "")
	}
	for _, a := range errorTable {
		if errors.Is(err, a.err) {
			p = problem.New(a.code, a.detail)
			break
		}
	}
	p.Cause = err
	if limit, ok := errors.AsType[*webhook.LimitError](err); ok {
		p.Detail = limitDetail(limit)
	}
	if isField { // the field's own sentence says more than the table
		p.Field, p.Detail = field.Field, field.Error()
	}
	// A caller who is not told when to come back comes back at once.
	if p.Status == fasthttp.StatusTooManyRequests || p.Status == fasthttp.StatusServiceUnavailable {
		p.RetryAfter = problem.DefaultRetryAfter
	}
	if later, ok := errors.AsType[*webhook.RetryAfterError](err); ok && p.RetryAfter > 0 && later.After > 0 {
		p.RetryAfter = later.After
	}
	return p
}

// problemOfFaults returns the problem of an input with several faults: that of the first
// one, with the list of all.
func problemOfFaults(faults jsonbody.Faults) *problem.Problem {
	p := *problemOf(faults[0])
	for _, err := range faults {
		one := problemOf(err)
		p.Errors = append(p.Errors, problem.Field{Field: one.Field, Detail: one.Detail})
	}
	return &p
}

// unknownType returns the problem of an event type that the registry does not have. It
// says what to do, because the first event of a new publisher often meets it.
func unknownType(e *eventtypes.UnknownError) *problem.Problem {
	p := problem.New(problem.UnknownType, fmt.Sprintf("%v: register it with POST /api/event-types {\"name\":%q} "+
		"(scope %s), or let all types through with the setting check-event-types=false", e, e.Name, auth.ScopeAdmin))
	p.Field, p.Suggestions = e.Field, e.Suggestions
	return p
}

// limitDetail says which limit a client has reached, and what the client can do.
func limitDetail(e *webhook.LimitError) string {
	switch e.Setting {
	case webhook.LimitWebhooks:
		return fmt.Sprintf("client %s has %d webhooks, as many as %s allows: delete some, or have the limit raised", e.Client, e.Has, e.Setting)
	case webhook.LimitPatterns:
		return fmt.Sprintf("the webhooks of client %s would have %d event types and patterns, more than the %d that %s allows: name fewer, or have the limit raised",
			e.Client, e.Has, e.Max, e.Setting)
	}
	if e.Setting == webhook.LimitBytes {
		return fmt.Sprintf("client %s has had as many bytes of events as %s allows, which is %d a day: publish again later", e.Client, e.Setting, e.Max)
	}
	return fmt.Sprintf("client %s has %d pending deliveries, as many as %s allows: resume or delete webhooks that hold them, or publish again later",
		e.Client, e.Has, e.Setting)
}

// fail answers with an error, and logs an error that is the server's own fault. 503 is
// not logged: while its cause lasts, every request would repeat the line.
func (s *Server) fail(ctx *fasthttp.RequestCtx, r *route, err error) {
	p := problemOf(err)
	if p.Status >= fasthttp.StatusInternalServerError && p.Status != fasthttp.StatusServiceUnavailable {
		s.log.LogAttrs(ctx, slog.LevelError, "request failed",
			slog.String("method", r.method), slog.String("route", r.path), slog.Any("error", err))
	}
	p.Write(ctx)
}
