package limit

import (
	"container/heap"
	"time"
)

// patience is how many permits better classes may take before a class that waits gets one
// of those that it does not see. So each class is served, however busy the better ones are.
const patience = 256

// floor is the part of all permits, one in so many, that patience does not open to worse
// classes. It stays free for newcomers.
const floor = 32

// queue holds the endpoints that wait for a permit: for each class the clients, ranked by
// their first endpoints, and for each client its endpoints, ranked. If the first endpoint
// of a class may not take a permit, no other of its class may, so that only the first ones
// are looked at. Permits.mu guards it.
type queue struct {
	lines   [classes]ranking[*permitClient]
	waiting int
	turns   uint64 // endpoints that began to wait so far
	// passed counts, for each class in which endpoints wait, the permits that better
	// classes took since it got one.
	passed [classes]int
}

func newQueue() (q queue) {
	for of := range classes {
		q.lines[of] = ranking[*permitClient]{
			before: func(a, b *permitClient) bool { return comesFirst(a, b, of) },
			at:     func(c *permitClient) *int { return &c.at[of] },
		}
	}
	return q
}

// comesFirst orders the clients with endpoints that wait in a class, by the first one of
// each.
func comesFirst(a, b *permitClient, of class) bool {
	x, y := a.waiting[of].items[0], b.waiting[of].items[0]
	if i, j := x.load(of), y.load(of); i != j {
		return i < j
	}
	return x.turn < y.turn
}

// enqueue makes an endpoint wait in a class. It keeps its turn if it waited in another one.
func (q *queue) enqueue(h *Holder, of class) {
	if h.turn == 0 {
		q.turns++
		h.turn = q.turns
	}
	h.class, h.waiting = of, true
	q.waiting++
	c := h.client
	heap.Push(&c.waiting[of], h)
	if c.at[of] == nowhere {
		heap.Push(&q.lines[of], c)
	} else {
		heap.Fix(&q.lines[of], c.at[of])
	}
}

// leaveLine makes an endpoint wait no longer, if it does.
func (q *queue) leaveLine(h *Holder) {
	if !h.waiting {
		return
	}
	h.waiting = false
	q.waiting--
	c, of := h.client, h.class
	heap.Remove(&c.waiting[of], h.at)
	if c.waiting[of].Len() == 0 {
		heap.Remove(&q.lines[of], c.at[of])
		q.passed[of] = 0
	} else {
		heap.Fix(&q.lines[of], c.at[of])
	}
}

// reorderHolder puts an endpoint that holds less than before in its new place.
func (q *queue) reorderHolder(h *Holder) {
	if h.waiting {
		heap.Fix(&h.client.waiting[h.class], h.at)
		q.reorderClient(h.client)
	}
}

// reorderClient puts a client that holds more or less than before in its new places.
func (q *queue) reorderClient(c *permitClient) {
	if q.waiting == 0 {
		return
	}
	for of, at := range c.at {
		if at != nowhere {
			heap.Fix(&q.lines[of], at)
		}
	}
}

// countPassed notes that a class got a permit: it was not passed over, and the worse ones
// that wait were.
func (q *queue) countPassed(of class) {
	if q.waiting == 0 {
		return
	}
	q.passed[of] = 0
	for worse := of + 1; worse < classes; worse++ {
		if q.lines[worse].Len() > 0 {
			q.passed[worse]++
		}
	}
}

// keepNext keeps a free permit for the endpoint whose turn it is, and returns that one; nil
// if none of those that wait may take one.
func (p *Permits) keepNext(at time.Duration) *Holder {
	for p.waiting > 0 {
		h := p.next()
		if h == nil {
			return nil
		}
		of := h.class
		p.leaveLine(h)
		if is := h.classAt(at); is != of { // its attempts have become slow while it waited
			p.enqueue(h, is)
			continue
		}
		p.take(h, of)
		h.kept = true
		return h
	}
	return nil
}

// next returns the endpoint that gets the next permit: one of a class that was passed over
// for too long if there is one, else the one that holds least of all that may take it.
func (p *Permits) next() (best *Holder) {
	for of := range classes {
		if p.lines[of].Len() == 0 {
			continue
		}
		h := p.lines[of].items[0].waiting[of].items[0]
		if p.passed[of] >= patience && p.size-p.used.all > p.size/floor && p.may(h, of, p.free(of)) {
			return h
		}
		if p.may(h, of, p.visible(of)) && (best == nil || before(h, best)) {
			best = h
		}
	}
	return best
}

// before reports whether a waiting endpoint comes before one of another class.
func before(a, b *Holder) bool {
	if x, y := a.load(a.class), b.load(b.class); x != y {
		return x < y
	}
	return a.turn < b.turn
}

// nowhere is the place of an item that is in no ranking.
const nowhere = -1

// ranking is a heap whose items know their places, so that one can be moved or removed
// without a search.
type ranking[T any] struct {
	items  []T
	before func(a, b T) bool
	at     func(T) *int // where an item keeps its place
}

// Len, Less, Swap, Push and Pop make it a heap.Interface.

func (r *ranking[T]) Len() int           { return len(r.items) }
func (r *ranking[T]) Less(i, j int) bool { return r.before(r.items[i], r.items[j]) }
func (r *ranking[T]) Swap(i, j int) {
	r.items[i], r.items[j] = r.items[j], r.items[i]
	*r.at(r.items[i]), *r.at(r.items[j]) = i, j
}

// Push appends an item.
func (r *ranking[T]) Push(x any) {
	item := x.(T)
	*r.at(item) = len(r.items)
	r.items = append(r.items, item)
}

// Pop removes the last item.
func (r *ranking[T]) Pop() any {
	last := len(r.items) - 1
	item := r.items[last]
	r.items[last] = *new(T)
	r.items = r.items[:last]
	*r.at(item) = nowhere
	return item
}
