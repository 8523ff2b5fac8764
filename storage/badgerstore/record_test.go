package badgerstore

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

var someID = webhook.ID{Seq: 1<<62 + 12345, Endpoint: 77, Nonce: 0xdeadbeef}

func someDelivery() webhook.Delivery {
	at := time.UnixMicro(1_750_000_000_123_456).UTC()
	return webhook.Delivery{
		ID: someID, EventType: "user.created", Status: webhook.Failed, Attempts: 25, Spent: 5,
		NextAttemptAt: 1_750_000_100_000, FinishedAt: at, Reason: webhook.ReasonTimeout,
		AttemptLog: []webhook.Attempt{{
			Number: 25, At: at, Duration: 2 * time.Millisecond, Latency: time.Millisecond, StatusCode: 429, Requests: 2,
			Response: []byte("slow down"), ResponseTruncated: true, RetryAfter: time.Minute, Detail: "d", Location: "/l",
			ResponseEncoding: "gzip", Failure: webhook.ReasonReset,
		}},
	}
}

func someEvent() webhook.Event {
	return webhook.Event{
		ID: someID.Event(), Type: "user.created", ClientID: "client", Data: []byte(`{"a":1}`), Publisher: "backend",
		IdempotencyKey: "key", Endpoints: []webhook.EndpointNumber{1, 2, 300, 1<<32 - 1},
	}
}

func someEndpoint() webhook.Endpoint {
	return webhook.Endpoint{
		ID: someID, ClientID: "client", EventTypes: []string{"*"}, TargetURL: "https://example.com",
		Secrets: []signing.Secret{{}}, Status: webhook.EndpointActive, Revision: 3,
		CreatedAt: time.UnixMicro(1).UTC(), ExpiresAt: time.UnixMicro(5).UTC(), Settings: webhook.DefaultSettings(),
		Headers: []webhook.CustomHeader{{Name: "X-Team"}}, CABundle: "PEM",
		DisabledAt: time.UnixMicro(3).UTC(), ReceiverSince: 2, GateSince: 300,
		Sealed: webhook.SealedValues{KeyID: "k", Text: []byte("sealed")},
	}
}

func someAPIKey() webhook.APIKey {
	return webhook.APIKey{
		ID: "abcdefghij", Name: "billing", ClientID: "client", Scopes: []string{"events:write"}, Hash: [32]byte{1, 31: 2},
		CreatedAt: time.UnixMicro(1).UTC(), ExpiresAt: time.UnixMicro(2).UTC(),
	}
}

// roundTrips checks that what decodes is encoded to something that decodes alike.
func roundTrips[T any](t *testing.T, record []byte, decode func([]byte) (T, error), encode func(*T) []byte) {
	t.Helper()
	first, err := decode(record)
	if err != nil {
		if !errors.Is(err, errDamaged) {
			t.Fatalf("error is %v", err)
		}
		return
	}
	again, err := decode(encode(&first))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, again) {
		t.Fatalf("got\n%+v\nwant\n%+v", again, first)
	}
}

func FuzzDelivery(f *testing.F) {
	d := someDelivery()
	record := encodeDelivery(&d)
	f.Add(record)
	f.Add(record[:len(record)-5])
	f.Add(freshRecord)
	f.Add([]byte{recordVersion, 0xff})
	f.Add([]byte{})
	f.Add(encodeVersion1(&d))
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, func(r []byte) (webhook.Delivery, error) {
			d, err := decodeDelivery(someID, r)
			due, err2 := decodeDue(someID, r)
			if err == nil && len(r) > 1 && r[0] == 1 { // version 1 has more than is written today
				if d = d.Listed(); !d.Status.Finished() {
					d.AttemptLog = nil
				}
			}
			if err == nil && (err2 != nil || due.Attempts != d.Attempts || due.AttemptLog != nil) {
				t.Fatalf("due %+v, %v; whole %+v", due, err2, d)
			}
			return d, err
		}, encodeDelivery)
	})
}

func FuzzAttempt(f *testing.F) {
	d := someDelivery()
	record := encodeAttempt(d.LastAttempt())
	f.Add(record)
	f.Add(record[:len(record)-2])
	f.Add(encodeAttempt(&webhook.Attempt{StatusCode: 200, Requests: 1}))
	f.Fuzz(func(t *testing.T, record []byte) { roundTrips(t, record, decodeAttempt, encodeAttempt) })
}

func FuzzBody(f *testing.F) {
	f.Add((&body{number: 300, truncated: true, text: []byte("text")}).encode())
	f.Add([]byte{recordVersion})
	f.Fuzz(func(t *testing.T, record []byte) { roundTrips(t, record, decodeBody, (*body).encode) })
}

func FuzzEvent(f *testing.F) {
	e := someEvent()
	record := encodeEvent(&e, e.Endpoints)
	f.Add(record)
	f.Add(record[:10])
	f.Add([]byte{recordVersion, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, func(r []byte) (webhook.Event, error) { return decodeEvent(someID, r) }, func(e *webhook.Event) []byte { return encodeEvent(e, e.Endpoints) })
		e, err := decodeEvent(someID, record)
		p, err2 := decodePayload(record)
		if (err == nil) != (err2 == nil) || err == nil && (p.eventType != e.Type || !bytes.Equal(p.data, e.Data)) {
			t.Fatalf("payload %+v, %v; event %+v, %v", p, err2, e, err)
		}
	})
}

