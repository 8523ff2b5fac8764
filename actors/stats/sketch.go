package stats

import "encoding/binary"

// maxSketch bounds the buckets of a sketch.
const maxSketch = 8

// sketch is a histogram of latencies with few buckets, which a Book keeps. Where a histogram
// has more, neighbours are put together, and count as the slowest one of them: quantiles are
// estimated from above, as those of the histogram are.
type sketch struct {
	used    uint8
	buckets [maxSketch]uint8 // of the histogram, ascending
	counts  [maxSketch]uint32
}

// newSketch returns the sketch of a histogram, with the smallest groups of neighbours that
// fit: 1, 2, 4, 8 or 16 buckets, so that the sketch of a sketch is the same.
func newSketch(of *[latencyBuckets]uint32) (s sketch) {
	for group := 1; !s.take(of, group); group *= 2 {
		s = sketch{}
	}
	return s
}

// take puts groups of neighbours together, and reports whether there is room for all.
func (s *sketch) take(of *[latencyBuckets]uint32, group int) bool {
	for b, n := range of {
		if n == 0 {
			continue
		}
		slowest := uint8(min(b/group*group+group, latencyBuckets) - 1)
		if s.used == 0 || s.buckets[s.used-1] != slowest {
			if s.used == maxSketch {
				return false
			}
			s.buckets[s.used] = slowest
			s.used++
		}
		s.counts[s.used-1] += n
	}
	return true
}

// fill adds the sketch to a histogram.
func (s *sketch) fill(to *[latencyBuckets]uint32) {
	for i := range s.used {
		to[s.buckets[i]] += s.counts[i]
	}
}

// append appends the sketch: 1 byte, and for each bucket 2 to 6.
func (s *sketch) append(dst []byte) []byte {
	dst = append(dst, s.used)
	for i := range s.used {
		dst = binary.AppendUvarint(append(dst, s.buckets[i]), uint64(s.counts[i]))
	}
	return dst
}

// sketch reads what append wrote.
func (r *reader) sketch() (s sketch) {
	used := r.next()
	if used > maxSketch {
		r.rest, r.failed = nil, true
		return s
	}
	s.used = uint8(used)
	for i := range s.used {
		bucket := r.next()
		if bucket >= latencyBuckets {
			r.rest, r.failed = nil, true
			return sketch{}
		}
		s.buckets[i], s.counts[i] = uint8(bucket), uint32(r.next())
	}
	return s
}
