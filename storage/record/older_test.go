package record

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/record/recordtest"
	"github.com/corpastro/astrohook/webhook"
)

// TestOlderDelivery: a record of version 1 holds all attempts, with whole responses.
// How many requests an attempt took follows from why it failed.
func TestOlderDelivery(t *testing.T) {
	at := time.UnixMicro(1_750_000_000_000_001).UTC()
	long := bytes.Repeat([]byte("b"), 3*webhook.MaxShortResponse)
	want := webhook.Delivery{
		ID: someID, EventType: "user.created", Status: webhook.Failed, Attempts: 4, Spent: 2, FinishedAt: at,
		Reason: webhook.ReasonHTTP5xx,
		AttemptLog: []webhook.Attempt{
			{Number: 1, At: at, Duration: time.Second, Failure: webhook.ReasonConnect},
			{Number: 2, At: at, Failure: webhook.ReasonTimeout, Requests: 1},
			{Number: 3, At: at, Failure: webhook.ReasonReset, Requests: 1, RetryAfter: time.Minute},
			{Number: 4, At: at, StatusCode: 503, Failure: webhook.ReasonHTTP5xx, Response: long, Requests: 1},
		},
	}
	record := recordtest.DeliveryVersion1(&want)
	got, err := DecodeDelivery(someID, record)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, got, want)
	}
	due, err := DecodeDue(someID, record)
	if want.AttemptLog = nil; err != nil || !reflect.DeepEqual(due, want) {
		t.Errorf("due: %v\n%+v\nwant\n%+v", err, due, want)
	}
	for n := 2; n < len(record); n++ {
		if _, err := DecodeDelivery(someID, record[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("the first %d of %d bytes: %v", n, len(record), err)
		}
	}
}

// TestOlderDeliveryWithoutAttempts: no attempts are nil, as of a delivery of today.
func TestOlderDeliveryWithoutAttempts(t *testing.T) {
	queued := webhook.Delivery{ID: someID, EventType: "t", Status: webhook.Queued}
	got, err := DecodeDelivery(someID, recordtest.DeliveryVersion1(&queued))
	if err != nil || !reflect.DeepEqual(got, queued) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestOlderKeyedEvent: under a key of version 1 an event is the same only with the same
// bytes. The record counts no withheld deliveries, and is written back as it was read.
func TestOlderKeyedEvent(t *testing.T) {
	first := someEvent()
	first.Data = []byte(`{"a":1,"b":2}`)
	record := recordtest.KeyedEventVersion1(&first)
	stored, err := DecodeKeyedEvent(record)
	if err != nil || stored.Version != 1 || stored.ID != first.ID || stored.Deliveries != 4 || stored.Disabled != 0 {
		t.Fatalf("%+v, %v", stored, err)
	}
	if again := stored.Encode(); !bytes.Equal(again, record) {
		t.Errorf("written as %x, read from %x", again, record)
	}
	for data, want := range map[string]webhook.Receipt{
		`{"a":1,"b":2}`: {EventID: first.ID, Deliveries: 4, Duplicate: true},
		`{"b":2,"a":1}`: {EventID: first.ID, Err: webhook.ErrKeyReused},
	} {
		later := first
		later.Data = []byte(data)
		now := KeyedEventOf(&later)
		if got := stored.Repeated(&later, &now); got != want {
			t.Errorf("%s: %+v, want %+v", data, got, want)
		}
	}
}

// TestRepeated: the receipt of a repetition counts what the first event got.
func TestRepeated(t *testing.T) {
	first := someEvent()
	first.Disabled, first.Limited = []webhook.EndpointNumber{5}, []webhook.EndpointNumber{6, 7}
	stored := KeyedEventOf(&first)
	if day := stored.Until().Sub(first.ID.Time()); day != 24*time.Hour {
		t.Errorf("the key is remembered for %v", day)
	}
	for reason, c := range map[string]struct {
		change func(*webhook.Event)
		want   webhook.Receipt
	}{
		"the same event, for fewer": {
			func(e *webhook.Event) { e.Endpoints = nil },
			webhook.Receipt{EventID: first.ID, Deliveries: 4, Disabled: 1, Limited: 2, Duplicate: true},
		},
		"another type":   {func(e *webhook.Event) { e.Type += "x" }, webhook.Receipt{EventID: first.ID, Err: webhook.ErrKeyReused}},
		"another client": {func(e *webhook.Event) { e.ClientID += "x" }, webhook.Receipt{EventID: first.ID, Err: webhook.ErrKeyReused}},
		"other data":     {func(e *webhook.Event) { e.Data = []byte("{}") }, webhook.Receipt{EventID: first.ID, Err: webhook.ErrKeyReused}},
	} {
		later := first
		later.ID.Seq++
		c.change(&later)
		now := KeyedEventOf(&later)
		if got := stored.Repeated(&later, &now); got != c.want {
			t.Errorf("%s: %+v, want %+v", reason, got, c.want)
		}
	}
}

// TestCodesEnd: the first number after the last code is damage, whichever list it is of.
func TestCodesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		codes int
		read  func(d *decoder)
	}{
		"status": {len(statusCodes), func(d *decoder) { d.status() }},
		"reason": {len(reasonCodes), func(d *decoder) { d.reason() }},
	} {
		for code := range c.codes {
			d := &decoder{rest: []byte{byte(code)}}
			if c.read(d); d.err != nil {
				t.Errorf("%s %d: %v", name, code, d.err)
			}
		}
		d := &decoder{rest: []byte{byte(c.codes)}}
		if c.read(d); !errors.Is(d.err, ErrDamaged) {
			t.Errorf("%s %d: %v, want %v", name, c.codes, d.err, ErrDamaged)
		}
	}
}

