package webhook

import "math/bits"

// PartCount is the number of parts. It is fixed: the part of an endpoint is in the keys
// of its deliveries.
const PartCount = 256

// Part is one of the PartCount shares of all endpoints. In a cluster a part, with all of
// its endpoints, belongs to one node at a time, which alone delivers to them.
type Part uint8

// Part returns the part that an endpoint is in, for as long as it exists.
func (n EndpointNumber) Part() Part { return Part(n % PartCount) }

// Parts is a set of parts. The zero value is empty.
type Parts [PartCount / 64]uint64

// AllParts returns the set of all parts: what the only node has.
func AllParts() Parts {
	var all Parts
	for i := range all {
		all[i] = ^uint64(0)
	}
	return all
}

// Has reports whether p is in the set.
func (s *Parts) Has(p Part) bool { return s[p/64]&(1<<(p%64)) != 0 }

// Add puts p into the set.
func (s *Parts) Add(p Part) { s[p/64] |= 1 << (p % 64) }

// Remove takes p out of the set.
func (s *Parts) Remove(p Part) { s[p/64] &^= 1 << (p % 64) }

// Len returns how many parts are in the set.
func (s *Parts) Len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// All calls yield for each part of the set in ascending order, until it returns false.
func (s *Parts) All(yield func(Part) bool) {
	for p := range PartCount {
		if s.Has(Part(p)) && !yield(Part(p)) {
			return
		}
	}
}
