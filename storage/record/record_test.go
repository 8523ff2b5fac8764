package record

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/record/recordtest"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
	"github.com/corpastro/astrohook/webhook/bulk"
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

func someJob() *bulk.Job {
	return &bulk.Job{
		ID: someID, ClientID: "client", Action: bulk.Retry, Rate: 300, CreatedBy: "key:abc", Status: bulk.Failed,
		FinishedAt: time.UnixMicro(1_750_000_000_123_456).UTC(), Error: "why", Total: -1, Looked: 1 << 40, Changed: 7,
		Position: bulk.Position{Query: 3, Before: someID},
		Filter: bulk.Filter{
			Statuses: []webhook.Status{webhook.Failed, webhook.Retrying}, EventTypes: []string{"a.b"}, Reason: webhook.ReasonTimeout, Code: "5xx",
			MinAttempts: 2, Since: time.UnixMicro(1).UTC(), Until: time.UnixMicro(2).UTC(),
		},
	}
}

func someAPIKey() webhook.APIKey {
	return webhook.APIKey{
		ID: "abcdefghij", Name: "billing", ClientID: "client", Scopes: []string{"events:write"}, Hash: [32]byte{1, 31: 2},
		CreatedAt: time.UnixMicro(1).UTC(), ExpiresAt: time.UnixMicro(2).UTC(),
	}
}

// someGrant has every field but the logo, which is not part of the record.
func someGrant() webhook.Grant {
	at := func(us int64) time.Time { return time.UnixMicro(us).UTC() }
	return webhook.Grant{
		ID: "abcdefghijklmnop", Kind: webhook.GrantLink, Hash: [32]byte{1, 31: 2}, Parent: "parent", KeyID: "key", ClientID: "client",
		Scopes: []string{"admin", "read"}, Subject: "subject:alice", Brand: webhook.Brand{Name: "Ünï", Color: "#aabbcc"}, MadeBy: "key:key",
		CreatedAt: at(1), ExpiresAt: at(2), SessionLifetime: time.Hour, UsedBy: "session", UsedAt: at(3), KeptUntil: at(4),
	}
}

// roundTrips checks that what decodes is encoded to something that decodes alike.
func roundTrips[T any](t *testing.T, record []byte, decode func([]byte) (T, error), encode func(*T) []byte) {
	t.Helper()
	first, err := decode(record)
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
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
	record := EncodeDelivery(&d)
	f.Add(record)
	f.Add(record[:len(record)-5])
	f.Add(Fresh)
	f.Add([]byte{recordVersion, 0xff})
	f.Add([]byte{})
	f.Add(recordtest.DeliveryVersion1(&d))
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, func(r []byte) (webhook.Delivery, error) {
			d, err := DecodeDelivery(someID, r)
			due, err2 := DecodeDue(someID, r)
			if err == nil && len(r) > 1 && r[0] == 1 { // version 1 has more than is written today
				if d = d.Listed(); !d.Status.Finished() {
					d.AttemptLog = nil
				}
			}
			if err == nil && (err2 != nil || due.Attempts != d.Attempts || due.AttemptLog != nil) {
				t.Fatalf("due %+v, %v; whole %+v", due, err2, d)
			}
			return d, err
		}, EncodeDelivery)
	})
}

func FuzzAttempt(f *testing.F) {
	d := someDelivery()
	record := EncodeAttempt(d.LastAttempt())
	f.Add(record)
	f.Add(record[:len(record)-2])
	f.Add(EncodeAttempt(&webhook.Attempt{StatusCode: 200, Requests: 1}))
	f.Fuzz(func(t *testing.T, record []byte) { roundTrips(t, record, DecodeAttempt, EncodeAttempt) })
}

func FuzzBody(f *testing.F) {
	f.Add((&Body{Number: 300, Truncated: true, Text: []byte("text")}).Encode())
	f.Add([]byte{recordVersion})
	f.Fuzz(func(t *testing.T, record []byte) { roundTrips(t, record, DecodeBody, (*Body).Encode) })
}

