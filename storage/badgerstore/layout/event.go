package layout

import (
	"encoding/binary"

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
	return append(appendEndpoints(dst, first), e.Data...)
}

// appendEndpoints appends ascending numbers as steps, which mostly take a byte each.
func appendEndpoints(dst []byte, list []webhook.EndpointNumber) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	last := webhook.EndpointNumber(0)
	for _, n := range list {
		dst = binary.AppendUvarint(dst, uint64(n-last))
		last = n
	}
	return dst
}

// DecodeEvent returns an event with its first recipients. It keeps nothing of the record.
func DecodeEvent(id webhook.ID, record []byte) (webhook.Event, error) {
	d := newDecoder(record)
	e := webhook.Event{
		ID: id.Event(), Type: d.string(), ClientID: d.string(), Publisher: d.string(), IdempotencyKey: d.string(),
	}
	e.Endpoints = d.endpoints()
	if d.err != nil {
		return webhook.Event{}, d.err
	}
	// Not clipped by the record: events outlive the transaction they are read in.
	e.Data = append(make([]byte, 0, len(d.rest)), d.rest...)
	return e, nil
}

// endpoints reads what appendEndpoints wrote.
func (d *decoder) endpoints() []webhook.EndpointNumber {
	// count bounds it by the record's size, so that damage cannot ask for gigabytes.
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

// skipEndpoints does the same without allocating a list.
func (d *decoder) skipEndpoints() {
	for range d.count() {
		d.uvarint()
	}
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
	d.skipEndpoints()
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
// webhook.MaxFanOut are in Parts.
func DecodeRecipients(record []byte) ([]webhook.EndpointNumber, error) {
	d := newDecoder(record)
	for range 4 { // type, client, publisher, idempotency key
		d.bytes()
	}
	return d.endpoints(), d.err
}

// Part is some of the recipients of an event: all of them, and among these the ones
// whose deliveries are withheld. It has what a crash would otherwise take away: who
// still has to get a delivery, and of which status.
type Part struct{ All, Disabled, Limited []webhook.EndpointNumber }

// Remainder names the parts of an event that have no deliveries yet: Next to Last.
type Remainder struct{ Next, Last int }

// Encode returns the record of a part.
func (p *Part) Encode() []byte {
	dst := append(make([]byte, 0, 2*len(p.All)+16), recordVersion)
	for _, list := range [][]webhook.EndpointNumber{p.All, p.Disabled, p.Limited} {
		dst = appendEndpoints(dst, list)
	}
	return dst
}

// DecodePart reads what Part.Encode wrote.
func DecodePart(record []byte) (Part, error) {
	d := newDecoder(record)
	return Part{All: d.endpoints(), Disabled: d.endpoints(), Limited: d.endpoints()}, d.err
}

// Encode returns the record of a remainder.
func (p Remainder) Encode() []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{recordVersion}, uint64(p.Next)), uint64(p.Last))
}

// DecodeRemainder reads what Remainder.Encode wrote.
func DecodeRemainder(record []byte) (Remainder, error) {
	d := newDecoder(record)
	return Remainder{Next: d.number(), Last: d.number()}, d.err
}
