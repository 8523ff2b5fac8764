package layout

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/corpastro/astrohook/storage/record"
)

// roundTrips checks that what decodes is encoded to something that decodes alike, and
// that whatever does not is called damaged.
func roundTrips[T any](t *testing.T, value []byte, decode func([]byte) (T, error), encode func(T) []byte) {
	t.Helper()
	first, err := decode(value)
	if err != nil {
		if !errors.Is(err, record.ErrDamaged) {
			t.Fatalf("error is %v", err)
		}
		return
	}
	again, err := decode(encode(first))
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Fatalf("got\n%+v, %v\nwant\n%+v", again, err, first)
	}
}

func FuzzKeyCount(f *testing.F) {
	f.Add(KeyCount{Endpoints: 300, Check: []byte("sealed")}.Encode())
	f.Add([]byte{version, 1, 200})
	f.Fuzz(func(t *testing.T, value []byte) { roundTrips(t, value, DecodeKeyCount, KeyCount.Encode) })
}

func FuzzPart(f *testing.F) {
	f.Add(goldenRecords()["part"])
	f.Add([]byte{version, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, value []byte) {
		roundTrips(t, value, DecodePart, func(p Part) []byte { return p.Encode() })
	})
}

func FuzzRemainder(f *testing.F) {
	f.Add(Remainder{Next: 1, Last: 300}.Encode())
	f.Fuzz(func(t *testing.T, value []byte) { roundTrips(t, value, DecodeRemainder, Remainder.Encode) })
}

// TestNumbersEnd: numbers at the ends of their ranges are read, and the next is damage.
func TestNumbersEnd(t *testing.T) {
	largest := Remainder{Next: math.MaxInt32, Last: math.MaxInt32}
	if got, err := DecodeRemainder(largest.Encode()); err != nil || got != largest {
		t.Errorf("the largest remainder: %+v, %v", got, err)
	}
	for _, beyond := range []Remainder{{Next: math.MaxInt32 + 1}, {Last: math.MaxInt32 + 1}} {
		if got, err := DecodeRemainder(beyond.Encode()); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("%+v is read as %+v, %v", beyond, got, err)
		}
	}
	count := KeyCount{Endpoints: math.MaxUint64, Check: []byte{}}
	if got, err := DecodeKeyCount(count.Encode()); err != nil || got.Endpoints != count.Endpoints || len(got.Check) > 0 {
		t.Errorf("the largest count: %+v, %v", got, err)
	}
	if got, err := DecodeKeyCount([]byte{version, 1, 3, 'a', 'b'}); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("a check cut off: %+v, %v", got, err)
	}
}

// TestNothingIsShared: a value is Badger's memory, which changes after the read.
func TestNothingIsShared(t *testing.T) {
	value := KeyCount{Endpoints: 1, Check: []byte("check")}.Encode()
	got, err := DecodeKeyCount(value)
	for i := range value {
		value[i] ^= 0xff
	}
	if err != nil || !bytes.Equal(got.Check, []byte("check")) {
		t.Errorf("the count changed with the record: %q, %v", got.Check, err)
	}
}
