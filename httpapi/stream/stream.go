// Package stream shows what happens while it happens: GET /api/stream, as server-sent
// events (WHATWG HTML, section 9.2). It has the streams that are open, what bounds them,
// and how items are written.
//
// Which items there are, and what a reader has lost, is found out by the feed behind it.
package stream

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

// Feed is where items come from.
type Feed interface {
	// Publish adds what the API itself brings about.
	Publish(i live.Item)
	// Subscribe returns a reader of what q selects. It never slows the feed down.
	Subscribe(q live.Query) Reader
}

// Reader is what one stream reads.
type Reader interface {
	// Next returns what waits for the reader. If there is nothing it waits for that long,
	// or until ctx ends, and then returns a batch without items.
	Next(ctx context.Context, wait time.Duration) live.Batch
	// Close ends the reader.
	Close()
}

// MaxStreams bounds the open streams of all callers together.
const MaxStreams = 256

// Options are the parts of Streams. All are needed.
type Options struct {
	Feed Feed
	// Connections bounds the open connections of the server, of which streams may take a
	// quarter.
	Connections int
	// Write bounds the time in which a client takes a piece of a stream.
	Write time.Duration
	// Webhook returns the number of the webhook with this ID, if the caller sees it.
	Webhook func(who *auth.Principal, id string) (webhook.EndpointNumber, error)
	// Recheck returns a function that returns an error once the credential of a request
	// does not admit its caller any more.
	Recheck  func(ctx *fasthttp.RequestCtx) func() error
	Registry prometheus.Registerer
}

// Streams are the open streams of a server.
type Streams struct {
	options Options
	open    *webhook.Shares // by account
	gauge   prometheus.Gauge
	texts   texts
	ctx     context.Context // ends with Close
	end     context.CancelFunc
}

// New returns Streams, none of which is open.
func New(o Options) (*Streams, error) {
	s := &Streams{options: o, open: webhook.NewShares(int64(max(1, min(MaxStreams, o.Connections/4))))}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.gauge = prometheus.NewGauge(prometheus.GaugeOpts{Name: "astrohook_streams", Help: "Open streams of GET /api/stream."})
	return s, o.Registry.Register(s.gauge)
}

// Close ends all streams soon, and every later one at once. It does not wait.
func (s *Streams) Close() { s.end() }

// Query are the parameters of the call, apart from client_id.
var Query = []string{"kind", "webhook_id", "event_type", "status"}

// Open answers with a stream of what happens to the webhooks that the caller sees.
func (s *Streams) Open(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	q, err := s.query(ctx, who)
	if err != nil {
		return err
	}
	if err := s.open.Take(who.Account, 1); err != nil {
		return crowded(err)
	}
	s.gauge.Inc()
	ctx.SetContentType("text/event-stream")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.Response.Header.Set("X-Accel-Buffering", "no") // nginx would gather items
	ctx.SetConnectionClose()
	ctx.SetBodyStream(&body{
		streams: s, account: who.Account, query: q, valid: s.options.Recheck(ctx), request: ctx, conn: ctx.Conn(),
	}, -1)
	return nil
}

// crowded is the error of a caller who has its share of streams, or who comes when all are
// taken.
func crowded(err error) error {
	p := problem.New(problem.Unavailable, "too many streams are open")
	if errors.Is(err, webhook.ErrShareUsed) {
		p = problem.New(problem.TooMany, "too many of this caller's streams are open; close some")
	}
	p.RetryAfter, p.Cause = problem.DefaultRetryAfter, err
	return p
}

// statuses are what Item.Status can be, of any kind.
var statuses = []string{"queued", "delivered", "failed", "cancelled", live.BreakerOpen, live.BreakerClosed, "active", "paused", "disabled"}

// query reads what a stream is to show.
func (s *Streams) query(ctx *fasthttp.RequestCtx, who *auth.Principal) (q live.Query, err error) {
	q = live.Query{ClientID: who.ClientID, EventType: exchange.Parameter(ctx, "event_type"), Status: exchange.Parameter(ctx, "status")}
	var f jsonbody.Faults
	if kinds := exchange.Parameter(ctx, "kind"); kinds != "" {
		for kind := range strings.SplitSeq(kinds, ",") {
			if !slices.Contains(live.Kinds, live.Kind(kind)) {
				f.Add(problem.OfField("kind", "must be attempt, delivery, breaker or webhook, or several with commas between"))
				break
			}
			q.Kinds = append(q.Kinds, live.Kind(kind))
		}
	}
	if q.EventType != "" {
		if err := webhook.ValidateEventType(q.EventType); err != nil {
			f.Add(jsonbody.InField(err, "event_type"))
		}
	}
	if q.Status != "" && !slices.Contains(statuses, q.Status) {
		f.Add(problem.OfField("status", "must be one of "+strings.Join(statuses, ", ")))
	}
	if err := f.Err(); err != nil {
		return q, err
	}
	if id := exchange.Parameter(ctx, "webhook_id"); id != "" {
		if q.Endpoint, err = s.options.Webhook(who, id); err != nil {
			return q, err
		}
	}
	q.After = placeOf(string(ctx.Request.Header.Peek("Last-Event-ID")))
	return q, nil
}

// placeOf reads a place as events carry it. A text that is none stands for a place that
// nobody knows: its reader has missed something.
func placeOf(id string) live.Place {
	run, text, _ := strings.Cut(id, "-")
	if run == "" {
		run = id // no place of this server's: something may be lost
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		n = 0
	}
	return live.Place{Run: run, Number: n}
}

// Nothing is a Feed in which nothing happens.
type Nothing struct{}

// Publish forgets an item.
func (Nothing) Publish(live.Item) {}

// Subscribe returns a reader that waits in vain.
func (Nothing) Subscribe(live.Query) Reader { return nothing{} }

type nothing struct{}

func (nothing) Next(ctx context.Context, wait time.Duration) live.Batch {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
	return live.Batch{Exact: true, At: live.Place{Run: "none"}}
}

func (nothing) Close() {}
