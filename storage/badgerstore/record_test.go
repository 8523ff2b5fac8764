package badgerstore

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

var someID = webhook.ID{Seq: 1<<62 + 12345, Endpoint: 77, Nonce: 0xdeadbeef}

func someDelivery() webhook.Delivery {
	at := time.UnixMicro(1_750_000_000_123_456).UTC()
	return webhook.Delivery{
		ID: someID, EventType: "user.created", Status: webhook.Retrying, Attempts: 25, Spent: 5,
		NextAttemptAt: time.UnixMilli(1_750_000_100_000).UTC(), Reason: webhook.ReasonTimeout,
		AttemptLog: []webhook.Attempt{
			{Number: 24, At: at, Duration: 10 * time.Second, Failure: webhook.ReasonTimeout},
			{Number: 25, At: at, Duration: time.Millisecond, StatusCode: 429, Response: []byte("slow down"), RetryAfter: time.Minute},
		},
	}
}

func someEvent() webhook.Event {
	return webhook.Event{
		ID: someID.Event(), Type: "user.created", ClientID: "client", Data: []byte(`{"a":1}`), Publisher: "backend",
		IdempotencyKey: "key", Endpoints: []webhook.EndpointNumber{1, 2, 300, 1<<32 - 1},
	}
}

func someEndpoint() endpointRecord {
	return endpointRecord{
		Endpoint: webhook.Endpoint{
			ID: someID, ClientID: "client", EventTypes: []string{"*"}, TargetURL: "https://example.com",
			Secrets: []webhook.Secret{{}}, Status: webhook.EndpointActive, Revision: 3,
			CreatedAt: time.UnixMicro(1).UTC(), ExpiresAt: time.UnixMicro(5).UTC(), Settings: webhook.DefaultSettings(),
			Headers: []webhook.CustomHeader{{Name: "X-Team"}}, CABundle: "PEM",
		},
		keyID: "k", sealed: []byte("sealed"),
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
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, func(r []byte) (webhook.Delivery, error) { return decodeDelivery(someID, r) }, encodeDelivery)
	})
}

func FuzzEvent(f *testing.F) {
	e := someEvent()
	record := encodeEvent(&e)
	f.Add(record)
	f.Add(record[:10])
	f.Add([]byte{recordVersion, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, func(r []byte) (webhook.Event, error) { return decodeEvent(someID, r) }, encodeEvent)
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
	f.Add(encodeEndpoint(&endpointRecord{}))
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
	if got, err := decodeEvent(e.ID, encodeEvent(&e)); err != nil || !reflect.DeepEqual(got, e) {
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
	if size := len(encodeDelivery(&now)); size > 64 {
		t.Errorf("the record of a delivery that was delivered at once takes %d bytes", size)
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
		if got := parseScheduleKey((slot{due: 5, id: a}).key()); got != (slot{due: 5, id: a}) {
			t.Errorf("schedule key of %v reads %v", a, got)
		}
		for _, b := range ids {
			if a.Endpoint == b.Endpoint && bytes.Compare(deliveryKey(spaceQueued, a), deliveryKey(spaceQueued, b)) != a.Compare(b) {
				t.Errorf("%v and %v sort differently as keys", a, b)
			}
		}
	}
}

// TestOlderEndpointRecord: a record of version 1, which knows no lease, is read, and
// one of a version to come is refused.
func TestOlderEndpointRecord(t *testing.T) {
	want := someEndpoint()
	want.ExpiresAt = time.Time{}
	record := encodeEndpoint(&want)
	old := append([]byte{1}, record[1:len(record)-1]...) // the zero time is one byte
	if got, err := decodeEndpoint(old); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	record[0] = endpointVersion + 1
	if _, err := decodeEndpoint(record); !errors.Is(err, errDamaged) {
		t.Errorf("a newer version: %v", err)
	}
}
