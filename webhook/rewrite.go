package webhook

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// rewrite brings numbers and keys of the compact document out[start:] into
// canonical form; its nesting is at most MaxDepth.
func rewrite(out []byte, start int) []byte {
	r := rewriters.Get().(*rewriter)
	defer r.release()
	r.src = append(r.src[:0], out[start:]...)
	r.pos, r.out, r.byKey = 0, out[:start], false
	r.value()
	return r.out
}

// appendByKey appends a canonical document with the members of each object in the
// order of their keys.
func appendByKey(dst, canonical []byte) []byte {
	r := rewriters.Get().(*rewriter)
	defer r.release()
	r.src = append(r.src[:0], canonical...)
	r.pos, r.out, r.byKey = 0, dst, true
	r.value()
	return r.out
}

// rewriters holds rewriters for use again, without documents.
var rewriters = sync.Pool{New: func() any { return new(rewriter) }}

// maxIdleRewriter bounds the buffers, in bytes, that an unused rewriter keeps.
const maxIdleRewriter = 64 << 10

// rewriter copies a valid compact document, value by value.
type rewriter struct {
	src     []byte
	pos     int // of the next byte of src
	out     []byte
	byKey   bool     // order members by key, and copy everything else as it is
	members []member // of the objects that are being copied, outer ones first
	spare   []byte   // for the members of one object in new order
}

// member is one key and value of an object, as out[start:end].
type member struct {
	start, end int
	keyEnd     int    // the key is out[start:keyEnd]
	index      uint64 // the key as a number, notIndex if it is not an array index
}

// notIndex orders a key after every array index.
const notIndex = maxArrayIndex + 1

func (r *rewriter) release() {
	r.out, r.members = nil, r.members[:0]
	if cap(r.src)+cap(r.spare) <= maxIdleRewriter {
		rewriters.Put(r)
	}
}

// value copies the next value.
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
		if r.byKey {
			r.copyTo(end)
			return
		}
		r.out = appendNumber(r.out, r.src[r.pos:end])
		r.pos = end
	default: // true, false or null ends where a number would
		r.copyTo(numberEnd(r.src, r.pos))
	}
}

// copyTo copies src as it is, up to a position.
func (r *rewriter) copyTo(end int) {
	r.out = append(r.out, r.src[r.pos:end]...)
	r.pos = end
}

// copyIf copies the next byte if it is c.
func (r *rewriter) copyIf(c byte) bool {
	if r.src[r.pos] != c {
		return false
	}
	r.copyTo(r.pos + 1)
	return true
}

func (r *rewriter) array() {
	r.copyIf('[')
	for !r.copyIf(']') {
		r.value()
		r.copyIf(',')
	}
}

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
	case r.byKey:
		r.order(r.members[first:], func(a, b member) int {
			return bytes.Compare(r.out[a.start:a.keyEnd], r.out[b.start:b.keyEnd])
		})
	case indices: // JavaScript's order
		r.order(r.members[first:], func(a, b member) int { return cmp.Compare(a.index, b.index) })
	}
	r.members = r.members[:first]
}

// order sorts the members of the object that was copied last.
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
