package layout

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

// EncodeNumber returns the value of a key of SpaceMeta.
func EncodeNumber(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// DecodeNumber reads what EncodeNumber wrote.
func DecodeNumber(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, ErrDamaged
	}
	return binary.BigEndian.Uint64(value), nil
}

// Tally is what each commit stores about the whole database.
type Tally struct {
	Commits uint64 // the number of the commit
	Pending int64  // how many deliveries are queued or retrying after it
}

// Encode returns the value of MetaPending. It repeats the number of the commit: an
// older program stores only MetaCommits, and the count is out of date then.
func (t Tally) Encode() []byte {
	return binary.BigEndian.AppendUint64(EncodeNumber(t.Commits), uint64(t.Pending))
}

// DecodeTally reads what Encode wrote.
func DecodeTally(value []byte) (Tally, error) {
	if len(value) != 16 {
		return Tally{}, ErrDamaged
	}
	return Tally{Commits: binary.BigEndian.Uint64(value), Pending: int64(binary.BigEndian.Uint64(value[8:]))}, nil
}