func FuzzEvent(f *testing.F) {
	e := someEvent()
	record := EncodeEvent(&e, e.Endpoints)
	f.Add(record)
	f.Add(record[:10])
	f.Add([]byte{recordVersion, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, func(r []byte) (webhook.Event, error) { return DecodeEvent(someID, r) }, func(e *webhook.Event) []byte { return EncodeEvent(e, e.Endpoints) })
		e, err := DecodeEvent(someID, record)
		p, err2 := DecodePayload(record)
		if (err == nil) != (err2 == nil) || err == nil && (p.EventType != e.Type || !bytes.Equal(p.Data, e.Data)) {
			t.Fatalf("payload %+v, %v; event %+v, %v", p, err2, e, err)
		}
	})
}

// FuzzNumbers: a list of recipients is read alike on its own and inside of another record.
func FuzzNumbers(f *testing.F) {
	f.Add(EncodeNumbers(someEvent().Endpoints))
	f.Add([]byte{recordVersion, 3, 1})
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, DecodeNumbers, func(list *[]webhook.EndpointNumber) []byte { return EncodeNumbers(*list) })
		whole, err := DecodeNumbers(record)
		if err != nil {
			return
		}
		inside, rest, err := CutNumbers(append(AppendNumbers(nil, whole), "rest"...))
		if err != nil || !slices.Equal(inside, whole) || string(rest) != "rest" {
			t.Fatalf("inside of a record: %v, %q, %v; want %v", inside, rest, err, whole)
		}
	})
}

func FuzzEndpoint(f *testing.F) {
	e := someEndpoint()
	record := EncodeEndpoint(&e)
	f.Add(record)
	f.Add(record[:len(record)-1])
	f.Add(EncodeEndpoint(&webhook.Endpoint{}))
	f.Fuzz(func(t *testing.T, record []byte) {
		e, err := DecodeEndpoint(record)
		if err == nil && (e.Settings.Rate != e.Settings.Rate || e.Settings.Retry != e.Settings.Retry) {
			return // not a number is not equal to itself
		}
		roundTrips(t, record, DecodeEndpoint, EncodeEndpoint)
	})
}

func FuzzAPIKey(f *testing.F) {
	k := someAPIKey()
	f.Add(EncodeAPIKey(&k))
	f.Add(EncodeAPIKey(&k)[:30])
	f.Fuzz(func(t *testing.T, record []byte) { roundTrips(t, record, DecodeAPIKey, EncodeAPIKey) })
}

func FuzzGrant(f *testing.F) {
	g := someGrant()
	f.Add(EncodeGrant(&g))
	f.Add(EncodeGrant(&g)[:60])
	f.Add(EncodeGrant(&webhook.Grant{}))
	f.Fuzz(func(t *testing.T, record []byte) { roundTrips(t, record, DecodeGrant, EncodeGrant) })
}

func someAudit() audit.Entry {
	return audit.Entry{
		ID: someID, At: time.UnixMicro(1_750_000_000_000_000).UTC(), Action: "webhook.update", By: "key:abc", Operator: true, From: "10.0.0.1", Resource: "wh_1", ClientID: "client",
		Changes: []audit.Change{{Field: "status", Before: `"active"`, After: `"paused"`}, {Field: "description", After: `"ünï"`}},
	}
}

func decodeAudit(record []byte) (audit.Entry, error) { return DecodeAudit(someID, record) }

func FuzzAudit(f *testing.F) {
	e := someAudit()
	f.Add(EncodeAudit(&e))
	f.Add(EncodeAudit(&e)[:30])
	f.Fuzz(func(t *testing.T, record []byte) { roundTrips(t, record, decodeAudit, EncodeAudit) })
}

func FuzzKeyedEvent(f *testing.F) {
	e := someEvent()
	p := KeyedEventOf(&e)
	f.Add(p.Encode())
	f.Add(p.Encode()[:20])
	p.Version = 1
	f.Add(p.Encode())
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, DecodeKeyedEvent, (*KeyedEvent).Encode)
	})
}

