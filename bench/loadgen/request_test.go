package loadgen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/corpastro/astrohook/bench/event"
)

func TestRequestsAreWellFormed(t *testing.T) {
	for _, shape := range []Shape{
		{Host: "h", Path: "/api/events", Token: "t", Payload: event.MinPayload, Batch: 1, Clients: 1},
		{Host: "h", Path: "/api/events", Payload: 512, Batch: 1, Clients: 7},
		{Host: "h", Path: "/api/events/batch", Payload: 512, Batch: 3, Clients: 2},
	} {
		r := newRequest(shape)
		r.stamp(event.Stamp{Run: 5, Seq: 40, Sent: 99})
		for i, posted := range parseEvents(t, r.raw, shape) {
			if len(posted.Data) != shape.Payload {
				t.Errorf("%+v: data of %d bytes", shape, len(posted.Data))
			}
			seq := uint64(40 + i)
			if posted.ClientID != event.ClientName(int(seq%uint64(shape.Clients))) {
				t.Errorf("%+v: event %d is for the client %q", shape, seq, posted.ClientID)
			}
			got, err := event.Read([]byte(`{"id":"whd_1","data":` + string(posted.Data) + `}`))
			if err != nil || got != (event.Stamp{Run: 5, Seq: seq, Sent: 99}) {
				t.Errorf("%+v: stamp %+v, %v", shape, got, err)
			}
		}
	}
}

type postedEvent struct {
	EventType string          `json:"event_type"`
	ClientID  string          `json:"client_id"`
	Data      json.RawMessage `json:"data"`
}

// parseEvents reads a raw request with the standard library.
func parseEvents(t *testing.T, raw []byte, shape Shape) (events []postedEvent) {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(req.Body)
	if shape.Batch == 1 {
		events = make([]postedEvent, 1)
		err = decoder.Decode(&events[0])
	} else {
		err = decoder.Decode(&events)
	}
	if err != nil || len(events) != shape.Batch || decoder.More() {
		t.Fatalf("%d events, %v", len(events), err)
	}
	return events
}

// Stamping is on the way of every request: it changes bytes in place, and no others than
// the stamps.
func TestStampingAllocates(t *testing.T) {
	r := newRequest(Shape{Host: "h", Path: "/api/events/batch", Payload: 128, Batch: 10, Clients: 3})
	length := len(r.raw)
	s := event.Stamp{Run: 1, Sent: 2}
	if n := testing.AllocsPerRun(100, func() { s.Seq++; r.stamp(s) }); n != 0 {
		t.Errorf("%v allocations to stamp a request", n)
	}
	if len(r.raw) != length {
		t.Errorf("a request of %d bytes became %d long", length, len(r.raw))
	}
}
