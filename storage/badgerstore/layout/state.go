package layout

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
)

func EncodeGate(g webhook.GateState) []byte {
	record := appendTime([]byte{recordVersion}, g.OpenUntil)
	record = binary.AppendVarint(record, int64(g.Openings))
	return binary.AppendUvarint(record, g.Since)
}

func DecodeGate(record []byte) (g webhook.GateState, err error) {
	d := newDecoder(record)
	g.OpenUntil, g.Openings = d.time(), d.int()
	if len(d.rest) > 0 { // records that were written before this field end here
		g.Since = d.uvarint()
	}
	return g, d.err
}

func EncodeNumber(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
