package peer

// windowSize is how far the numbers of requests that are under way at the same time may
// lie apart.
const windowSize = 1024

// window accepts each number of a sender once. Numbers may arrive out of order, as
// requests on several connections do, but not windowSize behind the latest one.
type window struct {
	latest uint64
	seen   [windowSize / 64]uint64 // by number modulo windowSize
}

// take reports whether the number is new.
func (w *window) take(n uint64) bool {
	switch {
	case n == 0, w.latest >= windowSize && n <= w.latest-windowSize:
		return false
	case n > w.latest:
		for i := max(w.latest+1, n-min(n, windowSize)); i < n; i++ {
			w.clear(i)
		}
		w.clear(n)
		w.latest = n
	case w.seen[n/64%uint64(len(w.seen))]&(1<<(n%64)) != 0:
		return false
	}
	w.seen[n/64%uint64(len(w.seen))] |= 1 << (n % 64)
	return true
}

func (w *window) clear(n uint64) { w.seen[n/64%uint64(len(w.seen))] &^= 1 << (n % 64) }
