package limit

import (
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// maxReadBytes bounds the payloads that one read brings into memory, except for its first delivery.
const maxReadBytes = 1 << 20

// Budget bounds the bytes of payload that all lanes and their mailboxes hold in
// memory. What finds no room stays in storage, to be read again later.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit bytes, all of them free.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// InUse returns how many bytes are taken.
func (b *Budget) InUse() int64 { return b.used.Load() }

// tryTake takes n bytes if there is room.
func (b *Budget) tryTake(n int) bool {
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

// give gives n bytes back.
func (b *Budget) give(n int) { b.used.Add(-int64(n)) }

// Reserve opens what one endpoint's actor and its mailbox hold of the budget, under
// its client.
func (b *Budget) Reserve(client *Client) *Reservation {
	return &Reservation{budget: b, client: client}
}

// Reservation is what one endpoint's actor and its mailbox hold of the budget. It is
// closed once, when the actor is gone. It is safe for concurrent use.
type Reservation struct {
	budget *Budget
	client *Client
	bytes  atomic.Int64
	closed atomic.Bool // what a late read still takes is given back at once
}

// Again opens one for the endpoint's next actor.
func (r *Reservation) Again() *Reservation { return r.budget.Reserve(r.client) }

// Take takes n bytes, room or not: for what was read already.
func (r *Reservation) Take(n int) {
	r.charge(n)
	r.budget.used.Add(int64(n))
	r.returnIfClosed()
}

// TryTake takes n bytes if endpoint, client and budget may have more.
func (r *Reservation) TryTake(n int) bool {
	ok := r.mayTake() && r.budget.tryTake(n)
	if ok {
		r.charge(n)
		r.returnIfClosed()
	}
	return ok
}

// mayTake reports whether endpoint and client may have more in memory: neither
// can keep the others from having some.
func (r *Reservation) mayTake() bool {
	b := r.budget
	return mayHold(loadWith(r.client.payloads.Load(), r.bytes.Load()), b.limit-b.used.Load(), b.limit)
}

func (r *Reservation) charge(n int) {
	r.bytes.Add(int64(n))
	r.client.payloads.Add(int64(n))
}

// discharge takes all that is charged off, and returns how much it was.
func (r *Reservation) discharge() int {
	n := r.bytes.Swap(0)
	r.client.payloads.Add(-n)
	return int(n)
}

// returnIfClosed gives back what was taken after the actor had gone.
func (r *Reservation) returnIfClosed() {
	if r.closed.Load() {
		r.budget.give(r.discharge())
	}
}

// Release gives n bytes back.
func (r *Reservation) Release(n int) {
	r.charge(-n)
	r.budget.give(n)
}

// Close gives back all that is held; what is taken later is given back at once.
func (r *Reservation) Close() {
	r.closed.Store(true)
	r.budget.give(r.discharge())
}

// Held returns how many bytes are held.
func (r *Reservation) Held() int64 { return r.bytes.Load() }

// Free returns how many bytes the endpoint may have more, roughly.
func (r *Reservation) Free() int {
	if !r.mayTake() {
		return 0
	}
	return int(max(r.budget.limit-r.budget.used.Load(), 0))
}

// ReadLimit is what a read may bring into memory.
type ReadLimit struct{ Deliveries, Bytes int }

// LimitRead bounds a read by what memory the endpoint may use. The less is free, the
// less a read may bring. One delivery can always be read, so that every endpoint
// that holds none goes on. endRead must follow.
func (r *Reservation) LimitRead(deliveries int) ReadLimit {
	free := r.Free()
	left := min(max(free/fairness, webhook.MaxPayload), maxReadBytes)
	if free < left || !r.budget.tryTake(left) {
		return ReadLimit{Deliveries: 1}
	}
	r.client.payloads.Add(int64(left))
	return ReadLimit{Deliveries: deliveries, Bytes: left}
}

// EndRead counts the payloads that a read brought, and ends what limitRead reserved.
func (r *Reservation) EndRead(limit ReadLimit, brought int) {
	r.Take(brought)
	r.client.payloads.Add(-int64(limit.Bytes))
	r.budget.give(limit.Bytes)
}
