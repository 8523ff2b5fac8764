package loadgen

import (
	"strconv"

	"github.com/corpastro/astrohook/bench/event"
)

// Shape is what all requests of a run have in common.
type Shape struct {
	Host, Path, Token string
	// Payload is the bytes of data in an event, at least event.MinPayload; Batch is how many
	// events are in a request.
	Payload, Batch int
	// Clients is how many clients there are, at least 1: the event seq is for the client seq
	// mod Clients.
	Clients int
}

// request is a publishing request, written once and stamped for each use: the generator
// must not spend the server's processors on writing JSON.
type request struct {
	shape Shape
	raw   []byte
	// events are the places of each event's parts in raw.
	events []placed
}

// placed is where the end of an event's client and its data are.
type placed struct{ client, data, end int }

// newRequest writes a request with empty stamps.
func newRequest(s Shape) *request {
	body, events := s.appendBody(nil)
	head := "POST " + s.Path + " HTTP/1.1\r\nHost: " + s.Host + "\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	if s.Token != "" {
		head += "Authorization: Bearer " + s.Token + "\r\n"
	}
	head += "\r\n"
	for i := range events {
		events[i].client += len(head)
		events[i].data += len(head)
		events[i].end += len(head)
	}
	return &request{shape: s, raw: append([]byte(head), body...), events: events}
}

// appendBody appends one event, or an array of them if the batch is larger.
func (s Shape) appendBody(dst []byte) ([]byte, []placed) {
	events := make([]placed, s.Batch)
	if s.Batch > 1 {
		dst = append(dst, '[')
	}
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"event_type":"`+event.Type+`","client_id":"`+event.ClientName(0)...)
		events[i].client = len(dst)
		dst = append(dst, `","data":`...)
		events[i].data = len(dst)
		dst = event.AppendData(dst, s.Payload)
		events[i].end = len(dst)
		dst = append(dst, '}')
	}
	if s.Batch > 1 {
		dst = append(dst, ']')
	}
	return dst, events
}

// stamp makes the request carry the events from first on.
func (r *request) stamp(first event.Stamp) {
	for i, at := range r.events {
		s := first
		s.Seq += uint64(i)
		event.PutClient(r.raw[:at.client], s.Seq%uint64(r.shape.Clients))
		s.Put(r.raw[at.data:at.end])
	}
}
