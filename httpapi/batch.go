package httpapi

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// maxBatchSuggestions bounds how many events of one batch have similar names looked up
// for their unknown event type, since each lookup compares the name with all types.
const maxBatchSuggestions = 10

// batch is a batch on its way from the request to the answer.
type batch struct {
	// items stand in the order of the request.
	items []batchItem
	// events are the good ones, for the dispatcher; receipts are theirs.
	events   []webhook.Event
	receipts []webhook.Receipt // in the order of events
	// failed counts the items that were refused.
	failed int
	// later counts those of them that may be published again later, after retryAfter.
	later      int
	retryAfter time.Duration
}

// batchItem is what becomes of one event.
type batchItem struct {
	place   int              // of the event in batch.events, if it was good
	problem *problem.Problem // nil unless the event was refused
}

// publishBatch accepts many events. A bad one fails alone: the answer has a result for each,
// with the status and the problem that the event would have had by itself.
func (s *Server) publishBatch(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	defer s.metrics.published(time.Now())
	body, err := exchange.Body(ctx)
	if err != nil {
		return err
	}
	if ctx.Request.Header.Peek(keyHeader) != nil {
		return problem.OfField(keyHeader, "is for single events; give each event of a batch its own idempotency_key")
	}
	b, err := s.readBatch(eventinput.NewBatch(body, ctx.Request.Header.ContentType()), who)
	if err != nil {
		return err
	}
	// The good events are handed over together, and become durable with one commit.
	if len(b.events) > 0 {
		if b.receipts, err = s.dispatcher.Publish(s.base, b.events); err != nil {
			return publishError(err)
		}
	}
	s.judge(b)
	if b.retryAfter > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(problem.RetrySeconds(b.retryAfter)))
	}
	ctx.SetStatusCode(b.status())
	ctx.SetContentType("application/json")
	ctx.Response.SetBodyRaw(b.appendAnswer(nil))
	return nil
}

// readBatch reads the events one by one, each as soon as the scanner has found it.
func (s *Server) readBatch(from eventinput.Batch, who *auth.Principal) (*batch, error) {
	count := min(from.Estimate(), MaxBatch)
	b := &batch{items: make([]batchItem, 0, count), events: make([]webhook.Event, 0, count)}
	err := from.Each(MaxBatch, func(in *eventinput.Input, err error) {
		var event webhook.Event
		if err == nil {
			event, err = s.readEvent(in, who, b.failed < maxBatchSuggestions)
		}
		if err != nil {
			b.items = append(b.items, batchItem{problem: problemOf(err)})
			b.failed++
			return
		}
		identify(&event)
		b.items = append(b.items, batchItem{place: len(b.events)})
		b.events = append(b.events, event)
	})
	if err != nil {
		return nil, err
	}
	if b.items[0].problem != nil && from.Spread() {
		return nil, problem.OfField(jsonbody.Whole, "has an event over several lines: write each event on a line of its own, or an array of events, or post a single event to /api/events")
	}
	return b, nil
}

// judge adds the events that the dispatcher refused to those that reading refused, and
// counts all of them.
func (s *Server) judge(b *batch) {
	for i := range b.items {
		item := &b.items[i]
		if item.problem == nil {
			receipt := &b.receipts[item.place]
			err := refusedEvent(receipt)
			if err == nil {
				s.count(receipt)
				continue
			}
			item.problem = problemOf(err)
			b.failed++
		}
		s.metrics.refused.Inc()
		// One client may be over its limit while others of the batch are not.
		if item.problem.Status == fasthttp.StatusTooManyRequests {
			b.later++
			b.retryAfter = max(b.retryAfter, item.problem.RetryAfter)
		}
	}
}

// status returns the answer's status: 202 if all events were accepted, 207 if some were;
// if none was, 429 where all of them may be published again later, else 422.
func (b *batch) status() int {
	switch b.failed {
	case 0:
		return fasthttp.StatusAccepted
	case len(b.items):
		if b.later == b.failed {
			return fasthttp.StatusTooManyRequests
		}
		return fasthttp.StatusUnprocessableEntity
	}
	return fasthttp.StatusMultiStatus
}

// appendAnswer appends the answer, with a result for each event in the order of the request.
func (b *batch) appendAnswer(dst []byte) []byte {
	dst = append(dst, `{"results":[`...)
	for i := range b.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if p := b.items[i].problem; p != nil {
			dst = appendRefusal(dst, i, p)
			continue
		}
		dst = append(dst, `{"status":202,`...)
		dst = append(appendReceipt(dst, &b.receipts[b.items[i].place]), '}')
	}
	dst = append(dst, `],"accepted":`...)
	dst = strconv.AppendInt(dst, int64(len(b.items)-b.failed), 10)
	dst = append(dst, `,"failed":`...)
	dst = strconv.AppendInt(dst, int64(b.failed), 10)
	return append(dst, '}', '\n')
}

// appendRefusal appends the result of the i-th event, which was refused. The field is
// named as seen from the batch.
func appendRefusal(dst []byte, i int, of *problem.Problem) []byte {
	p := *of
	within := webhook.FieldError{Field: p.Field}
	if p.Field == jsonbody.Whole {
		within.Field = ""
	}
	p.Field = within.In("events[" + strconv.Itoa(i) + "]").Field
	text, _ := json.Marshal(&p, jsontext.AllowInvalidUTF8(true)) // as in problem.write
	dst = append(dst, `{"status":`...)
	dst = strconv.AppendInt(dst, int64(p.Status), 10)
	dst = append(dst, `,"problem":`...)
	return append(append(dst, text...), '}')
}
