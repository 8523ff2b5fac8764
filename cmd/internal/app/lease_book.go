package app

import (
	"container/heap"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// lease is a webhook that is deleted unless somebody renews it.
type lease struct {
	number   webhook.EndpointNumber
	revision uint64    // of the webhook's record in storage
	due      time.Time // of the next look at whether it has ended
	place    int       // index in the heap
}

// leaseBook has every lease, ordered by its end. It reads no clock: times are
// arguments. Its memory is bounded by the number of temporary webhooks.
type leaseBook struct {
	byNumber map[webhook.EndpointNumber]*lease
	first    leaseHeap // the same leases, the first one due on top
}

func newLeaseBook() *leaseBook {
	return &leaseBook{byNumber: map[webhook.EndpointNumber]*lease{}}
}

// put sets when to look at a webhook, as of one of its revisions. It ignores a revision
// older than the known one: changes may arrive out of order.
func (b *leaseBook) put(n webhook.EndpointNumber, revision uint64, due time.Time) {
	known := b.byNumber[n]
	switch {
	case known == nil:
		known = &lease{number: n, revision: revision, due: due}
		b.byNumber[n] = known
		heap.Push(&b.first, known)
	case revision >= known.revision:
		known.revision, known.due = revision, due
		heap.Fix(&b.first, known.place)
	}
}

// remove drops a webhook that no longer has a lease.
func (b *leaseBook) remove(n webhook.EndpointNumber, revision uint64) {
	if known := b.byNumber[n]; known != nil && revision >= known.revision {
		heap.Remove(&b.first, known.place)
		delete(b.byNumber, n)
	}
}

// next returns when the first lease is due; zero if there is none.
func (b *leaseBook) next() time.Time {
	if len(b.first) == 0 {
		return time.Time{}
	}
	return b.first[0].due
}

// due returns a webhook to look at now, which stays in the book.
func (b *leaseBook) due(now time.Time) (n webhook.EndpointNumber, found bool) {
	if len(b.first) == 0 || b.first[0].due.After(now) {
		return 0, false
	}
	return b.first[0].number, true
}

// leaseHeap orders leases by when they are due. Its methods are those of heap.Interface,
// which alone calls them.
type leaseHeap []*lease

// Len returns the number of leases.
func (h leaseHeap) Len() int { return len(h) }

// Less reports whether lease i is due before lease j.
func (h leaseHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

// Swap exchanges two leases.
func (h leaseHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push adds a lease at the end.
func (h *leaseHeap) Push(x any) {
	l, _ := x.(*lease)
	l.place = len(*h)
	*h = append(*h, l)
}

// Pop removes the lease at the end.
func (h *leaseHeap) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return l
}
