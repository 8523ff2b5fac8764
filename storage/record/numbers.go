package record

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
)

// AppendNumbers appends ascending endpoint numbers as a list without a version, for
// records of a backend's own that hold such lists. It writes steps, which mostly take a
// byte each.
func AppendNumbers(dst []byte, list []webhook.EndpointNumber) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	last := webhook.EndpointNumber(0)
	for _, n := range list {
		dst = binary.AppendUvarint(dst, uint64(n-last))
		last = n
	}
	return dst
}

// CutNumbers reads what AppendNumbers wrote, and returns what follows it. A list without
// numbers is nil. ErrDamaged.
func CutNumbers(b []byte) (list []webhook.EndpointNumber, rest []byte, err error) {
	d := &decoder{rest: b}
	list = d.numbers()
	return list, d.rest, d.err
}

// EncodeNumbers returns a record of ascending endpoint numbers and nothing else: the
// recipients of an event, where they are kept beside it.
func EncodeNumbers(list []webhook.EndpointNumber) []byte {
	return AppendNumbers(append(make([]byte, 0, 8+2*len(list)), recordVersion), list)
}

// DecodeNumbers reads what EncodeNumbers wrote. ErrDamaged.
func DecodeNumbers(record []byte) ([]webhook.EndpointNumber, error) {
	d := newDecoder(record)
	list := d.numbers()
	return list, d.err
}

// numbers reads what AppendNumbers wrote.
func (d *decoder) numbers() []webhook.EndpointNumber {
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

// skipNumbers does the same without allocating a list.
func (d *decoder) skipNumbers() {
	for range d.count() {
		d.uvarint()
	}
}
