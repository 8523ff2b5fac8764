// Package record is how backends write what they keep: versioned encodings of endpoints,
// events, deliveries, attempts, response bodies, gate states, event types, API keys,
// grants and idempotency keys, as pure functions between bytes and types of package webhook. Each
// kind of record has one file, so that a new field of it is a change in one place.
//
// A record starts with the version of its encoding. To add a field, append it at the
// end and raise the version of that record; a decoder reads all older versions and
// leaves the field zero. What was written once is read for ever: FuzzX and TestOlderX
// tests hold the decoders to that.
//
// Keys, tables and columns, what only one backend keeps, and which records a transaction
// writes, are the backends'. Which attempts and bodies stay is a rule of package storage.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// recordVersion is the version of records that never had another one.
const recordVersion = 1

// ErrDamaged reports that a record is not what this package writes; backends report it of
// their own records and keys too.
var ErrDamaged = errors.New("record is damaged")

// appendString appends a text with its length in front.
func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// appendBytes appends bytes with their length in front.
func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// appendTime appends microseconds since 1970; 0 stands for the zero time.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, 0)
	}
	return binary.AppendVarint(dst, t.UnixMicro())
}

// appendDuration appends microseconds; a negative duration becomes 0.
func appendDuration(dst []byte, d time.Duration) []byte {
	return binary.AppendUvarint(dst, uint64(max(d, 0).Microseconds()))
}

// decoder reads a record. After the first error it returns zero values only, so that
// callers check err once, at the end.
type decoder struct {
	rest []byte
	err  error
}

// newDecoder starts reading a record of recordVersion.
func newDecoder(record []byte) *decoder {
	d, _ := newDecoderUpTo(record, recordVersion)
	return d
}

// newDecoderUpTo starts reading a record of any version up to newest, and returns the
// version. A newer one was written by a newer program.
func newDecoderUpTo(record []byte, newest byte) (d *decoder, version byte) {
	d = &decoder{rest: record}
	version = d.byte()
	if d.err == nil && (version < recordVersion || version > newest) {
		d.err = fmt.Errorf("encoding version %d: %w", version, ErrDamaged)
		d.rest = nil
	}
	return d, version
}

// fail marks the record as damaged, and leaves nothing to read.
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

// count reads the length of a list whose elements take at least one byte each, so that
// a damaged length cannot make the caller allocate more than the record's size.
func (d *decoder) count() int {
	v := d.uvarint()
	if v > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(v)
}

// bytes reads bytes with their length in front. They are a part of the record: callers
// that keep them must copy.
func (d *decoder) bytes() []byte {
	n := d.count()
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// fixed reads n bytes, which are a part of the record; nil if there are fewer.
func (d *decoder) fixed(n int) []byte {
	if len(d.rest) < n {
		d.fail()
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) string() string { return string(d.bytes()) }

// time reads what appendTime wrote.
func (d *decoder) time() time.Time {
	us := d.varint()
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// duration reads what appendDuration wrote.
func (d *decoder) duration() time.Duration {
	return time.Duration(d.upTo(math.MaxInt64/uint64(time.Microsecond))) * time.Microsecond
}

// number reads a number from 0 to MaxInt32.
func (d *decoder) number() int { return int(d.upTo(math.MaxInt32)) }

// upTo reads a number from 0 to largest; a larger one is damage.
func (d *decoder) upTo(largest uint64) uint64 {
	v := d.uvarint()
	if v > largest {
		d.fail()
		return 0
	}
	return v
}
