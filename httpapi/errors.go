package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/eventtypes"
	"github.com/corpastro/astrohook/httpapi/inbound"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// contentProblem is the media type of an error (RFC 9457, section 3).
const contentProblem = "application/problem+json"

// problem is an error as the caller sees it: a problem document (RFC 9457).
type problem struct {
	// Type is what programs compare: problemType and a code.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitzero"`
	// Field is the path of the one field at fault, or the name of a parameter or header.
	Field string `json:"field,omitzero"`
	// Errors lists all fields at fault if there are several.
	Errors []fieldProblem `json:"errors,omitzero"`
	// Suggestions are values that may have been meant.
	Suggestions []string `json:"suggestions,omitzero"`
	// EventID is the event that was published under the same idempotency key.
	EventID string `json:"event_id,omitzero"`

	// retryAfter becomes the header Retry-After; zero means none.
	retryAfter time.Duration
	challenge  string // the header WWW-Authenticate
	cause      error  // for the log only
}

// fieldProblem is one of several fields at fault. A form can show each beside its field.
type fieldProblem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// problemType is the prefix of every problem's type.
const problemType = "urn:astrohook:problem:"

// code is the kind of a problem: the end of its type. Codes are part of the API.
type code string

// The codes, by what the caller can do about them.
const (
	// The bytes cannot be read as a request, or are more than is read.
	codeMalformed   code = "malformed"
	codeTimeout     code = "request-timeout"
	codeTooLarge    code = "too-large"
	codeEncoding    code = "unsupported-encoding"
	codeExpectation code = "expectation-failed"
	codeHeader      code = "header-too-large"
	// The credential is missing or refused, or does not allow the call.
	codeUnauthenticated code = "unauthenticated"
	codeForbidden       code = "forbidden"
	// There is no such thing or call. What belongs to another client is not found
	// either: its existence is a secret.
	codeNotFound code = "not-found"
	codeMethod   code = "method-not-allowed"
	// Another state would allow the call, and the caller can bring it about.
	codeExists   code = "already-exists"
	codeConflict code = "conflict"
	// The request can be read and is not allowed: the same one is refused again.
	codeInvalid     code = "invalid"
	codeUnknownType code = "unknown-event-type"
	codeKeyReused   code = "idempotency-key-reused"
	codeFanOut      code = "too-many-webhooks"
	// The caller has as much as it may have, now or altogether.
	codeTooManyPending code = "too-many-pending"
	codeClientLimit    code = "client-limit"
	codeTooMany        code = "too-many-requests"
	// The server cannot do it, now or at all: the caller is not at fault.
	codeInternal     code = "internal"
	codeUnavailable  code = "unavailable"
	codeShuttingDown code = "shutting-down"
	codeDiskReserve  code = "disk-reserve"
)

// kinds has the status and the title of each code.
var kinds = map[code]struct {
	status int
	title  string
}{
	codeMalformed:       {fasthttp.StatusBadRequest, "The request is not well-formed"},
	codeUnauthenticated: {fasthttp.StatusUnauthorized, "Not authenticated"},
	codeForbidden:       {fasthttp.StatusForbidden, "Not allowed"},
	codeNotFound:        {fasthttp.StatusNotFound, "Not found"},
	codeMethod:          {fasthttp.StatusMethodNotAllowed, "Method not allowed"},
	codeTimeout:         {fasthttp.StatusRequestTimeout, "The request took too long"},
	codeExists:          {fasthttp.StatusConflict, "Already exists"},
	codeConflict:        {fasthttp.StatusConflict, "Conflict with the present state"},
	codeTooLarge:        {fasthttp.StatusRequestEntityTooLarge, "Too large"},
	codeEncoding:        {fasthttp.StatusUnsupportedMediaType, "The body is encoded"},
	codeExpectation:     {fasthttp.StatusExpectationFailed, "The expectation cannot be met"},
	codeInvalid:         {fasthttp.StatusUnprocessableEntity, "Invalid input"},
	codeUnknownType:     {fasthttp.StatusUnprocessableEntity, "Unknown event type"},
	codeKeyReused:       {fasthttp.StatusUnprocessableEntity, "The idempotency key was used for another event"},
	codeFanOut:          {fasthttp.StatusUnprocessableEntity, "Too many webhooks match"},
	codeTooManyPending:  {fasthttp.StatusTooManyRequests, "Too many deliveries pending"},
	codeClientLimit:     {fasthttp.StatusConflict, "The client's limit is reached"},
	codeTooMany:         {fasthttp.StatusTooManyRequests, "Too many requests"},
	codeHeader:          {fasthttp.StatusRequestHeaderFieldsTooLarge, "The headers are too large"},
	codeInternal:        {fasthttp.StatusInternalServerError, "Internal error"},
	codeUnavailable:     {fasthttp.StatusServiceUnavailable, "Not available now"},
	codeShuttingDown:    {fasthttp.StatusServiceUnavailable, "Shutting down"},
	codeDiskReserve:     {fasthttp.StatusServiceUnavailable, "Free disk space is below the reserve"},
}

// newProblem returns a problem of this kind; detail is a sentence for the caller.
func newProblem(c code, detail string) *problem {
	k := kinds[c]
	return &problem{Type: problemType + string(c), Title: k.title, Status: k.status, Detail: detail}
}