// TestRecords pins the encodings: what was written once is read for ever.
func TestRecords(t *testing.T) {
	d, e, w, k, a := someDelivery(), someEvent(), someEndpoint(), someAPIKey(), someAudit()
	if got, err := DecodeAudit(a.ID, EncodeAudit(&a)); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("entry of the audit: %v\n%+v\n%+v", err, got, a)
	}
	if got, err := DecodeDelivery(d.ID, EncodeDelivery(&d)); err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("delivery: %v\n%+v\n%+v", err, got, d)
	}
	if got, err := DecodeEvent(e.ID, EncodeEvent(&e, e.Endpoints)); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("event: %v\n%+v\n%+v", err, got, e)
	}
	if got, err := DecodeEndpoint(EncodeEndpoint(&w)); err != nil || !reflect.DeepEqual(got, w) {
		t.Errorf("endpoint: %v\n%+v\n%+v", err, got, w)
	}
	g := someGrant()
	if got, err := DecodeGrant(EncodeGrant(&g)); err != nil || !reflect.DeepEqual(got, g) {
		t.Errorf("grant: %v\n%+v\n%+v", err, got, g)
	}
	if got, err := DecodeAPIKey(EncodeAPIKey(&k)); err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("API key: %v\n%+v\n%+v", err, got, k)
	}
	if got, err := DecodeJob(someID, EncodeJob(someJob())); err != nil || !reflect.DeepEqual(&got, someJob()) {
		t.Errorf("job: %v\n%+v\n%+v", err, got, someJob())
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
	at := time.UnixMicro(1_750_000_000_123_456).UTC()
	now := webhook.Delivery{ID: someID, EventType: "user.created", Status: webhook.Queued}.
		Attempted(webhook.Attempt{At: at, Duration: 3 * time.Millisecond, StatusCode: 200, Response: []byte("ok")}, webhook.RetryPolicy{}, 0)
	a := now.LastAttempt()
	a.Requests, a.Latency = 1, 2*time.Millisecond
	size, before := len(EncodeDelivery(&now)), len(recordtest.DeliveryVersion1(&now))
	if size > 64 || size > before+1 { // a latency takes more than the two fields that are left out
		t.Errorf("the record of a delivery that was delivered at once takes %d bytes, in version 1 %d", size, before)
	}
	// What the sender notes of a kept connection: one more byte of flags, the kinds of the
	// addresses, 6 bytes each, and the fingerprint of the request.
	a.SentAs, a.Connection = 0xdeadbeef, someConnection()
	a.Connection = webhook.Connection{From: a.Connection.From, To: a.Connection.To, Reused: true, FirstByte: a.Latency}
	if got := len(EncodeDelivery(&now)); got > size+18 {
		t.Errorf("with its connection the record takes %d bytes more, want 18 at most", got-size)
	}
}

// TestOlderRecords: a record of version 1, which lacks the later fields, is read, and
// one of a version to come is refused.
func TestOlderRecords(t *testing.T) {
	want := someEndpoint()
	want.DisabledAt, want.ReceiverSince, want.GateSince, want.ExpiresAt = time.Time{}, 0, 0, time.Time{}
	record := EncodeEndpoint(&want)
	old := append([]byte{1}, record[1:len(record)-4]...) // a zero is one byte
	if got, err := DecodeEndpoint(old); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	record[0] = endpointVersion + 1
	if _, err := DecodeEndpoint(record); !errors.Is(err, ErrDamaged) {
		t.Errorf("a newer version: %v", err)
	}
	gate := webhook.GateState{OpenUntil: time.UnixMicro(5).UTC(), Openings: 2}
	record = EncodeGate(gate)
	if got, err := DecodeGate(record[:len(record)-1]); err != nil || got != gate {
		t.Errorf("gate: %v %+v", err, got)
	}
}
