package limit

import (
	"sync"

	"github.com/corpastro/astrohook/webhook"
)

// maxReadBytes bounds the payloads that one read brings into memory, except for its
// first delivery.
const maxReadBytes = 1 << 20

// Reservation is all memory for payloads that one endpoint's actor holds: its lane, its
// inbox and its reads of storage take from it and release to it. It is opened before
// the actor starts and closed once, when the actor is gone; that frees everything,
// whatever the actor had not released. It is safe for concurrent use.
type Reservation struct {
	budget *Budget
	client *Client

	mu     sync.Mutex
	held   int64
	closed bool
}

// TryTake takes n bytes if endpoint, client and budget may have more.
func (r *Reservation) TryTake(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.mayTakeLocked() || !r.budget.tryTake(int64(n)) {
		return false
	}
	r.holdLocked(int64(n))
	return true
}

// Take takes n bytes even if they are not free: for payloads that a read has brought.
func (r *Reservation) Take(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.budget.take(int64(n))
	r.holdLocked(int64(n))
}

// holdLocked counts bytes that the budget has given. A closed reservation returns them:
// nobody reads what a late read brings.
func (r *Reservation) holdLocked(n int64) {
	if r.closed {
		r.budget.give(n)
		return
	}
	r.held += n
	r.client.payloads.Add(n)
}

// Release returns n bytes. It panics if fewer are held: somebody released twice. After
// Close it does nothing, because Close has returned them.
func (r *Reservation) Release(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
	case r.held < int64(n):
		panic("limit: a reservation releases more bytes than it holds")
	default:
		r.returnLocked(int64(n))
	}
}

func (r *Reservation) returnLocked(n int64) {
	r.held -= n
	r.client.payloads.Add(-n)
	r.budget.give(n)
}

// Close returns all that is held. Whatever is taken later is returned at once. It
// panics if the reservation is closed already: then two owners count on it.
func (r *Reservation) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		panic("limit: a reservation is closed twice")
	}
	r.returnLocked(r.held)
	r.closed = true
	r.budget.open.Add(-1)
}

// Held returns how many bytes are held.
func (r *Reservation) Held() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

// mayTakeLocked reports whether endpoint and client may have more: neither can keep
// the others from having some.
func (r *Reservation) mayTakeLocked() bool {
	b := r.budget
	return mayHold(loadWith(r.client.payloads.Load(), r.held), b.limit-b.used.Load(), b.limit)
}

// Free returns how many more bytes the endpoint may take. Others take at the same time,
// so it is an estimate.
func (r *Reservation) Free() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.mayTakeLocked() {
		return 0
	}
	return int(max(r.budget.limit-r.budget.used.Load(), 0))
}

// ReadBudget bounds one read of storage. Its bytes are taken before the read, since
// only the read shows how many payloads there are; End settles the account once.
type ReadBudget struct {
	of                *Reservation
	Deliveries, Bytes int
}

// BeginRead returns what a read of up to so many deliveries may bring. The less memory
// is free, the fewer bytes. One delivery is always allowed, whatever its size, so that
// an endpoint that holds none makes progress.
func (r *Reservation) BeginRead(deliveries int) ReadBudget {
	free := r.Free()
	bytes := min(max(free/fairness, webhook.MaxPayload), maxReadBytes)
	if free < bytes || !r.budget.tryTake(int64(bytes)) {
		return ReadBudget{of: r, Deliveries: 1}
	}
	r.client.payloads.Add(int64(bytes))
	return ReadBudget{of: r, Deliveries: deliveries, Bytes: bytes}
}

// End replaces the bytes that were taken in advance by those that the read brought.
func (b ReadBudget) End(brought int) {
	b.of.Take(brought)
	b.of.client.payloads.Add(-int64(b.Bytes))
	b.of.budget.give(int64(b.Bytes))
}
