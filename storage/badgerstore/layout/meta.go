package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/corpastro/astrohook/storage/record"
)

// version is the version of this package's records: none of them had another one.
const version = 1

// fields returns what follows the version of a record.
func fields(value []byte) ([]byte, error) {
	if len(value) == 0 {
		return nil, record.ErrDamaged
	}
	if value[0] != version {
		return nil, fmt.Errorf("encoding version %d: %w", value[0], record.ErrDamaged)
	}
	return value[1:], nil
}

// cutUvarint reads a number from 0 to largest, and returns what follows it.
func cutUvarint(b []byte, largest uint64) (v uint64, rest []byte, err error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > largest {
		return 0, nil, record.ErrDamaged
	}
	return v, b[n:], nil
}

// KeyCount is what is stored of a key for as long as it encrypts any endpoint's values.
type KeyCount struct {
	Endpoints uint64 // how many
	Check     []byte // webhook.SealedValues.Check of the first of them
}

// Encode returns the record of a key.
func (r KeyCount) Encode() []byte {
	dst := binary.AppendUvarint([]byte{version}, r.Endpoints)
	return append(binary.AppendUvarint(dst, uint64(len(r.Check))), r.Check...)
}

// DecodeKeyCount reads what Encode wrote, and keeps nothing of it.
func DecodeKeyCount(value []byte) (KeyCount, error) {
	rest, err := fields(value)
	if err != nil {
		return KeyCount{}, err
	}
	endpoints, rest, err := cutUvarint(rest, math.MaxUint64)
	if err != nil {
		return KeyCount{}, err
	}
	size, rest, err := cutUvarint(rest, uint64(len(rest)))
	if err != nil || size > uint64(len(rest)) {
		return KeyCount{}, record.ErrDamaged
	}
	return KeyCount{Endpoints: endpoints, Check: bytes.Clone(rest[:size])}, nil
}

// EncodeNumber returns the value of a key of SpaceMeta.
func EncodeNumber(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// DecodeNumber reads what EncodeNumber wrote.
func DecodeNumber(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, record.ErrDamaged
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
		return Tally{}, record.ErrDamaged
	}
	return Tally{Commits: binary.BigEndian.Uint64(value), Pending: int64(binary.BigEndian.Uint64(value[8:]))}, nil
}