// Error returns the text for the log: the cause if there is one, otherwise the detail.
func (p *problem) Error() string {
	if p.cause != nil {
		return p.cause.Error()
	}
	return p.Detail
}

// Unwrap returns the cause.
func (p *problem) Unwrap() error { return p.cause }

// invalid is the error of a field whose value is not allowed; reason continues a
// sentence that begins with the field's name.
func invalid(field, reason string) error {
	return &webhook.FieldError{Field: field, Reason: reason}
}

// write sets the problem as the answer.
func (p *problem) write(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	if p.challenge != "" {
		h.Set(fasthttp.HeaderWWWAuthenticate, p.challenge)
	}
	if p.retryAfter > 0 {
		h.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retrySeconds(p.retryAfter)))
	}
	ctx.SetStatusCode(p.Status)
	ctx.SetContentType(contentProblem)
	ctx.Response.SetBodyRaw(append(p.text(), '\n'))
}

// text returns the problem's JSON. It cannot fail: the members are strings and numbers,
// and what came from outside may be invalid UTF-8.
func (p *problem) text() []byte {
	text, _ := json.Marshal(p, jsontext.AllowInvalidUTF8(true))
	return text
}

// retrySeconds returns a wait as the header Retry-After has it: in whole seconds,
// rounded up, and at least one.
func retrySeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// defaultRetryAfter is the wait that an answer asks for when its error passes by itself
// and does not say when.
const defaultRetryAfter = 5 * time.Second

// errorTable maps the errors of other parts to problems. The first match counts. It is
// the only place where an error gets its status.
var errorTable = []struct {
	err    error
	code   code
	detail string
}{
	{auth.ErrTooManyAPIKeys, codeConflict, auth.ErrTooManyAPIKeys.Error()},
	{eventtypes.ErrFull, codeConflict, eventtypes.ErrFull.Error()},
	{errNotInForce, codeUnavailable, errNotInForce.Error()},
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
	{webhook.ErrUnavailable, codeUnavailable, "storage cannot be reached at present; try again later"},
	{webhook.ErrFenced, codeUnavailable, "this server is no longer a part of its cluster; try again later"},
	{webhook.ErrStale, codeUnavailable, "webhooks are being changed; try again later"},
	{paging.ErrCursor, codeMalformed, ""},
	{eventinput.ErrTooLarge, codeTooLarge, ""},
	{canonicaljson.ErrTooDeep, codeMalformed, ""},
	{canonicaljson.ErrSyntax, codeMalformed, ""},
	{canonicaljson.ErrDuplicateKey, codeMalformed, ""},
	{canonicaljson.ErrInvalidUTF8, codeMalformed, ""},
	{context.DeadlineExceeded, codeUnavailable, "the server did not finish in time"},
	{context.Canceled, codeShuttingDown, "the server is stopping"},
}

// refusals has the code of each kind of refusal by the inbound package.
var refusals = map[error]code{
	inbound.ErrMalformed:    codeMalformed,
	inbound.ErrExpectation:  codeExpectation,
	inbound.ErrTooLarge:     codeTooLarge,
	inbound.ErrHeadTooLarge: codeHeader,
	inbound.ErrTimeout:      codeTimeout,
	inbound.ErrGivenUp:      codeUnavailable,
}

// refused returns the problem that stands for a request that was refused before its
// route saw it.
func refused(r *inbound.Refusal) *problem {
	if errors.Is(r.Kind, inbound.ErrNoMemory) {
		return crowdedOut(r.Cause, "large bodies are being received")
	}
	p := newProblem(refusals[r.Kind], r.Detail)
	p.Field, p.cause = r.Field, r.Cause
	return p
}

// problemOf returns the problem that stands for an error.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if r, ok := errors.AsType[*inbound.Refusal](err); ok {
		return refused(r)
	}
	if faults, ok := errors.AsType[jsonbody.Faults](err); ok {
		return problemOfFaults(faults)
	}
	if many, ok := errors.AsType[*registration.TooManySecretsError](err); ok {
		return conflict(many.Error())
	}
	if unknown, ok := errors.AsType[*eventtypes.UnknownError](err); ok {
		return unknownType(unknown)
	}
	// An error that nothing below knows is the server's own: its text is for the log, as
	// it may name files and addresses.
	p := newProblem(codeInternal, "something went wrong inside the server")
	field, isField := errors.AsType[*webhook.FieldError](err)
	if isField {
		p = newProblem(codeInvalid, "")
	}
	for _, a := range errorTable {
		if errors.Is(err, a.err) {
			p = newProblem(a.code, a.detail)
			break
		}
	}
	p.cause = err
	if limit, ok := errors.AsType[*webhook.LimitError](err); ok {
		p.Detail = limitDetail(limit)
	}
	if isField { // the field's own sentence says more than the table
		p.Field, p.Detail = field.Field, field.Error()
	}
	// A caller who is not told when to come back comes back at once.
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

// unknownType returns the problem of an event type that the registry does not have. It
// says what to do, because the first event of a new publisher often meets it.
func unknownType(e *eventtypes.UnknownError) *problem {
	p := newProblem(codeUnknownType, fmt.Sprintf("%v: register it with POST /api/event-types {\"name\":%q} "+
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
	p.write(ctx)
}

// conflict is the error of a change that the present state does not allow; detail is a
// sentence for the caller.
func conflict(detail string) *problem {
	p := newProblem(codeConflict, detail)
	p.cause = webhook.ErrConflict
	return p
}
