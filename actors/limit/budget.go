package limit

import "sync/atomic"

// Budget bounds the bytes of payload that all endpoints' actors, inboxes and reads hold
// in memory. What finds no room stays in storage and is read later. It is safe for
// concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
	open  atomic.Int64
}

// NewBudget returns a budget of limit bytes, all of them free.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// InUse returns how many bytes are held.
func (b *Budget) InUse() int64 { return b.used.Load() }

// Open returns how many reservations are not closed: as many as actors run.
func (b *Budget) Open() int64 { return b.open.Load() }

// tryTake takes n bytes if they are free.
func (b *Budget) tryTake(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

// take takes n bytes even if they are not free: they are in memory already.
func (b *Budget) take(n int64) { b.used.Add(n) }

func (b *Budget) give(n int64) { b.used.Add(-n) }

// Reserve opens the reservation of one endpoint's actor. The client's other endpoints
// count against it, too.
func (b *Budget) Reserve(client *Client) *Reservation {
	b.open.Add(1)
	return &Reservation{budget: b, client: client}
}
