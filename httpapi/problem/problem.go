// Package problem has the answers to calls that fail: problem documents (RFC 9457) with
// their codes, which are part of the API.
//
// What belongs here: the kinds of problems, and how one is written as an answer. What does
// not: which error of which part becomes which problem. Package httpapi has that table.
package problem

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// MediaType is the media type of an error (RFC 9457, section 3).
const MediaType = "application/problem+json"

// Problem is an error as the caller sees it: a problem document (RFC 9457).
type Problem struct {
	// Type is what programs compare: TypePrefix and a code.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitzero"`
	// Field is the path of the one field at fault, or the name of a parameter or header.
	Field string `json:"field,omitzero"`
	// Errors lists all fields at fault if there are several.
	Errors []Field `json:"errors,omitzero"`
	// Suggestions are values that may have been meant.
	Suggestions []string `json:"suggestions,omitzero"`
	// EventID is the event that was published under the same idempotency key.
	EventID string `json:"event_id,omitzero"`

	// RetryAfter becomes the header Retry-After; zero means none.
	RetryAfter time.Duration `json:"-"`
	Challenge  string        `json:"-"` // the header WWW-Authenticate
	Cause      error         `json:"-"` // for the log only
}

// Field is one of several fields at fault. A form can show each beside its field.
type Field struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// TypePrefix is the prefix of every problem's type.
const TypePrefix = "urn:astrohook:problem:"

// Code is the kind of a problem: the end of its type. Codes are part of the API.
type Code string

// The codes, by what the caller can do about them.
const (
	// The bytes cannot be read as a request, or are more than is read.
	Malformed   Code = "malformed"
	Timeout     Code = "request-timeout"
	TooLarge    Code = "too-large"
	Encoding    Code = "unsupported-encoding"
	Expectation Code = "expectation-failed"
	Header      Code = "header-too-large"
	// The credential is missing or refused, or does not allow the call.
	Unauthenticated Code = "unauthenticated"
	Forbidden       Code = "forbidden"
	// There is no such thing or call. What belongs to another client is not found
	// either: its existence is a secret.
	NotFound Code = "not-found"
	Method   Code = "method-not-allowed"
	// Another state would allow the call, and the caller can bring it about.
	Exists   Code = "already-exists"
	Conflict Code = "conflict"
	// The request can be read and is not allowed: the same one is refused again.
	Invalid     Code = "invalid"
	UnknownType Code = "unknown-event-type"
	KeyReused   Code = "idempotency-key-reused"
	FanOut      Code = "too-many-webhooks"
	// The caller has as much as it may have, now or altogether.
	TooManyPending Code = "too-many-pending"
	ClientLimit    Code = "client-limit"
	TooMany        Code = "too-many-requests"
	// The server cannot do it, now or at all: the caller is not at fault.
	Internal     Code = "internal"
	Unavailable  Code = "unavailable"
	ShuttingDown Code = "shutting-down"
	DiskReserve  Code = "disk-reserve"
)

// kinds has the status and the title of each code.
var kinds = map[Code]struct {
	status int
	title  string
}{
	Malformed:       {fasthttp.StatusBadRequest, "The request is not well-formed"},
	Unauthenticated: {fasthttp.StatusUnauthorized, "Not authenticated"},
	Forbidden:       {fasthttp.StatusForbidden, "Not allowed"},
	NotFound:        {fasthttp.StatusNotFound, "Not found"},
	Method:          {fasthttp.StatusMethodNotAllowed, "Method not allowed"},
	Timeout:         {fasthttp.StatusRequestTimeout, "The request took too long"},
	Exists:          {fasthttp.StatusConflict, "Already exists"},
	Conflict:        {fasthttp.StatusConflict, "Conflict with the present state"},
	TooLarge:        {fasthttp.StatusRequestEntityTooLarge, "Too large"},
	Encoding:        {fasthttp.StatusUnsupportedMediaType, "The body is encoded"},
	Expectation:     {fasthttp.StatusExpectationFailed, "The expectation cannot be met"},
	Invalid:         {fasthttp.StatusUnprocessableEntity, "Invalid input"},
	UnknownType:     {fasthttp.StatusUnprocessableEntity, "Unknown event type"},
	KeyReused:       {fasthttp.StatusUnprocessableEntity, "The idempotency key was used for another event"},
	FanOut:          {fasthttp.StatusUnprocessableEntity, "Too many webhooks match"},
	TooManyPending:  {fasthttp.StatusTooManyRequests, "Too many deliveries pending"},
	ClientLimit:     {fasthttp.StatusConflict, "The client's limit is reached"},
	TooMany:         {fasthttp.StatusTooManyRequests, "Too many requests"},
	Header:          {fasthttp.StatusRequestHeaderFieldsTooLarge, "The headers are too large"},
	Internal:        {fasthttp.StatusInternalServerError, "Internal error"},
	Unavailable:     {fasthttp.StatusServiceUnavailable, "Not available now"},
	ShuttingDown:    {fasthttp.StatusServiceUnavailable, "Shutting down"},
	DiskReserve:     {fasthttp.StatusServiceUnavailable, "Free disk space is below the reserve"},
}

// New returns a problem of this kind; detail is a sentence for the caller.
func New(c Code, detail string) *Problem {
	k := kinds[c]
	return &Problem{Type: TypePrefix + string(c), Title: k.title, Status: k.status, Detail: detail}
}

// Challenge is the header WWW-Authenticate of a credential that is missing or refused
// (RFC 6750, section 3).
const Challenge = `Bearer realm="astrohook"`

// ScopeChallenge is that of a credential that does not allow the call; scope is the one
// that would, "" if none does.
func ScopeChallenge(scope string) string {
	challenge := Challenge + `, error="insufficient_scope"`
	if scope != "" {
		challenge += `, scope="` + scope + `"`
	}
	return challenge
}

// Error returns the text for the log: the cause if there is one, otherwise the detail.
func (p *Problem) Error() string {
	if p.Cause != nil {
		return p.Cause.Error()
	}
	return p.Detail
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// OfField is the error of a field whose value is not allowed; reason continues a
// sentence that begins with the field's name.
func OfField(field, reason string) error {
	return &webhook.FieldError{Field: field, Reason: reason}
}

// Write sets the problem as the answer.
func (p *Problem) Write(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	if p.Challenge != "" {
		h.Set(fasthttp.HeaderWWWAuthenticate, p.Challenge)
	}
	if p.RetryAfter > 0 {
		h.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(RetrySeconds(p.RetryAfter)))
	}
	ctx.SetStatusCode(p.Status)
	ctx.SetContentType(MediaType)
	ctx.Response.SetBodyRaw(append(p.Text(), '\n'))
}

// Text returns the problem's JSON. It cannot fail: the members are strings and numbers,
// and what came from outside may be invalid UTF-8.
func (p *Problem) Text() []byte {
	text, _ := json.Marshal(p, jsontext.AllowInvalidUTF8(true))
	return text
}

// RetrySeconds returns a wait as the header Retry-After has it: in whole seconds,
// rounded up, and at least one.
func RetrySeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// DefaultRetryAfter is the wait that an answer asks for when its error passes by itself
// and does not say when.
const DefaultRetryAfter = 5 * time.Second

// InConflict is the error of a change that the present state does not allow; detail is a
// sentence for the caller.
func InConflict(detail string) *Problem {
	p := New(Conflict, detail)
	p.Cause = webhook.ErrConflict
	return p
}
