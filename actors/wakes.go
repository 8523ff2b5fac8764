package actors

import (
	"container/heap"
	"time"
)

// wakes are the children whose actors are to be started at a time, as a heap with the
// earliest first. A million idle endpoints need one timer.
type wakes []*child

// set changes when a child is due; zero removes it.
func (w *wakes) set(c *child, at time.Time) {
	c.wakeAt = at
	switch {
	case c.at >= 0 && at.IsZero():
		heap.Remove(w, c.at)
	case c.at >= 0:
		heap.Fix(w, c.at)
	case !at.IsZero():
		heap.Push(w, c)
	}
}

// due removes and returns the first child if its time has come, and nil otherwise.
func (w *wakes) due(now time.Time) *child {
	if len(*w) == 0 || (*w)[0].wakeAt.After(now) {
		return nil
	}
	c := (*w)[0]
	w.set(c, time.Time{})
	return c
}

// Len, Less, Swap, Push and Pop make it a heap.

func (w wakes) Len() int           { return len(w) }
func (w wakes) Less(i, j int) bool { return w[i].wakeAt.Before(w[j].wakeAt) }
func (w wakes) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].at, w[j].at = i, j
}

// Push appends a child.
func (w *wakes) Push(x any) {
	c := x.(*child)
	c.at = len(*w)
	*w = append(*w, c)
}

// Pop removes the last child.
func (w *wakes) Pop() any {
	c := (*w)[len(*w)-1]
	(*w)[len(*w)-1] = nil
	*w = (*w)[:len(*w)-1]
	c.at = -1
	return c
}
