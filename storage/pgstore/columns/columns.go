// Package columns writes parameters of statements in PostgreSQL's binary form: numbers,
// bytes, and arrays of them that grow element by element, as unnest takes them, and the
// sets of arrays that rows of each table consist of. A group of writes has thousands of
// elements, which pgx would encode one by one through interfaces.
//
// What a statement does with them belongs to package pgstore.
package columns

import "encoding/binary"

// kind is the type of an array's elements.
type kind uint32

// OIDs of the element types, which PostgreSQL never changes (pg_type.dat).
const (
	ofBytea kind = 17
	ofInt8  kind = 20
	ofInt2  kind = 21
	ofInt4  kind = 23
)

// headerSize is the size of what precedes the elements of an array: dimensions, whether
// NULLs may follow, type, length and lower bound.
const headerSize = 20

// array is a one-dimensional array under construction.
type array struct {
	raw   []byte
	count uint32
}

// begin returns the bytes to which an element is appended, after its length.
func (a *array) begin(size uint32) []byte {
	if len(a.raw) == 0 {
		a.raw = append(a.raw, make([]byte, headerSize)...)
	}
	a.count++
	return binary.BigEndian.AppendUint32(a.raw, size)
}

// param returns the array; it is valid until the next element.
func (a *array) param(k kind) []byte {
	if len(a.raw) == 0 {
		a.raw = append(a.raw, make([]byte, headerSize)...)
	}
	dimensions := uint32(1)
	if a.count == 0 { // an empty array has none
		dimensions = 0
	}
	binary.BigEndian.PutUint32(a.raw, dimensions)
	binary.BigEndian.PutUint32(a.raw[4:], 1)
	binary.BigEndian.PutUint32(a.raw[8:], uint32(k))
	binary.BigEndian.PutUint32(a.raw[12:], a.count)
	binary.BigEndian.PutUint32(a.raw[16:], 1)
	if a.count == 0 {
		return a.raw[:12]
	}
	return a.raw
}

// reset forgets the elements and keeps the memory.
func (a *array) reset() { a.raw, a.count = a.raw[:0], 0 }

// Len returns the number of elements.
func (a *array) Len() int { return int(a.count) }

// Int2 is an array of int2. Its zero value is empty, as that of all arrays here.
type Int2 struct{ array }

// Add appends an element.
func (a *Int2) Add(v int16) { a.raw = binary.BigEndian.AppendUint16(a.begin(2), uint16(v)) }

// Param returns the array as a parameter, valid until the next Add or Reset.
func (a *Int2) Param() []byte { return a.param(ofInt2) }

// Reset removes all elements and keeps the memory.
func (a *Int2) Reset() { a.reset() }

// Int4 is an array of int4.
type Int4 struct{ array }

// Add appends an element.
func (a *Int4) Add(v int32) { a.raw = binary.BigEndian.AppendUint32(a.begin(4), uint32(v)) }

// Param returns the array as a parameter, valid until the next Add or Reset.
func (a *Int4) Param() []byte { return a.param(ofInt4) }

// Reset removes all elements and keeps the memory.
func (a *Int4) Reset() { a.reset() }

// Int8 is an array of int8.
type Int8 struct{ array }

// Add appends an element.
func (a *Int8) Add(v int64) { a.raw = binary.BigEndian.AppendUint64(a.begin(8), uint64(v)) }

// Param returns the array as a parameter, valid until the next Add or Reset.
func (a *Int8) Param() []byte { return a.param(ofInt8) }

// Reset removes all elements and keeps the memory.
func (a *Int8) Reset() { a.reset() }

// Bytes is an array of bytea.
type Bytes struct{ array }

// Add appends a copy of an element; nil stands for NULL.
func (a *Bytes) Add(v []byte) {
	if v == nil {
		const null = 1<<32 - 1 // the length -1
		a.raw = a.begin(null)
		return
	}
	a.raw = append(a.begin(uint32(len(v))), v...)
}

// Param returns the array as a parameter, valid until the next Add or Reset.
func (a *Bytes) Param() []byte { return a.param(ofBytea) }

// Reset removes all elements and keeps the memory.
func (a *Bytes) Reset() { a.reset() }

// Size returns how many bytes the array has.
func (a *Bytes) Size() int { return len(a.raw) }

// Of returns a number as a parameter of type int8.
func Of(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

// Of2 returns a number as a parameter of type int2.
func Of2(v int16) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

// Of4 returns a number as a parameter of type int4.
func Of4(v int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
