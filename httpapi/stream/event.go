package stream

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

// hello is the first event of a stream, whose ID is the place at which it begins.
type hello struct {
	At string `json:"at"`
}

// lost says that items were not sent. Unless Exact, the number is not known, and at least 1.
type lost struct {
	Lost  int  `json:"lost"`
	Exact bool `json:"exact"`
}

// subject is what every item begins with.
type subject struct {
	At        string `json:"at"`
	WebhookID string `json:"webhook_id"`
	ClientID  string `json:"client_id"`
}

// attempt is an attempt that has ended.
type attempt struct {
	subject
	DeliveryID string `json:"delivery_id"`
	EventID    string `json:"event_id"`
	EventType  string `json:"event_type"`
	Number     int    `json:"number"`
	Status     string `json:"status"`
	Code       int    `json:"code,omitzero"`
	Reason     string `json:"reason,omitzero"`
	DurationMS int64  `json:"duration_ms"`
	NextAt     string `json:"next_at,omitzero"`
}

// delivery is one that has finished, or was queued again.
type delivery struct {
	subject
	DeliveryID string `json:"delivery_id"`
	EventID    string `json:"event_id"`
	EventType  string `json:"event_type"`
	Status     string `json:"status"`
	Reason     string `json:"reason,omitzero"`
	Attempts   int    `json:"attempts"`
}

// breaker is one that has opened or closed.
type breaker struct {
	subject
	State     string `json:"state"`
	OpenUntil string `json:"open_until,omitzero"`
}

// changed is a webhook that was registered or has changed.
type changed struct {
	subject
	Change string `json:"change"`
	Status string `json:"status"`
}

// show returns an item as its event has it.
func show(i *live.Item) any {
	s := subject{webhook.FormatTime(i.At), webhook.EndpointID.Format(i.Webhook), i.ClientID}
	deliveryID, eventID := webhook.DeliveryID.Format(i.Delivery), webhook.EventID.Format(i.Delivery.Event())
	switch i.Kind {
	case live.Attempt:
		return attempt{
			s, deliveryID, eventID, i.EventType, i.Attempt, i.Status, i.Code, string(i.Reason), i.Duration.Milliseconds(), jsonbody.Time(i.Until),
		}
	case live.Delivery:
		return delivery{s, deliveryID, eventID, i.EventType, i.Status, string(i.Reason), i.Attempt}
	case live.Breaker:
		return breaker{s, i.Status, jsonbody.Time(i.Until)}
	default:
		return changed{s, i.Change, i.Status}
	}
}

// appendPlace appends the line with an event's ID.
func appendPlace(dst []byte, p live.Place) []byte {
	dst = append(append(append(dst, "id: "...), p.Run...), '-')
	return append(strconv.AppendUint(dst, p.Number, 10), '\n')
}

// appendEvent appends an event with data in one line.
func appendEvent(dst []byte, name string, data any) []byte {
	text, _ := json.Marshal(data) // strings and numbers: it cannot fail
	dst = append(append(append(dst, "event: "...), name...), "\ndata: "...)
	return append(append(dst, text...), "\n\n"...)
}

// appendHello appends the first event. A client that loses its connection comes back after
// two seconds.
func appendHello(dst []byte, at live.Place, now time.Time) []byte {
	return appendEvent(appendPlace(append(dst, "retry: 2000\n"...), at), "hello", hello{webhook.FormatTime(now)})
}

// texts holds the events of the latest items, so that many streams of the same items write
// each of them once. The zero value is ready for use; it is safe for concurrent use.
type texts struct {
	kept [1024]atomic.Pointer[written]
}

// written is an item's event. All readers of one feed share the item.
type written struct {
	item *live.Item
	text []byte
}

// of returns the event of an item of a run.
func (t *texts) of(i *live.Item, run string) []byte {
	place := &t.kept[i.Number%uint64(len(t.kept))]
	if w := place.Load(); w != nil && w.item == i {
		return w.text
	}
	text := appendPlace(nil, live.Place{Run: run, Number: i.Number})
	text = appendEvent(text, string(i.Kind), show(i))
	place.Store(&written{i, text})
	return text
}

// appendBatch appends what a reader got: first what it does not get.
func (t *texts) appendBatch(dst []byte, b *live.Batch) []byte {
	if b.Lost > 0 {
		dst = appendEvent(dst, "lost", lost{b.Lost, b.Exact})
	}
	for _, i := range b.Items {
		dst = append(dst, t.of(i, b.At.Run)...)
	}
	return dst
}
