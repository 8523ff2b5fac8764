package httpapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// Bounds of lists.
const (
	defaultLimit = 50
	maxLimit     = 250
)

// checkQuery refuses parameters that the route does not know, and those given
// twice: a misspelt filter must not list everything. What needs no token has no
// filters: monitors and caches may add parameters of their own there. Where there
// is no call, that is the answer, whatever the query.
func checkQuery(ctx *fasthttp.RequestCtx, r *route) error {
	if len(ctx.URI().QueryString()) == 0 || r.method == anyMethod {
		return nil
	}
	var seen []string
	for key := range ctx.QueryArgs().All() {
		name := string(key)
		known := slices.Contains(r.query, name) || name == "client_id" && r.need != needNothing
		switch {
		case r.need == needNothing && (!known || strings.HasSuffix(name, "[]")):
			continue // a list's parameter is given once for each entry
		case !known:
			return invalid(clip(name, maxField), "is not a known query parameter")
		case slices.Contains(seen, name):
			return invalid(name, "is given twice")
		}
		seen = append(seen, name)
	}
	return nil
}

// parameter gives a query parameter; "" if it is absent.
func parameter(ctx *fasthttp.RequestCtx, name string) string {
	return string(ctx.QueryArgs().Peek(name))
}

// limitOf reads the parameter limit.
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

// period is a span of time of acceptance; zero ends are open.
type period struct{ since, until time.Time }

// parsePeriod reads the ends of a period; "" for an open one.
func parsePeriod(since, until string) (p period, err error) {
	if p.since, err = parseTime("since", since); err != nil {
		return p, err
	}
	if p.until, err = parseTime("until", until); err != nil {
		return p, err
	}
	if !p.since.IsZero() && !p.until.IsZero() && !p.since.Before(p.until) {
		return p, invalid("until", "must be later than since")
	}
	return p, nil
}

func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, invalid(field, "must be a time as in RFC 3339, for example 2025-05-17T10:30:45Z")
	}
	return t.UTC(), nil
}

// parseStatus reads a delivery's status; "" is none.
func parseStatus(text string) (webhook.Status, error) {
	if text == "" || slices.Contains(webhook.Statuses, webhook.Status(text)) {
		return webhook.Status(text), nil
	}
	return "", invalid("status", "must be one of queued, processing, retrying, delivered, failed and cancelled")
}
