package badgerstore

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
)

// encodeEvent gives the record of an event with its first recipients; its ID is in
// the key. The data comes last, and so need not tell its length.
func encodeEvent(e *webhook.Event, first []webhook.EndpointNumber) []byte {
	size := 32 + len(e.Type) + len(e.ClientID) + len(e.Publisher) + len(e.IdempotencyKey) + 2*len(first) + len(e.Data)
	dst := append(make([]byte, 0, size), recordVersion)
	dst = appendString(dst, e.Type)
	dst = appendString(dst, e.ClientID)
	dst = appendString(dst, e.Publisher)
	dst = appendString(dst, e.IdempotencyKey)
	return append(appendEndpoints(dst, first), e.Data...)
}

func appendEndpoints(dst []byte, list []webhook.EndpointNumber) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	last := webhook.EndpointNumber(0)
	for _, n := range list {
		dst = binary.AppendUvarint(dst, uint64(n-last)) // ascending: the steps are small
		last = n
	}
	return dst
}

// decodeEvent reads a record; nothing of it is kept.
func decodeEvent(id webhook.ID, record []byte) (webhook.Event, error) {
	d := newDecoder(record)
	e := webhook.Event{
		ID: id.Event(), Type: d.string(), ClientID: d.string(), Publisher: d.string(), IdempotencyKey: d.string(),
	}
	e.Endpoints = d.endpoints()
	if d.err != nil {
		return webhook.Event{}, d.err
	}
	e.Data = append(make([]byte, 0, len(d.rest)), d.rest...)
	return e, nil
}

func (d *decoder) endpoints() []webhook.EndpointNumber {
	n := d.count()
	if n == 0 {
		return nil
	}
	out := make([]webhook.EndpointNumber, n)
	last := webhook.EndpointNumber(0)
	for i := range out {
		last += webhook.EndpointNumber(d.uvarint())
		out[i] = last
	}
	return out
}

// skipEndpoints reads over the endpoints, to the data.
func (d *decoder) skipEndpoints() {
	for range d.count() {
		d.uvarint()
	}
}

// payload is what an attempt needs of an event.
type payload struct {
	eventType string
	data      []byte
}

// decodePayload reads type and data only. data is a copy, never nil.
func decodePayload(record []byte) (payload, error) {
	d := newDecoder(record)
	p := payload{eventType: d.string()}
	for range 3 { // client, publisher, idempotency key
		d.bytes()
	}
	d.skipEndpoints()
	if d.err != nil {
		return payload{}, d.err
	}
	p.data = append(make([]byte, 0, len(d.rest)), d.rest...)
	return p, nil
}

// decodeEventType reads the type only.
func decodeEventType(record []byte) (string, error) {
	d := newDecoder(record)
	return d.string(), d.err
}

// decodeEndpoints reads the first recipients only, ascending; withParts adds the others.
func decodeEndpoints(record []byte) ([]webhook.EndpointNumber, error) {
	d := newDecoder(record)
	for range 4 { // type, client, publisher, idempotency key
		d.bytes()
	}
	return d.endpoints(), d.err
}
