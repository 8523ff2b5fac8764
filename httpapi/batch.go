package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// contentLines is the media type of a batch with one event per line.
const contentLines = "application/x-ndjson"

// maxBatchSuggestions bounds for how many events of one batch near names are looked for.
const maxBatchSuggestions = 10

// batch is a batch on its way.
type batch struct {
	// items stand in the order of the request.
	items []batchItem
	// events are the good ones, each at its item's place.
	events []webhook.Event
	failed int
	// later counts those of them that may come again later, after retryAfter.
	later      int
	retryAfter time.Duration
}

// batchItem is what becomes of one event.
type batchItem struct {
	place int // in events
	err   error
}

// publishBatch accepts many events; a bad one fails alone.
func (s *Server) publishBatch(ctx *fasthttp.RequestCtx, who *Principal) error {
	defer s.metrics.published(time.Now())
	body, err := bodyOf(ctx)
	if err != nil {
		return err
	}
	if ctx.Request.Header.Peek(keyHeader) != nil {
		return invalid(keyHeader, "is for single events; give each event of a batch its own idempotency_key")
	}
	lines := isLines(body, ctx.Request.Header.ContentType())
	texts, err := splitBatch(body, lines)
	if err != nil {
		return err
	}
	b := s.readBatch(texts, who)
	if b.items[0].err != nil && lines && spreads(body) {
		return invalid(wholeBody, "has an event over several lines: write each event on a line of its own, or an array of events, or post a single event to /api/events")
	}
	var receipts []webhook.Receipt
	if len(b.events) > 0 {
		if receipts, err = s.dispatcher.Publish(s.base, b.events); err != nil {
			return publishError(err)
		}
	}
	body = s.appendBatch(nil, b, receipts)
	ctx.SetStatusCode(b.status())
	ctx.SetContentType("application/json")
	if b.retryAfter > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retrySeconds(b.retryAfter)))
	}
	ctx.Response.SetBodyRaw(body)
	return nil
}

// errEnough stops the division of a batch that has too many events.
var errEnough = errors.New("enough events")

// isLines reports whether a batch is NDJSON, by its media type or by a first byte
// that begins an object.
func isLines(body, contentType []byte) bool {
	o := outline{text: body}
	return o.space() == '{' || bytes.HasPrefix(contentType, []byte(contentLines))
}

// spreads reports whether a body begins with a JSON value over several lines.
func spreads(body []byte) bool {
	o := outline{text: body}
	first, err := o.value()
	if err != nil || bytes.IndexByte(first, '\n') < 0 {
		return false
	}
	_, err = webhook.Canonical(nil, first)
	return err == nil
}

// splitBatch finds the events of a batch: the elements of a JSON array or the
// lines of NDJSON.
func splitBatch(body []byte, lines bool) (texts [][]byte, err error) {
	if isBlank(body) {
		return nil, missingBody("events: a JSON array, or one event per line")
	}
	if lines {
		texts = splitLines(body)
	} else {
		o := outline{text: body}
		err = o.elements(func(text []byte) error {
			texts = append(texts, text)
			if len(texts) > MaxBatch {
				return errEnough
			}
			return nil
		})
	}
	switch {
	case len(texts) > MaxBatch:
		return nil, invalid(wholeBody, fmt.Sprintf("has more than %d events", MaxBatch))
	case err != nil:
		return nil, explainBatch(body)
	case len(texts) == 0:
		return nil, invalid(wholeBody, "has no events")
	}
	return texts, nil
}

// splitLines gives the lines that are not empty, one more than MaxBatch at most.
func splitLines(body []byte) (texts [][]byte) {
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			texts = append(texts, line)
		}
		if len(texts) > MaxBatch {
			break
		}
	}
	return texts
}

func explainBatch(body []byte) error {
	if _, err := webhook.Canonical(nil, body); err != nil {
		return inField(err, "")
	}
	return invalid(wholeBody, "must be a JSON array of events, or one event per line")
}

// readBatch reads the events one by one.
func (s *Server) readBatch(texts [][]byte, who *Principal) *batch {
	b := &batch{items: make([]batchItem, len(texts)), events: make([]webhook.Event, 0, len(texts))}
	for i, text := range texts {
		event, err := s.readEvent(text, who, b.failed < maxBatchSuggestions)
		if err != nil {
			b.items[i].err = err
			b.failed++
			continue
		}
		if event.IdempotencyKey != "" {
			event.Fingerprint = event.Identity()
		}
		b.items[i].place = len(b.events)
		b.events = append(b.events, event)
	}
	return b
}

// status returns the answer's status: 202 if all events were accepted, 207 if some;
// if none was, 429 where all may come again later, else 422.
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

// appendBatch appends the answer, with a result for each event in the order of the request.
func (s *Server) appendBatch(dst []byte, b *batch, receipts []webhook.Receipt) []byte {
	dst = append(dst, `{"results":[`...)
	for i := range b.items {
		item := &b.items[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		if item.err == nil {
			if item.err = refusedEvent(&receipts[item.place]); item.err != nil {
				b.failed++
			}
		}
		if item.err != nil {
			s.metrics.refused.Inc()
			dst = b.appendFailure(dst, i, item.err)
			continue
		}
		s.count(&receipts[item.place])
		dst = append(dst, `{"status":202,`...)
		dst = append(appendReceipt(dst, &receipts[item.place]), '}')
	}
	dst = append(dst, `],"accepted":`...)
	dst = strconv.AppendInt(dst, int64(len(b.items)-b.failed), 10)
	dst = append(dst, `,"failed":`...)
	dst = strconv.AppendInt(dst, int64(b.failed), 10)
	return append(dst, '}', '\n')
}

// appendFailure appends the result of an event that was not accepted, with its
// field as seen from the batch.
func (b *batch) appendFailure(dst []byte, i int, err error) []byte {
	p := *problemOf(err)
	if p.Status == fasthttp.StatusTooManyRequests {
		b.later++
		b.retryAfter = max(b.retryAfter, p.retryAfter)
	}
	within := webhook.FieldError{Field: p.Field}
	if p.Field == wholeBody {
		within.Field = ""
	}
	p.Field = within.In("events[" + strconv.Itoa(i) + "]").Field
	text, _ := json.Marshal(&p, jsontext.AllowInvalidUTF8(true)) // as in problem.write
	dst = append(dst, `{"status":`...)
	dst = strconv.AppendInt(dst, int64(p.Status), 10)
	dst = append(dst, `,"problem":`...)
	return append(append(dst, text...), '}')
}
