package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// defaultRetryAfter is asked for when an error goes away by itself but does not say when.
const defaultRetryAfter = 5 * time.Second

// answers is the table from the errors of other parts to problems. The first that
// matches holds.
var answers = []struct {
	err    error
	code   code
	detail string
}{
	{webhook.ErrNotFound, codeNotFound, "there is no such thing, or it belongs to another client"},
	{webhook.ErrExists, codeExists, "a thing of that name is there already"},
	{registration.ErrDisabled, codeConflict, registration.ErrDisabled.Error()},
	{webhook.ErrConflict, codeConflict, "the present state does not allow this"},
	{webhook.ErrTooManyPending, codeTooManyPending, "too many deliveries are pending; publish again later"},
	{webhook.ErrClientLimit, codeClientLimit, "the client has as much as it may have"},
	{webhook.ErrShareUsed, codeTooMany, "too many of this caller's events are being stored; publish again when some are"},
	{webhook.ErrAllUsed, codeUnavailable, "more events arrive than can be stored; publish again later"},
	{webhook.ErrDiskReserve, codeDiskReserve, "nothing is accepted until there is free disk space again"},
	{webhook.ErrShuttingDown, codeShuttingDown, "the server is stopping"},
	{webhook.ErrBlockedAddress, codeInvalid, "the address is not allowed"},
	{webhook.ErrFanOut, codeFanOut, "the event matches more webhooks than one event can be delivered to"},
	{webhook.ErrBroken, codeUnavailable, "the server cannot store anything until it is restarted"},
	{paging.ErrCursor, codeMalformed, ""},
	{eventinput.ErrTooLarge, codeTooLarge, ""},
	{canonicaljson.ErrTooDeep, codeMalformed, ""},
	{canonicaljson.ErrSyntax, codeMalformed, ""},
	{canonicaljson.ErrDuplicateKey, codeMalformed, ""},
	{canonicaljson.ErrInvalidUTF8, codeMalformed, ""},
	{context.DeadlineExceeded, codeUnavailable, "the server did not finish in time"},
	{context.Canceled, codeShuttingDown, "the server is stopping"},
}

// problemOf gives the problem that stands for an error.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if faults, ok := errors.AsType[jsonbody.Faults](err); ok {
		return problemOfFaults(faults)
	}
	p := newProblem(codeInternal, "something went wrong inside the server")
	field, isField := errors.AsType[*webhook.FieldError](err)
	if isField {
		p = newProblem(codeInvalid, "")
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			p = newProblem(a.code, a.detail)
			break
		}
	}
	p.cause = err
	if limit, ok := errors.AsType[*webhook.LimitError](err); ok {
		p.Detail = limitDetail(limit)
	}
	if isField {
		p.Field, p.Detail = field.Field, field.Error()
	}
	if p.Status == fasthttp.StatusTooManyRequests || p.Status == fasthttp.StatusServiceUnavailable {
		p.retryAfter = defaultRetryAfter
	}
	if later, ok := errors.AsType[*webhook.RetryAfterError](err); ok && p.retryAfter > 0 && later.After > 0 {
		p.retryAfter = later.After
	}
	return p
}

// problemOfFaults returns the problem of an input with several faults: that of the first
// one, with the list of all.
func problemOfFaults(faults jsonbody.Faults) *problem {
	p := *problemOf(faults[0])
	for _, err := range faults {
		one := problemOf(err)
		p.Errors = append(p.Errors, fieldProblem{Field: one.Field, Detail: one.Detail})
	}
	return &p
}

// limitDetail says which limit a client has reached, and what can be done.
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

// fail answers with an error. What is the server's own fault is logged.
func (s *Server) fail(ctx *fasthttp.RequestCtx, r *route, err error) {
	p := problemOf(err)
	if p.Status >= fasthttp.StatusInternalServerError && p.Status != fasthttp.StatusServiceUnavailable {
		s.log.LogAttrs(ctx, slog.LevelError, "request failed",
			slog.String("method", r.method), slog.String("route", r.path), slog.Any("error", err))
	}
	p.write(ctx)
}

// conflict is the error of a change that the present state does not allow.
func conflict(detail string) error {
	p := newProblem(codeConflict, detail)
	p.cause = webhook.ErrConflict
	return p
}
