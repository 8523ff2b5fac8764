// Package exchange has what the handlers of the API share: they read a request's body and
// parameters, and set its answer, through it.
//
// What a single subject has of its own does not belong here; nor do errors (package
// problem), cursors (paging) and callers (auth).
package exchange

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// Body returns a request's body. It refuses an encoded one: decompressing would let a few
// bytes of a request take as much memory as the sender likes. The buffer belongs to the
// request: whatever is kept after the handler returns must be copied.
func Body(ctx *fasthttp.RequestCtx) ([]byte, error) {
	if e := ctx.Request.Header.Peek(fasthttp.HeaderContentEncoding); len(e) > 0 && !bytes.EqualFold(e, []byte("identity")) {
		p := problem.New(problem.Encoding, "Content-Encoding is not supported: send the body as it is")
		p.Field = fasthttp.HeaderContentEncoding
		return nil, p
	}
	return ctx.Request.Body(), nil
}

// Decode reads a request's body, which must be one JSON object, into v, strictly.
func Decode(ctx *fasthttp.RequestCtx, v any) error {
	body, err := Body(ctx)
	if err != nil {
		return err
	}
	return jsonbody.Decode(body, v)
}

// DecodeOptional is Decode for calls whose body may be absent; v is then left as it is.
func DecodeOptional(ctx *fasthttp.RequestCtx, v any) error {
	if jsonbody.IsBlank(ctx.Request.Body()) {
		return nil
	}
	return Decode(ctx, v)
}

// How many entries a page of a list has, without the parameter limit and at the most.
const (
	// DefaultLimit is the number of entries without the parameter.
	DefaultLimit = 50
	// MaxLimit is the most that the parameter may ask for.
	MaxLimit = 250
)

// Parameter returns a query parameter; "" if it is absent.
func Parameter(ctx *fasthttp.RequestCtx, name string) string {
	return string(ctx.QueryArgs().Peek(name))
}

// Limit reads the parameter limit: how many entries a page has at the most.
func Limit(ctx *fasthttp.RequestCtx) (int, error) {
	if !ctx.QueryArgs().Has("limit") {
		return DefaultLimit, nil
	}
	n, err := strconv.Atoi(Parameter(ctx, "limit"))
	if err != nil || n < 1 || n > MaxLimit {
		return 0, problem.OfField("limit", fmt.Sprintf("must be a whole number from 1 to %d", MaxLimit))
	}
	return n, nil
}

// ParseTime reads a time as in RFC 3339; "" is the zero time.
func ParseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := webhook.ParseTime(text)
	if err != nil {
		return t, problem.OfField(field, "must be a time as in RFC 3339, for example 2025-05-17T10:30:45Z")
	}
	return t, nil
}

// TimeParameter returns a query parameter that is a time. An unescaped + in a query is a
// space (application/x-www-form-urlencoded), so a space in the place of an offset's sign
// is read as +.
func TimeParameter(ctx *fasthttp.RequestCtx, name string) string {
	text := Parameter(ctx, name)
	if at := len(text) - len(" 00:00"); at > 0 && text[at] == ' ' {
		return text[:at] + "+" + text[at+1:]
	}
	return text
}

// Listing returns the list of a kind that a caller asks for. of holds what narrows it: the
// thing that it belongs to, and the filters. The caller is a part of the list, since two
// callers see different entries.
func Listing(kind paging.Kind, who *auth.Principal, of ...string) paging.Listing {
	return paging.Listing{Kind: kind, Of: append(of, who.Publisher, who.ClientID, strconv.FormatBool(who.IsAdmin()))}
}

// Path returns the {id} or {name} of the routed path.
func Path(ctx *fasthttp.RequestCtx, name string) string {
	text, _ := ctx.UserValue(name).(string)
	return text
}

// Answer sets v as the answer, in JSON. A line end follows, so that a terminal's prompt
// stands on a line of its own.
func Answer(ctx *fasthttp.RequestCtx, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store") // it may hold a secret
	ctx.Response.SetBodyRaw(append(body, '\n'))
	return nil
}

// Page is one page of a list.
type Page[T any] struct {
	Data []T `json:"data"`
	// NextCursor continues the list; absent at its end.
	NextCursor string `json:"next_cursor,omitzero"`
}
