package record

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
)

// EncodeGate returns the record of an endpoint's breaker.
func EncodeGate(g webhook.GateState) []byte {
	record := appendTime([]byte{recordVersion}, g.OpenUntil)
	record = binary.AppendVarint(record, int64(g.Openings))
	return binary.AppendUvarint(record, g.Since)
}

// DecodeGate reads what EncodeGate wrote.
func DecodeGate(record []byte) (g webhook.GateState, err error) {
	d := newDecoder(record)
	g.OpenUntil, g.Openings = d.time(), d.int()
	if len(d.rest) > 0 { // older records of the same version end before this field
		g.Since = d.uvarint()
	}
	return g, d.err
}
