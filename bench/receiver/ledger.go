package receiver

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// ledger remembers which of the expected deliveries arrived. It has a bit for each, in
// segments that are made when they are needed: the backlog's ten million deliveries take
// 1.25 MiB. It is safe for concurrent use.
type ledger struct {
	segments [maxSegments]atomic.Pointer[segment]
	mu       sync.Mutex // held while a segment is made
}

const (
	segmentBits = 1 << 20
	maxSegments = 4096
	// maxDeliveries bounds a run's deliveries, and with it a ledger to 512 MiB.
	maxDeliveries = segmentBits * maxSegments
)

type segment [segmentBits / 64]uint64

// mark notes the arrival of the n-th delivery, from 0, and reports whether it arrived
// for the first time.
func (l *ledger) mark(n uint64) (first bool, err error) {
	if n >= maxDeliveries {
		return false, fmt.Errorf("delivery %d is beyond the %d that a run can have", n, uint64(maxDeliveries))
	}
	bit := uint64(1) << (n % 64)
	old := atomic.OrUint64(&l.segment(n / segmentBits)[n%segmentBits/64], bit)
	return old&bit == 0, nil
}

// segment returns a segment, which it makes if there is none. Only making one takes the
// lock: marking must not.
func (l *ledger) segment(i uint64) *segment {
	if s := l.segments[i].Load(); s != nil {
		return s
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.segments[i].Load(); s != nil {
		return s
	}
	s := new(segment)
	l.segments[i].Store(s)
	return s
}

// has reports whether the n-th delivery arrived.
func (l *ledger) has(n uint64) bool {
	if n >= maxDeliveries {
		return false
	}
	s := l.segments[n/segmentBits].Load()
	return s != nil && atomic.LoadUint64(&s[n%segmentBits/64])>>(n%64)&1 == 1
}

// missing counts those of the first n deliveries that did not arrive and are not excused.
func (l *ledger) missing(n uint64, excused func(uint64) bool) (count uint64) {
	for i := range n {
		if !l.has(i) && !excused(i) {
			count++
		}
	}
	return count
}
