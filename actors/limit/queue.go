package limit

import (
	"container/heap"
	"time"
)

// patience is how many slots better classes may take before one that waits
// gets a slot from those that it does not see.
const patience = 256

// floor is which part of the slots, one in so many, is not for that.
const floor = 32

// queue are the endpoints that wait for a slot: for each class the clients,
// and each client's endpoints. Where the first one of a class may not take a slot,
// none of its class may.
type queue struct {
	lines   [classes]ranking[*permitClient]
	waiting int
	turns   uint64
	// passed counts the slots that went to better classes since a class that waits got one.
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

// comesFirst orders the clients that wait for a slot of a class, by their first endpoints.
func comesFirst(a, b *permitClient, of class) bool {
	x, y := a.waiting[of].items[0], b.waiting[of].items[0]
	if i, j := x.load(of), y.load(of); i != j {
		return i < j
	}
	return x.turn < y.turn
}

// wait puts an endpoint into the line of a class. It keeps its turn if it waited in another one.
func (q *queue) wait(h *Holder, of class) {
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

// quit takes an endpoint out of its line, if it is in one.
func (q *queue) quit(h *Holder) {
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

// moved puts an endpoint that holds less than before in its place.
func (q *queue) moved(h *Holder) {
	if h.waiting {
		heap.Fix(&h.client.waiting[h.class], h.at)
		q.reorder(h.client)
	}
}

// reorder puts a client whose holdings changed in its places.
func (q *queue) reorder(c *permitClient) {
	if q.waiting == 0 {
		return
	}
	for of, at := range c.at {
		if at != nowhere {
			heap.Fix(&q.lines[of], at)
		}
	}
}

// served notes that a class got a slot.
func (q *queue) served(of class) {
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

// grant keeps a free slot for the endpoint whose turn it is; nil if none may take one.
func (s *Permits) grant(at time.Duration) *Holder {
	for s.waiting > 0 {
		h := s.next()
		if h == nil {
			return nil
		}
		of := h.class
		s.quit(h)
		if is := h.classAt(at); is != of { // how long its attempts last has shown only now
			s.wait(h, is)
			continue
		}
		s.take(h, of)
		h.granted = true
		return h
	}
	return nil
}

// next returns the endpoint to get the next slot: of those that may take it the
// one that holds least, and before that one of a class that was passed by for too long.
func (s *Permits) next() (best *Holder) {
	for of := range classes {
		if s.lines[of].Len() == 0 {
			continue
		}
		h := s.lines[of].items[0].waiting[of].items[0]
		if s.passed[of] >= patience && s.size-s.used.all > s.size/floor && s.may(h, of, s.unclaimed(of)) {
			return h
		}
		if s.may(h, of, s.visible(of)) && (best == nil || before(h, best)) {
			best = h
		}
	}
	return best
}

// before reports whether an endpoint comes before another one of another class.
func before(a, b *Holder) bool {
	if x, y := a.load(a.class), b.load(b.class); x != y {
		return x < y
	}
	return a.turn < b.turn
}

// nowhere is the place of what is in no ranking.
const nowhere = -1

// ranking is a heap, of which each item knows its place.
type ranking[T any] struct {
	items  []T
	before func(a, b T) bool
	at     func(T) *int
}

// Len, Less, Swap, Push and Pop make it a heap.

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
