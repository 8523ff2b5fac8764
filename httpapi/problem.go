package httpapi

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// contentProblem is the media type of an error (RFC 9457, section 3).
const contentProblem = "application/problem+json"

// problem is an error as the caller sees it: a problem document (RFC 9457).
type problem struct {
	// Type is a name for programs to compare: problemType and a code.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitzero"`
	// Field is the path of the one field at fault, or the name of a parameter or header.
	Field string `json:"field,omitzero"`
	// Errors lists all fields at fault, when there are several.
	Errors []fieldProblem `json:"errors,omitzero"`
	// Suggestions are values that may have been meant.
	Suggestions []string `json:"suggestions,omitzero"`
	// EventID is the event that an idempotency key stands for.
	EventID string `json:"event_id,omitzero"`

	retryAfter time.Duration
	challenge  string // WWW-Authenticate
	cause      error  // for the log only
}

// fieldProblem is one of several fields at fault.
type fieldProblem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// problemType is the prefix of every problem's type.
const problemType = "urn:astrohook:problem:"

// code is what kind of problem it is: the end of its type.
type code string

// The codes.
const (
	codeMalformed       code = "malformed"
	codeUnauthenticated code = "unauthenticated"
	codeForbidden       code = "forbidden"
	codeNotFound        code = "not-found"
	codeMethod          code = "method-not-allowed"
	codeTimeout         code = "request-timeout"
	codeExists          code = "already-exists"
	codeConflict        code = "conflict"
	codeTooLarge        code = "too-large"
	codeEncoding        code = "unsupported-encoding"
	codeExpectation     code = "expectation-failed"
	codeInvalid         code = "invalid"
	codeUnknownType     code = "unknown-event-type"
	codeKeyReused       code = "idempotency-key-reused"
	codeFanOut          code = "too-many-webhooks"
	codeTooManyPending  code = "too-many-pending"
	codeClientLimit     code = "client-limit"
	codeTooMany         code = "too-many-requests"
	codeHeader          code = "header-too-large"
	codeInternal        code = "internal"
	codeUnavailable     code = "unavailable"
	codeShuttingDown    code = "shutting-down"
	codeDiskReserve     code = "disk-reserve"
)

// kinds tells status and title of each code.
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

func newProblem(c code, detail string) *problem {
	k := kinds[c]
	return &problem{Type: problemType + string(c), Title: k.title, Status: k.status, Detail: detail}
}

// Error is what the log shows.
func (p *problem) Error() string {
	if p.cause != nil {
		return p.cause.Error()
	}
	return p.Detail
}

// Unwrap gives the cause.
func (p *problem) Unwrap() error { return p.cause }

// invalid is the error of a field with a value that is not allowed; reason reads
// on from the field's name.
func invalid(field, reason string) error {
	return &webhook.FieldError{Field: field, Reason: reason}
}

// write makes the problem the answer.
func (p *problem) write(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	if p.challenge != "" {
		h.Set(fasthttp.HeaderWWWAuthenticate, p.challenge)
	}
	if p.retryAfter > 0 {
		h.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retrySeconds(p.retryAfter)))
	}
	body, _ := json.Marshal(p, jsontext.AllowInvalidUTF8(true)) // strings and numbers: it cannot fail
	ctx.SetStatusCode(p.Status)
	ctx.SetContentType(contentProblem)
	ctx.Response.SetBodyRaw(append(body, '\n'))
}

// retrySeconds gives a wait as Retry-After writes it: whole seconds, rounded up.
func retrySeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
