package layout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// A record starts with the version of its encoding. A newer version adds fields
// or changes them; decoders keep reading the older ones.
const recordVersion = 1

// ErrDamaged: a record's bytes are not what an encoder wrote.
var ErrDamaged = errors.New("record is damaged")

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// appendTime keeps microseconds; 0 stands for the zero time.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, 0)
	}
	return binary.AppendVarint(dst, t.UnixMicro())
}

// appendDuration keeps microseconds; negative ones become 0.
func appendDuration(dst []byte, d time.Duration) []byte {
	return binary.AppendUvarint(dst, uint64(max(d, 0).Microseconds()))
}

// decoder reads a record. After the first error it reads zero values only, so
// that the error need be looked at once, at the end.
type decoder struct {
	rest []byte
	err  error
}

// newDecoder starts at a record's first byte, its version.
func newDecoder(record []byte) *decoder {
	d, _ := newDecoderUpTo(record, recordVersion)
	return d
}

// newDecoderUpTo starts at the first byte of a record that may be of any version
// up to the newest.
func newDecoderUpTo(record []byte, newest byte) (d *decoder, version byte) {
	d = &decoder{rest: record}
	version = d.byte()
	if d.err == nil && (version < recordVersion || version > newest) {
		d.err = fmt.Errorf("encoding version %d: %w", version, ErrDamaged)
		d.rest = nil
	}
	return d, version
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = ErrDamaged
	}
	d.rest = nil
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads the length of a list whose elements take at least one byte each.
func (d *decoder) count() int {
	v := d.uvarint()
	if v > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(v)
}

// bytes reads without copying.
func (d *decoder) bytes() []byte {
	n := d.count()
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) time() time.Time {
	us := d.varint()
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func (d *decoder) duration() time.Duration {
	return time.Duration(d.upTo(math.MaxInt64/uint64(time.Microsecond))) * time.Microsecond
}

// number reads a small number that is not negative.
func (d *decoder) number() int { return int(d.upTo(math.MaxInt32)) }

// upTo reads a number that no encoder writes larger.
func (d *decoder) upTo(largest uint64) uint64 {
	v := d.uvarint()
	if v > largest {
		d.fail()
		return 0
	}
	return v
}