func FuzzEndpoint(f *testing.F) {
	e := someEndpoint()
	record := encodeEndpoint(&e)
	f.Add(record)
	f.Add(record[:len(record)-1])
	f.Add(encodeEndpoint(&webhook.Endpoint{}))
	f.Fuzz(func(t *testing.T, record []byte) {
		e, err := decodeEndpoint(record)
		if err == nil && (e.Settings.Rate != e.Settings.Rate || e.Settings.Retry != e.Settings.Retry) {
			return // not a number is not equal to itself
		}
		roundTrips(t, record, decodeEndpoint, encodeEndpoint)
	})
}

func FuzzKeyRecord(f *testing.F) {
	r := keyRecord{endpoints: 300, check: []byte("sealed")}
	f.Add(r.encode())
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, decodeKeyRecord, func(r *keyRecord) []byte { return r.encode() })
	})
}

func FuzzAPIKey(f *testing.F) {
	k := someAPIKey()
	f.Add(encodeAPIKey(&k))
	f.Add(encodeAPIKey(&k)[:30])
	f.Fuzz(func(t *testing.T, record []byte) { roundTrips(t, record, decodeAPIKey, encodeAPIKey) })
}

func FuzzPublication(f *testing.F) {
	e := someEvent()
	p := publicationOf(&e)
	f.Add(p.encode())
	f.Add(p.encode()[:20])
	p.version = 1
	f.Add(p.encode())
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, decodePublication, (*publication).encode)
	})
}

// TestRecords pins the encodings: what was written once is read for ever.
func TestRecords(t *testing.T) {
	d, e, w, k := someDelivery(), someEvent(), someEndpoint(), someAPIKey()
	if got, err := decodeDelivery(d.ID, encodeDelivery(&d)); err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("delivery: %v\n%+v\n%+v", err, got, d)
	}
	if got, err := decodeEvent(e.ID, encodeEvent(&e, e.Endpoints)); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("event: %v\n%+v\n%+v", err, got, e)
	}
	if got, err := decodeEndpoint(encodeEndpoint(&w)); err != nil || !reflect.DeepEqual(got, w) {
		t.Errorf("endpoint: %v\n%+v\n%+v", err, got, w)
	}
	if got, err := decodeAPIKey(encodeAPIKey(&k)); err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("API key: %v\n%+v\n%+v", err, got, k)
	}
}

// TestEveryReasonHasACode keeps reasonCodes complete.
func TestEveryReasonHasACode(t *testing.T) {
	for _, r := range webhook.Reasons {
		if got := appendReason(nil, r); len(got) != 1 {
			t.Errorf("reason %q takes %d bytes: append it to reasonCodes", r, len(got))
		}
	}
}

// TestSettledRecordIsSmall bounds what a delivery costs on disk.
func TestSettledRecordIsSmall(t *testing.T) {
	now := delivered(someID).Now
	a := now.LastAttempt()
	a.Requests, a.Latency = 1, 2*time.Millisecond
	size, before := len(encodeDelivery(&now)), len(encodeVersion1(&now))
	if size > 64 || size > before+1 { // a latency takes more than the two fields that are left out
		t.Errorf("the record of a delivery that was delivered at once takes %d bytes, in version 1 %d", size, before)
	}
}

func TestKeysSortLikeWhatTheyName(t *testing.T) {
	ids := []webhook.ID{
		{}, {Nonce: 1}, {Seq: 1}, {Seq: 255, Nonce: 9}, {Seq: 256}, {Seq: 1 << 40}, {Endpoint: 1}, {Endpoint: 256, Seq: 3},
	}
	for _, a := range ids {
		if got := parseDeliveryKey(deliveryKey(spaceQueued, a)); got != a {
			t.Errorf("delivery key of %v reads %v", a, got)
		}
		if got := parseEventKey(eventKey(a)); got != a.Event() {
			t.Errorf("event key of %v reads %v", a, got)
		}
		if got := parseScheduleKey(scheduleKey(slotOf(5, a))); got != slotOf(5, a) {
			t.Errorf("schedule key of %v reads %v", a, got)
		}
		for _, b := range ids {
			if a.Endpoint == b.Endpoint && bytes.Compare(deliveryKey(spaceQueued, a), deliveryKey(spaceQueued, b)) != a.Compare(b) {
				t.Errorf("%v and %v sort differently as keys", a, b)
			}
		}
	}
}

// TestOlderRecords: a record of version 1, which lacks the later fields, is read, and
// one of a version to come is refused.
func TestOlderRecords(t *testing.T) {
	want := someEndpoint()
	want.DisabledAt, want.ReceiverSince, want.GateSince, want.ExpiresAt = time.Time{}, 0, 0, time.Time{}
	record := encodeEndpoint(&want)
	old := append([]byte{1}, record[1:len(record)-4]...) // a zero is one byte
	if got, err := decodeEndpoint(old); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	record[0] = endpointVersion + 1
	if _, err := decodeEndpoint(record); !errors.Is(err, errDamaged) {
		t.Errorf("a newer version: %v", err)
	}
	gate := webhook.GateState{OpenUntil: time.UnixMicro(5).UTC(), Openings: 2}
	record = encodeGate(gate)
	if got, err := decodeGate(record[:len(record)-1]); err != nil || got != gate {
		t.Errorf("gate: %v %+v", err, got)
	}
}
