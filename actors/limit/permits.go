package limit

import (
	"sync"
	"time"
)

// Tier is what an endpoint's receiver has shown of itself when the endpoint asks for a
// permit.
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

// Permits bounds the attempts in flight of the whole server, and shares them by
// client, then by endpoint. No attempt is ever cut short for another one, so
// slots must be free before those who hold little ask for one: mayHold decides
// how many a client may hold, and an endpoint of it, from how many are free now.
//
// An endpoint sees fewer free slots than there are, depending on its class. What
// it does not see is left to the better classes. Endpoints that have not shown to
// answer share one half of the slots by the same rule, and one half of that half
// is for the attempts that they make beside a first one.
//
// An endpoint that finds no slot waits. A slot that becomes free goes to the one
// among the waiting that may take it and that holds least, its client included;
// among equals to the one that waits longest. The slot is kept until that
// endpoint takes it or forgoes it, so nobody can overtake.
type Permits struct {
	size  int
	began time.Time // times are counted from then on

	mu      sync.Mutex
	used    counts
	clients map[string]*permitClient
	queue
}

// Permit is one that was taken.
type Permit struct {
	of    *Holder
	class class
	since time.Duration
}

// NewPermits returns n permits, all of them free. Durations are counted from now on.
func NewPermits(n int, now time.Time) *Permits {
	return &Permits{
		size: n, began: now, clients: make(map[string]*permitClient), queue: newQueue(),
	}
}

// Join opens the account of a client's endpoint; leave closes it. notify is called when
// a slot is kept for the endpoint; it must not block.
func (s *Permits) Join(client string, notify func()) *Holder {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[client]
	if c == nil {
		c = newPermitClient(client)
		s.clients[client] = c
	}
	c.members++
	return &Holder{notify: notify, client: c, at: nowhere}
}

// Acquire takes a slot. If none may be taken the endpoint waits, and is notified when one is kept for it.
func (s *Permits) Acquire(h *Holder, has Tier, now time.Time) (Permit, bool) {
	at := now.Sub(s.began)
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.granted {
		h.granted = false
	} else {
		h.asked = has
		of := h.classAt(at)
		s.quit(h)
		if !s.may(h, of, s.visible(of)) {
			s.wait(h, of)
			return Permit{}, false
		}
		s.take(h, of)
	}
	h.lasting.begin(at)
	return Permit{of: h, class: h.class, since: at}, true
}

// Release gives a slot back.
func (s *Permits) Release(taken Permit, now time.Time) {
	at := now.Sub(s.began)
	s.mu.Lock()
	taken.of.lasting.end(taken.since, at)
	s.give(taken.of, taken.class)
	next := s.grant(at)
	s.mu.Unlock()
	s.call(next, at)
}

// Forgo returns the slot that is kept for an endpoint, if one is.
func (s *Permits) Forgo(h *Holder, now time.Time) {
	at := now.Sub(s.began)
	s.mu.Lock()
	s.forgoLocked(h)
	next := s.grant(at)
	s.mu.Unlock()
	s.call(next, at)
}

func (s *Permits) forgoLocked(h *Holder) {
	if h.granted {
		h.granted = false
		s.give(h, h.class)
	}
}

// Leave closes an endpoint's account. Slots that it took stay taken until they are released.
func (s *Permits) Leave(h *Holder, now time.Time) {
	at := now.Sub(s.began)
	s.mu.Lock()
	s.quit(h)
	s.forgoLocked(h)
	h.client.members--
	s.forget(h.client)
	next := s.grant(at)
	s.mu.Unlock()
	s.call(next, at)
}

// call notifies an endpoint that a slot is kept for it, and looks for more of them.
func (s *Permits) call(next *Holder, at time.Duration) {
	for next != nil {
		next.notify()
		s.mu.Lock()
		next = s.grant(at)
		s.mu.Unlock()
	}
}

// may reports whether an endpoint may take a slot of a class while it sees some free ones.
func (s *Permits) may(h *Holder, of class, free int) bool {
	return mayHold(h.load(of), free, s.size)
}

// visible returns how many free slots a class sees.
func (s *Permits) visible(of class) int { return s.unclaimed(of) - of.leaves()*s.size/leavesOf }

// unclaimed returns how many slots are free for a class. Those in the half and
// the quarter of the unproven count as many times as they are fewer.
func (s *Permits) unclaimed(of class) int {
	free := s.size - s.used.all
	if of == classFirst || of == classMore {
		free = min(free, 2*(max(s.size/2, 1)-s.used.unproven))
	}
	if of == classMore {
		free = min(free, 4*(max(s.size/4, 1)-s.used.more))
	}
	return free
}

// take counts a slot as an endpoint's.
func (s *Permits) take(h *Holder, of class) {
	h.class, h.turn = of, 0
	h.used++
	s.count(h.client, of, 1)
	s.served(of)
}

// give counts it as free.
func (s *Permits) give(h *Holder, of class) {
	h.used--
	s.count(h.client, of, -1)
	s.moved(h)
	s.forget(h.client)
}

func (s *Permits) count(c *permitClient, of class, n int) {
	s.used.add(of, n)
	c.used.add(of, n)
	s.reorder(c)
}

// forget drops a client that has nothing to do with slots any more.
func (s *Permits) forget(c *permitClient) {
	if c.members == 0 && c.used.all == 0 {
		delete(s.clients, c.name)
	}
}

// InUse returns how many slots are taken.
func (s *Permits) InUse() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used.all
}

// MostHeld returns how many slots the client has that has most.
func (s *Permits) MostHeld() (most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		most = max(most, c.used.all)
	}
	return most
}

// Waiters returns how many endpoints wait for a slot.
func (s *Permits) Waiters() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}
