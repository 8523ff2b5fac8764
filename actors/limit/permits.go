package limit

import (
	"sync"
	"time"
)

// Tier is what an endpoint's receiver has shown of itself when the endpoint asks for a
// permit. Lower tiers may use more permits.
type Tier int

// The tiers, the best one first.
const (
	// TierProven means that the receiver has answered since it last failed.
	TierProven Tier = iota
	// TierFirst means that it has not, and that no attempt is in flight that could show
	// whether it does.
	TierFirst
	// TierMore means that it has not, and that attempts to it are in flight.
	TierMore
)

// Permits bounds the attempts in flight of the whole server, and shares them among
// clients, then among the endpoints of each. No attempt is ever cut short for another one,
// so permits must be free before an endpoint that holds little asks for one: mayHold
// decides from the number of free ones how many a client may hold, and an endpoint of it.
//
// An endpoint sees fewer free permits than there are, depending on its class; the rest is
// left to better classes. Unproven endpoints share one half of all permits by the same
// rule, and half of that half for attempts beyond a first one.
//
// An endpoint that finds no permit waits. A permit that becomes free is for the waiting
// endpoint that may take it and holds least, its client included; among equals for the one
// that waits longest. It is kept until that endpoint takes it or forgoes it, so that
// nobody can overtake.
//
// Permits is safe for concurrent use. Each call takes a time, because how long attempts
// last decides on an endpoint's class.
type Permits struct {
	size  int
	began time.Time // durations are counted from here

	mu      sync.Mutex // guards all below, and everything in Holder and permitClient
	used    counts
	clients map[string]*permitClient
	queue
}

// Permit is the right to one attempt in flight. Release must follow, once.
type Permit struct {
	of    *Holder
	class class // in which it is counted, whatever the endpoint's class becomes
	since time.Duration
}

// NewPermits returns n permits, all of them free. Durations are counted from now on.
func NewPermits(n int, now time.Time) *Permits {
	return &Permits{
		size: n, began: now, clients: make(map[string]*permitClient), queue: newQueue(),
	}
}

// Join returns the holder for an endpoint of a client; Leave must follow. notify is called
// when a permit is kept for the endpoint, from the goroutine of whoever released it and
// without a lock held; it must not block.
func (p *Permits) Join(client string, notify func()) *Holder {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[client]
	if c == nil {
		c = newPermitClient(client)
		p.clients[client] = c
	}
	c.members++
	return &Holder{notify: notify, client: c, at: nowhere}
}

// Acquire takes a permit, the one that is kept for the endpoint if there is one. If the
// endpoint may take none it waits from now on, and is notified when one is kept for it.
func (p *Permits) Acquire(h *Holder, has Tier, now time.Time) (Permit, bool) {
	at := now.Sub(p.began)
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.kept {
		h.kept = false
	} else {
		h.asked = has
		of := h.classAt(at)
		p.leaveLine(h)
		if !p.may(h, of, p.visible(of)) {
			p.enqueue(h, of)
			return Permit{}, false
		}
		p.take(h, of)
	}
	h.durations.begin(at)
	return Permit{of: h, class: h.class, since: at}, true
}

// Release returns a permit, after its attempt has ended.
func (p *Permits) Release(taken Permit, now time.Time) {
	at := now.Sub(p.began)
	p.mu.Lock()
	taken.of.durations.end(taken.since, at)
	p.giveBack(taken.of, taken.class)
	next := p.keepNext(at)
	p.mu.Unlock()
	p.notifyNext(next, at)
}

// Forgo gives back the permit that is kept for an endpoint, if there is one: it has nothing
// to send any more, and others wait.
func (p *Permits) Forgo(h *Holder, now time.Time) {
	at := now.Sub(p.began)
	p.mu.Lock()
	p.forgoLocked(h)
	next := p.keepNext(at)
	p.mu.Unlock()
	p.notifyNext(next, at)
}

// forgoLocked makes a permit that is kept for an endpoint free; p.mu is held.
func (p *Permits) forgoLocked(h *Holder) {
	if h.kept {
		h.kept = false
		p.giveBack(h, h.class)
	}
}

// Leave ends the use of a holder: it waits no more, and a permit that is kept for it is
// free. Permits that it took stay taken until they are released.
func (p *Permits) Leave(h *Holder, now time.Time) {
	at := now.Sub(p.began)
	p.mu.Lock()
	p.leaveLine(h)
	p.forgoLocked(h)
	h.client.members--
	p.forget(h.client)
	next := p.keepNext(at)
	p.mu.Unlock()
	p.notifyNext(next, at)
}

// notifyNext notifies the endpoint for which a permit was just kept, then keeps more while
// it can: permits that were free before can be allowed only now, because a class has waited
// for too long, or an endpoint's attempts have become slow. p.mu is not held, so that notify
// may call back.
func (p *Permits) notifyNext(next *Holder, at time.Duration) {
	for next != nil {
		next.notify()
		p.mu.Lock()
		next = p.keepNext(at)
		p.mu.Unlock()
	}
}

// may reports whether an endpoint may take a permit as one of a class that sees free ones.
func (p *Permits) may(h *Holder, of class, free int) bool {
	return mayHold(h.load(of), free, p.size)
}

// visible returns how many free permits a class sees.
func (p *Permits) visible(of class) int { return p.free(of) - of.leaves()*p.size/leavesOf }

// free returns how many permits are free for a class. Free ones in the half or the quarter
// of the unproven count two or four times, so that mayHold, which compares with the whole,
// shares the part in the same way.
func (p *Permits) free(of class) int {
	free := p.size - p.used.all
	if of == classFirst || of == classMore {
		free = min(free, 2*(max(p.size/2, 1)-p.used.unproven))
	}
	if of == classMore {
		free = min(free, 4*(max(p.size/4, 1)-p.used.more))
	}
	return free
}

// take counts a permit as an endpoint's.
func (p *Permits) take(h *Holder, of class) {
	h.class, h.turn = of, 0
	h.used++
	p.count(h.client, of, 1)
	p.countPassed(of)
}

// giveBack counts a permit of an endpoint as free.
func (p *Permits) giveBack(h *Holder, of class) {
	h.used--
	p.count(h.client, of, -1)
	p.reorderHolder(h)
	p.forget(h.client)
}

// count adds n permits of a class to what a client and all together use.
func (p *Permits) count(c *permitClient, of class, n int) {
	p.used.add(of, n)
	c.used.add(of, n)
	p.reorderClient(c)
}

// forget drops a client that has no holders and no permits any more.
func (p *Permits) forget(c *permitClient) {
	if c.members == 0 && c.used.all == 0 {
		delete(p.clients, c.name)
	}
}

// InUse returns how many permits are taken.
func (p *Permits) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used.all
}

// MostHeld returns how many permits the client holds that holds most.
func (p *Permits) MostHeld() (most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		most = max(most, c.used.all)
	}
	return most
}

// Waiters returns how many endpoints wait for a permit.
func (p *Permits) Waiters() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}
