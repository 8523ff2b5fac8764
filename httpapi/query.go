package httpapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
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
			return invalid(clip(name, jsonbody.MaxField), "is not a known query parameter")
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

// period is a span of time of acceptance.
type period struct {
	since, until end
	// now is what relative ends count from. A list that goes on keeps that of its first page.
	now time.Time
}

// end is an end of a period: a time, or so long ago; zero for an open one.
type end struct {
	at  time.Time
	ago time.Duration
}

// time returns the end as a time; zero for an open one.
func (e end) time(now time.Time) time.Time {
	if e.ago > 0 {
		return now.Add(-e.ago)
	}
	return e.at
}

// String is what tells the ends of lists apart: an end that is relative is the same
// on every page.
func (e end) String() string {
	if e.ago > 0 {
		return e.ago.String() + " ago"
	}
	return e.at.Format(time.RFC3339Nano)
}

// relative reports whether an end counts from now.
func (p *period) relative() bool { return p.since.ago > 0 || p.until.ago > 0 }

// narrow makes a query select the period only.
func (p *period) narrow(q *webhook.DeliveryQuery) {
	q.Since, q.Until = p.since.time(p.now), p.until.time(p.now)
}

// parsePeriod reads the ends of a period; "" for an open one.
func parsePeriod(since, until string, now time.Time) (p period, err error) {
	p.now = now.UTC().Truncate(time.Millisecond)
	if p.since, err = parseEnd("since", since); err != nil {
		return p, err
	}
	if p.until, err = parseEnd("until", until); err != nil {
		return p, err
	}
	from, to := p.since.time(p.now), p.until.time(p.now)
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return p, invalid("until", "must be later than since")
	}
	return p, nil
}

// maxAgo bounds a relative end: longer ago than anything was accepted.
const maxAgo = 100 * 365 * 24 * time.Hour

// parseEnd reads an end of a period, a time or a duration before now.
func parseEnd(field, text string) (end, error) {
	if text == "" {
		return end{}, nil
	}
	if ago, err := webhook.ParseDuration(text); err == nil && ago > 0 && ago <= maxAgo {
		return end{ago: ago}, nil
	}
	t, err := webhook.ParseTime(text)
	if err != nil {
		return end{}, invalid(field, "must be a time as in RFC 3339, for example 2025-05-17T10:30:45Z, or so long ago, for example 1h or 7d")
	}
	return end{at: t}, nil
}

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

// timeParameter gives a query parameter that is a time. In a query an unescaped +
// is a space: where the sign of an offset stands, it is read as one.
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
