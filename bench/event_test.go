package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
)

func TestRequestsAreWellFormed(t *testing.T) {
	for _, shape := range []requestShape{
		{host: "h", path: "/api/events", token: "t", payload: minPayload, batch: 1, clients: 1},
		{host: "h", path: "/api/events", payload: 512, batch: 1, clients: 7},
		{host: "h", path: "/api/events/batch", payload: 512, batch: 3, clients: 2},
	} {
		r := newRequest(shape)
		r.stamp(stamp{run: 5, seq: 40, sent: 99})
		for i, event := range parseEvents(t, r.raw, shape) {
			if len(event.Data) != shape.payload {
				t.Errorf("%+v: data of %d bytes", shape, len(event.Data))
			}
			seq := uint64(40 + i)
			if event.ClientID != clientName(int(seq%uint64(shape.clients))) {
				t.Errorf("%+v: event %d is for the client %q", shape, seq, event.ClientID)
			}
			got, err := readStamp([]byte(`{"id":"whd_1","data":` + string(event.Data) + `}`))
			if err != nil || got != (stamp{5, seq, 99}) {
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
func parseEvents(t *testing.T, raw []byte, shape requestShape) (events []postedEvent) {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(req.Body)
	if shape.batch == 1 {
		events = make([]postedEvent, 1)
		err = decoder.Decode(&events[0])
	} else {
		err = decoder.Decode(&events)
	}
	if err != nil || len(events) != shape.batch || decoder.More() {
		t.Fatalf("%d events, %v", len(events), err)
	}
	return events
}

// Whatever single byte of the data changes, the receiver must see it.
func TestReadStampSeesEveryChange(t *testing.T) {
	data := appendData(nil, 200)
	stamp{1, 2, 3}.write(data)
	body := append(append([]byte(`{"data":`), data...), '}')
	if _, err := readStamp(body); err != nil {
		t.Fatal(err)
	}
	for i := len(`{"data":`); i < len(body)-1; i++ {
		changed := bytes.Clone(body)
		changed[i] ^= 1
		if got, err := readStamp(changed); err == nil {
			t.Errorf("byte %d changed from %q to %q: read as %+v", i, body[i], changed[i], got)
		}
	}
	for _, short := range []string{"", "{}", `{"data":{"run":"`, string(body[:len(body)-2])} {
		if _, err := readStamp([]byte(short)); err == nil {
			t.Errorf("%q was read", short)
		}
	}
}