// TestRecordsOfExactSize: fields of fixed size may be the last that a record has. The
// decoder must not ask for a byte more.
func TestRecordsOfExactSize(t *testing.T) {
	id := &decoder{rest: someID.AppendTo(nil)}
	if got := id.id(); got != someID || id.err != nil {
		t.Errorf("an ID at the end: %+v, %v", got, id.err)
	}
	keyed := KeyedEvent{Version: 1, ID: someID, Fingerprint: [16]byte{7}}
	cut := keyed.Encode()[:1+webhook.IDSize+len(keyed.Fingerprint)]
	if got, err := DecodeKeyedEvent(cut); !errors.Is(err, ErrDamaged) || got.Fingerprint != keyed.Fingerprint {
		t.Errorf("a fingerprint at the end: %+v, %v", got, err)
	}
	if got, err := DecodeKeyedEvent(cut[:len(cut)-1]); !errors.Is(err, ErrDamaged) || got != (KeyedEvent{}) {
		t.Errorf("a fingerprint cut off: %+v, %v", got, err)
	}
}

// TestEmptyAndMissing: what was empty comes back as nil, as everything else in package
// webhook has it, and an event's data as an empty text, which is a payload.
func TestEmptyAndMissing(t *testing.T) {
	a, err := DecodeAttempt(EncodeAttempt(&webhook.Attempt{Number: 1, Response: []byte{}, Requests: 1}))
	if err != nil || a.Response != nil {
		t.Errorf("a response: %#v, %v", a.Response, err)
	}
	empty := webhook.Event{ID: someID.Event()}
	e, err := DecodeEvent(someID, EncodeEvent(&empty, nil))
	if err != nil || e.Endpoints != nil || e.Data == nil || len(e.Data) != 0 {
		t.Errorf("an event: %+v, %v", e, err)
	}
	p, err := DecodePayload(EncodeEvent(&empty, nil))
	if err != nil || p.Data == nil {
		t.Errorf("a payload: %+v, %v", p, err)
	}
	failed := webhook.Delivery{ID: someID, Status: webhook.Failed, Reason: webhook.ReasonEndpointDisabled}
	d, err := DecodeDelivery(someID, EncodeDelivery(&failed))
	if err != nil || !reflect.DeepEqual(d, failed) {
		t.Errorf("a delivery without attempt: %+v, %v", d, err)
	}
}

// TestNothingIsShared: a record is Badger's memory, which changes after the read.
func TestNothingIsShared(t *testing.T) {
	event, delivery, endpoint := someEvent(), someDelivery(), someEndpoint()
	for name, c := range map[string]struct {
		record []byte
		decode func([]byte) (any, error)
	}{
		"event":    {EncodeEvent(&event, event.Endpoints), func(r []byte) (any, error) { return DecodeEvent(someID, r) }},
		"payload":  {EncodeEvent(&event, nil), func(r []byte) (any, error) { return DecodePayload(r) }},
		"delivery": {EncodeDelivery(&delivery), func(r []byte) (any, error) { return DecodeDelivery(someID, r) }},
		"endpoint": {EncodeEndpoint(&endpoint), func(r []byte) (any, error) { return DecodeEndpoint(r) }},
		"attempt":  {EncodeAttempt(delivery.LastAttempt()), func(r []byte) (any, error) { return DecodeAttempt(r) }},
	} {
		record := bytes.Clone(c.record)
		got, err := c.decode(record)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := range record {
			record[i] ^= 0xff
		}
		if want, _ := c.decode(c.record); !reflect.DeepEqual(got, want) {
			t.Errorf("%s changes with the record:\n%+v\nwant\n%+v", name, got, want)
		}
	}
}

// TestOneAllocation: records that are written once per event or attempt are made in
// memory that was estimated large enough.
func TestOneAllocation(t *testing.T) {
	event, delivery := someEvent(), someDelivery()
	event.Data = bytes.Repeat([]byte("d"), 4096)
	event.Type, event.ClientID = string(bytes.Repeat([]byte("t"), 200)), string(bytes.Repeat([]byte("c"), 200))
	last := delivery.LastAttempt()
	last.Response = bytes.Repeat([]byte("r"), webhook.MaxShortResponse)
	last.Detail, last.Location = string(make([]byte, webhook.MaxDetail)), string(make([]byte, 200))
	for name, encode := range map[string]func(){
		"event":    func() { EncodeEvent(&event, event.Endpoints) },
		"delivery": func() { EncodeDelivery(&delivery) },
		"attempt":  func() { EncodeAttempt(last) },
	} {
		if got := testing.AllocsPerRun(100, encode); got > 1 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
