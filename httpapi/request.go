package httpapi

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/webhook"
)

// This file has what the handlers read of a request: its body, its parameters, the list
// that it asks for.

// optional is a member of a JSON body that may be absent or null.
type optional[T any] = jsonbody.Optional[T]

// bodyOf returns a request's body. It refuses an encoded one: decompressing would let a few
// bytes of a request take as much memory as the sender likes. The buffer belongs to the request: whatever is kept
// after the handler returns must be copied.
func bodyOf(ctx *fasthttp.RequestCtx) ([]byte, error) {
	if e := ctx.Request.Header.Peek(fasthttp.HeaderContentEncoding); len(e) > 0 && !bytes.EqualFold(e, []byte("identity")) {
		p := newProblem(codeEncoding, "Content-Encoding is not supported: send the body as it is")
		p.Field = fasthttp.HeaderContentEncoding
		return nil, p
	}
	return ctx.Request.Body(), nil
}

// decode reads a request's body, which must be one JSON object, into v, strictly.
func decode(ctx *fasthttp.RequestCtx, v any) error {
	body, err := bodyOf(ctx)
	if err != nil {
		return err
	}
	return jsonbody.Decode(body, v)
}

// decodeOptional is decode for calls whose body may be absent; v is then left as it is.
func decodeOptional(ctx *fasthttp.RequestCtx, v any) error {
	if jsonbody.IsBlank(ctx.Request.Body()) {
		return nil
	}
	return decode(ctx, v)
}

// How many entries a page of a list has, without the parameter limit and at the most.
const (
	defaultLimit = 50
	maxLimit     = 250
)

// checkQuery refuses parameters that the route does not know, and those given twice: a
// misspelt filter must not list everything. Routes without a token have no filters, so
// monitors and caches may add parameters of their own there. A route that matches every
// method answers that there is no such call, whatever the query.
func checkQuery(ctx *fasthttp.RequestCtx, r *route) error {
	if len(ctx.URI().QueryString()) == 0 || r.method == anyMethod {
		return nil
	}
	var seen []string
	for key := range ctx.QueryArgs().All() {
		name := string(key)
		known := slices.Contains(r.query, name) || name == "client_id" && r.need != auth.NeedNothing
		switch {
		case r.need == auth.NeedNothing && (!known || strings.HasSuffix(name, "[]")):
			continue // a list's parameter is given once for each entry
		case !known:
			return invalid(jsonbody.Clip(name, jsonbody.MaxField), "is not a known query parameter")
		case slices.Contains(seen, name):
			return invalid(name, "is given twice")
		}
		seen = append(seen, name)
	}
	return nil
}

// parameter returns a query parameter; "" if it is absent.
func parameter(ctx *fasthttp.RequestCtx, name string) string {
	return string(ctx.QueryArgs().Peek(name))
}

// limitOf reads the parameter limit: how many entries a page has at the most.
func limitOf(ctx *fasthttp.RequestCtx) (int, error) {
	if !ctx.QueryArgs().Has("limit") {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(parameter(ctx, "limit"))
	if err != nil || n < 1 || n > maxLimit {
		return 0, invalid("limit", fmt.Sprintf("must be a whole number from 1 to %d", maxLimit))
	}
	return n, nil
}

// parseTime reads a time as in RFC 3339; "" is the zero time.
func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := webhook.ParseTime(text)
	if err != nil {
		return t, invalid(field, "must be a time as in RFC 3339, for example 2025-05-17T10:30:45Z")
	}
	return t, nil
}

// timeParameter returns a query parameter that is a time. An unescaped + in a query is a
// space (application/x-www-form-urlencoded), so a space in the place of an offset's sign
// is read as +.
func timeParameter(ctx *fasthttp.RequestCtx, name string) string {
	text := parameter(ctx, name)
	if at := len(text) - len(" 00:00"); at > 0 && text[at] == ' ' {
		return text[:at] + "+" + text[at+1:]
	}
	return text
}

// parseStatus reads a delivery's status; "" is none.
func parseStatus(text string) (webhook.Status, error) {
	if text == "" || slices.Contains(webhook.Statuses, webhook.Status(text)) {
		return webhook.Status(text), nil
	}
	return "", invalid("status", "must be one of queued, processing, retrying, delivered, failed and cancelled")
}

// listingOf returns the list of a kind that a caller asks for. of holds what narrows it: the
// thing that it belongs to, and the filters. The caller is a part of the list, since two
// callers see different entries.
func listingOf(kind paging.Kind, who *auth.Principal, of ...string) paging.Listing {
	return paging.Listing{Kind: kind, Of: append(of, who.Publisher, who.ClientID, strconv.FormatBool(who.IsAdmin()))}
}

// deliveryListing is listingOf for the deliveries of a period that q selects.
func deliveryListing(kind paging.Kind, who *auth.Principal, q *webhook.DeliveryQuery, p *paging.Period) paging.Listing {
	filters := append([]string{strconv.FormatUint(uint64(q.Endpoint), 10), string(q.Status), q.EventType}, p.Filters()...)
	l := listingOf(kind, who, filters...)
	l.Period = p
	return l
}
