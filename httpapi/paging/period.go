package paging

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Period is a span of time in which events were accepted: since ≤ t < until.
type Period struct {
	since, until end
	// now is what relative ends count from. The pages of a list share that of the first.
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

// String distinguishes ends in the listing of a cursor. A relative end has the same text
// on every page, although it stands for another time.
func (e end) String() string {
	if e.ago > 0 {
		return e.ago.String() + " ago"
	}
	return e.at.Format(time.RFC3339Nano)
}

// relative reports whether an end counts from now.
func (p *Period) relative() bool { return p.since.ago > 0 || p.until.ago > 0 }

// Filters returns the texts of both ends, for Listing.Of.
func (p *Period) Filters() []string { return []string{p.since.String(), p.until.String()} }

// Narrow makes a query select the period only, as Span says.
func (p *Period) Narrow(q *webhook.DeliveryQuery) { q.Since, q.Until = p.Span() }

// Span returns the ends of the period as times; zero for open ones. It must be called after
// the cursor was read, which may set the time that relative ends count from.
func (p *Period) Span() (since, until time.Time) { return p.since.time(p.now), p.until.time(p.now) }

// ParsePeriod reads the ends of a period; "" is an open one. The errors are those of the
// fields since and until.
func ParsePeriod(since, until string, now time.Time) (p Period, err error) {
	p.now = now.UTC().Truncate(time.Millisecond) // as a cursor keeps it
	if p.since, err = parseEnd("since", since); err != nil {
		return p, err
	}
	if p.until, err = parseEnd("until", until); err != nil {
		return p, err
	}
	from, to := p.since.time(p.now), p.until.time(p.now)
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return p, &webhook.FieldError{Field: "until", Reason: "must be later than since"}
	}
	return p, nil
}

// maxAgo bounds a relative end: longer ago than any event was accepted. It keeps the
// subtraction from overflowing.
const maxAgo = 100 * 365 * 24 * time.Hour

// parseEnd reads an end of a period: a time, or a duration before now.
func parseEnd(field, text string) (end, error) {
	if text == "" {
		return end{}, nil
	}
	if ago, err := webhook.ParseDuration(text); err == nil && ago > 0 && ago <= maxAgo {
		return end{ago: ago}, nil
	}
	t, err := webhook.ParseTime(text)
	if err != nil {
		return end{}, &webhook.FieldError{
			Field: field, Reason: "must be a time as in RFC 3339, for example 2025-05-17T10:30:45Z, or so long ago, for example 1h or 7d",
		}
	}
	return end{at: t}, nil
}
