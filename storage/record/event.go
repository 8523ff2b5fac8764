package record

import (
	"github.com/corpastro/astrohook/webhook"
)

// EncodeEvent returns the record of an event with its first recipients; its ID is in
// the key. The data is the rest of the record, so its length is not stored.
func EncodeEvent(e *webhook.Event, first []webhook.EndpointNumber) []byte {
	size := 32 + len(e.Type) + len(e.ClientID) + len(e.Publisher) + len(e.IdempotencyKey) + 2*len(first) + len(e.Data)
	dst := append(make([]byte, 0, size), recordVersion)
	dst = appendString(dst, e.Type)
	dst = appendString(dst, e.ClientID)
	dst = appendString(dst, e.Publisher)
	dst = appendString(dst, e.IdempotencyKey)
	return append(AppendNumbers(dst, first), e.Data...)
}

// DecodeEvent returns an event with its first recipients. It keeps nothing of the record.
func DecodeEvent(id webhook.ID, record []byte) (webhook.Event, error) {
	e, size, err := DecodeEventHead(id, record)
	if err != nil {
		return webhook.Event{}, err
	}
	// Not clipped by the record: events outlive the transaction they are read in.
	e.Data = append(make([]byte, 0, size), record[len(record)-size:]...)
	return e, nil
}

// DecodeEventHead returns an event with its first recipients, without its data, and how
// long the data is in the record.
func DecodeEventHead(id webhook.ID, record []byte) (e webhook.Event, size int, err error) {
	d := newDecoder(record)
	e = webhook.Event{
		ID: id.Event(), Type: d.string(), ClientID: d.string(), Publisher: d.string(), IdempotencyKey: d.string(),
	}
	e.Endpoints = d.numbers()
	return e, len(d.rest), d.err
}

// Payload is what an attempt needs of an event.
type Payload struct {
	EventType string
	Data      []byte
}

// DecodePayload returns type and data only, because it runs once per attempt. Data is
// a copy, never nil.
func DecodePayload(record []byte) (Payload, error) {
	d := newDecoder(record)
	p := Payload{EventType: d.string()}
	for range 3 { // client, publisher, idempotency key
		d.bytes()
	}
	d.skipNumbers()
	if d.err != nil {
		return Payload{}, d.err
	}
	p.Data = append(make([]byte, 0, len(d.rest)), d.rest...)
	return p, nil
}

// DecodeTypeOfEvent returns the type only.
func DecodeTypeOfEvent(record []byte) (string, error) {
	d := newDecoder(record)
	return d.string(), d.err
}

// DecodeRecipients returns the first recipients only, ascending. Those beyond
// webhook.MaxFanOut are elsewhere, if the backend keeps them apart.
func DecodeRecipients(record []byte) ([]webhook.EndpointNumber, error) {
	d := newDecoder(record)
	for range 4 { // type, client, publisher, idempotency key
		d.bytes()
	}
	return d.numbers(), d.err
}
