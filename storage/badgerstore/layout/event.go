package layout

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
)

// EncodeEvent gives the record of an event with its first recipients; its ID is in
// the key. The data comes last, and so need not tell its length.
func EncodeEvent(e *webhook.Event, first []webhook.EndpointNumber) []byte {
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

// DecodeEvent reads a record; nothing of it is kept.
func DecodeEvent(id webhook.ID, record []byte) (webhook.Event, error) {
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
type Payload struct {
	EventType string
	Data      []byte
}

// DecodePayload reads type and data only. data is a copy, never nil.
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

// DecodeTypeOfEvent reads the type only.
func DecodeTypeOfEvent(record []byte) (string, error) {
	d := newDecoder(record)
	return d.string(), d.err
}

// DecodeRecipients reads the first recipients only, ascending; withParts adds the others.
func DecodeRecipients(record []byte) ([]webhook.EndpointNumber, error) {
	d := newDecoder(record)
	for range 4 { // type, client, publisher, idempotency key
		d.bytes()
	}
	return d.endpoints(), d.err
}

// part is what is stored of some recipients of an event: all of them, and those
// whose deliveries are withheld.
type Part struct{ All, Disabled, Limited []webhook.EndpointNumber }

// parting says which parts have no deliveries yet: from next up to last.
type Remainder struct{ Next, Last int }

func (p *Part) Encode() []byte {
	dst := append(make([]byte, 0, 2*len(p.All)+16), recordVersion)
	for _, list := range [][]webhook.EndpointNumber{p.All, p.Disabled, p.Limited} {
		dst = appendEndpoints(dst, list)
	}
	return dst
}

func DecodePart(record []byte) (Part, error) {
	d := newDecoder(record)
	return Part{All: d.endpoints(), Disabled: d.endpoints(), Limited: d.endpoints()}, d.err
}

func (p Remainder) Encode() []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{recordVersion}, uint64(p.Next)), uint64(p.Last))
}

func DecodeRemainder(record []byte) (Remainder, error) {
	d := newDecoder(record)
	return Remainder{Next: d.number(), Last: d.number()}, d.err
}
