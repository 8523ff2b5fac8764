package canonicaljson

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// AppendSorted appends a canonical document with the members of every object in the
// byte order of their keys, quotes included. Two documents that differ only in the
// order of members (RFC 8259, section 4: an unordered collection) become equal.
// canonical must come from Append; AppendSorted does not change it. Fingerprints of
// events in storage depend on the order.
func AppendSorted(dst, canonical []byte) []byte {
	r := rewriters.Get().(*rewriter)
	defer r.release()
	r.src = append(r.src[:0], canonical...)
	r.pos, r.out, r.sorted = 0, dst, true
	r.value()
	return r.out
}

// rewrite brings numbers and keys of the compact document out[start:] into
// canonical form, in place. The document nests at most MaxDepth levels, which
// bounds the recursion of value.
func rewrite(out []byte, start int) []byte {
	r := rewriters.Get().(*rewriter)
	defer r.release()
	r.src = append(r.src[:0], out[start:]...)
	r.pos, r.out, r.sorted = 0, out[:start], false
	r.value()
	return r.out
}

// rewriters pools rewriters for their buffers, so that a rewrite allocates nothing.
var rewriters = sync.Pool{New: func() any { return new(rewriter) }}

// maxPooledBuffers bounds the buffers, in bytes, of a rewriter that returns to the
// pool: one large document must not cost its memory for as long as the server runs.
const maxPooledBuffers = 64 << 10

// rewriter copies a valid compact document from src to out, value by value.
type rewriter struct {
	src     []byte
	pos     int // position in src of the next byte to copy
	out     []byte
	sorted  bool     // order members by their keys, and copy numbers as they are
	members []member // members of the objects that are being copied, outer ones first
	spare   []byte   // the members of one object in their new order
}

// member is one key and value of an object, out[start:end].
type member struct {
	start, end int
	keyEnd     int    // the key is out[start:keyEnd]
	index      uint64 // the key as an array index, or notIndex
}

// notIndex is the index of a key that is no array index. It is larger than every
// index, so that a stable sort leaves those keys last and in their order.
const notIndex = maxArrayIndex + 1

// release returns the rewriter to the pool. It drops out, which is the caller's.
func (r *rewriter) release() {
	r.out, r.members = nil, r.members[:0]
	if cap(r.src)+cap(r.spare) <= maxPooledBuffers {
		rewriters.Put(r)
	}
}

// value copies the value at pos.
func (r *rewriter) value() {
	switch c := r.src[r.pos]; {
	case c == '{':
		r.object()
	case c == '[':
		r.array()
	case c == '"':
		r.copyTo(stringEnd(r.src, r.pos))
	case c == '-' || '0' <= c && c <= '9':
		end := numberEnd(r.src, r.pos)
		if r.sorted {
			r.copyTo(end)
			return
		}
		r.out = appendNumber(r.out, r.src[r.pos:end])
		r.pos = end
	default: // true, false or null ends where a number would
		r.copyTo(numberEnd(r.src, r.pos))
	}
}

// copyTo copies src as it is from pos to end.
func (r *rewriter) copyTo(end int) {
	r.out = append(r.out, r.src[r.pos:end]...)
	r.pos = end
}

// copyIf copies the next byte if it is c, and reports whether it was.
func (r *rewriter) copyIf(c byte) bool {
	if r.src[r.pos] != c {
		return false
	}
	r.copyTo(r.pos + 1)
	return true
}

// array copies the array at pos.
func (r *rewriter) array() {
	r.copyIf('[')
	for !r.copyIf(']') {
		r.value()
		r.copyIf(',')
	}
}

// object copies the object at pos, and orders its members afterwards: their texts
// are complete only then.
func (r *rewriter) object() {
	first, indices := len(r.members), false
	r.copyIf('{')
	for !r.copyIf('}') {
		m := member{start: len(r.out), index: notIndex}
		end := stringEnd(r.src, r.pos)
		if n, ok := arrayIndex(r.src[r.pos+1 : end-1]); ok {
			m.index, indices = n, true
		}
		r.copyTo(end)
		m.keyEnd = len(r.out)
		r.copyIf(':')
		r.value()
		m.end = len(r.out)
		r.members = append(r.members, m)
		r.copyIf(',')
	}
	switch {
	case r.sorted:
		r.order(r.members[first:], func(a, b member) int {
			return bytes.Compare(r.out[a.start:a.keyEnd], r.out[b.start:b.keyEnd])
		})
	case indices: // JavaScript's order
		r.order(r.members[first:], func(a, b member) int { return cmp.Compare(a.index, b.index) })
	}
	r.members = r.members[:first]
}

// order sorts the members of the object that was copied last. They are the end of
// out, so that the same bytes hold them in the new order.
func (r *rewriter) order(members []member, compare func(a, b member) int) {
	if slices.IsSortedFunc(members, compare) {
		return
	}
	start := members[0].start
	slices.SortStableFunc(members, compare)
	r.spare = r.spare[:0]
	for i, m := range members {
		if i > 0 {
			r.spare = append(r.spare, ',')
		}
		r.spare = append(r.spare, r.out[m.start:m.end]...)
	}
	copy(r.out[start:], r.spare)
}
