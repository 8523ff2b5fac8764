package columns

import (
	"math"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

// scan reads a parameter as pgx reads what the database sends.
func scan[T any](t *testing.T, oid uint32, raw []byte) (out T) {
	t.Helper()
	if err := pgtype.NewMap().Scan(oid, pgtype.BinaryFormatCode, raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestArrays: pgx reads each array as what was added, also after it was reset.
func TestArrays(t *testing.T) {
	var i2 Int2
	var i4 Int4
	var i8 Int8
	var b Bytes
	for _, size := range []int{0, 1, 300, 2} {
		i2.Reset()
		i4.Reset()
		i8.Reset()
		b.Reset()
		w2, w4, w8, wb := []int16{}, []int32{}, []int64{}, [][]byte{}
		for n := range size {
			w2, w4, w8 = append(w2, int16(math.MinInt16+n)), append(w4, int32(math.MaxInt32-n)), append(w8, int64(math.MinInt64+n))
			one := make([]byte, n)
			if n%3 == 1 {
				one = nil
			}
			wb = append(wb, one)
			i2.Add(w2[n])
			i4.Add(w4[n])
			i8.Add(w8[n])
			b.Add(one)
		}
		for _, c := range []struct{ got, want any }{
			{scan[[]int16](t, pgtype.Int2ArrayOID, i2.Param()), w2},
			{scan[[]int32](t, pgtype.Int4ArrayOID, i4.Param()), w4},
			{scan[[]int64](t, pgtype.Int8ArrayOID, i8.Param()), w8},
			{scan[[][]byte](t, pgtype.ByteaArrayOID, b.Param()), wb},
		} {
			if !reflect.DeepEqual(c.got, c.want) {
				t.Errorf("%d elements: %v, want %v", size, c.got, c.want)
			}
		}
		if i2.Len() != size || b.Len() != size || size > 0 && b.Size() <= size {
			t.Errorf("%d elements: %d and %d in %d bytes", size, i2.Len(), b.Len(), b.Size())
		}
	}
}

// TestNumbers: single parameters.
func TestNumbers(t *testing.T) {
	if got := scan[int64](t, pgtype.Int8OID, Of(math.MinInt64)); got != math.MinInt64 {
		t.Error(got)
	}
	if got := scan[int16](t, pgtype.Int2OID, Of2(-7)); got != -7 {
		t.Error(got)
	}
	if got := scan[int32](t, pgtype.Int4OID, Of4(math.MaxInt32)); got != math.MaxInt32 {
		t.Error(got)
	}
}

// TestAllocArrays: an array that was used before allocates nothing.
func TestAllocArrays(t *testing.T) {
	var a Int8
	var b Bytes
	data := make([]byte, 500)
	fill := func() {
		a.Reset()
		b.Reset()
		for n := range 1000 {
			a.Add(int64(n))
			b.Add(data)
		}
		_, _ = a.Param(), b.Param()
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
