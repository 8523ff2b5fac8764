package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// standing is what an endpoint has shown of itself.
type standing int

const (
	// standingProven: the receiver has answered since it last failed.
	standingProven standing = iota
	// standingFirst: it has not, and no attempt is in flight that would tell.
	standingFirst
	// standingMore: it has not, and some are.
	standingMore
)

// slots bounds the attempts in flight of the whole server, and shares them by
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
type slots struct {
	notify func(*actor.PID) // is called for a waiter that a slot is kept for; must not block
	size   int
	began  time.Time // times are counted from then on

	mu      sync.Mutex
	used    slotCounts
	clients map[string]*slotClient
	slotQueue
}

// slot is one that was taken.
type slot struct {
	of    *slotHolder
	class class
	since time.Duration
}

func newSlots(n int, notify func(*actor.PID)) *slots {
	return &slots{
		notify: notify, size: n, began: time.Now(), clients: make(map[string]*slotClient), slotQueue: newSlotQueue(),
	}
}

// join opens the account of a client's endpoint; leave closes it.
func (s *slots) join(client string, who *actor.PID) *slotHolder {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[client]
	if c == nil {
		c = newSlotClient(client)
		s.clients[client] = c
	}
	c.members++
	return &slotHolder{who: who, client: c, at: nowhere}
}

// acquire takes a slot. If none may be taken the endpoint waits, and is notified when one is kept for it.
func (s *slots) acquire(h *slotHolder, has standing, now time.Time) (slot, bool) {
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
			return slot{}, false
		}
		s.take(h, of)
	}
	h.lasting.begin(at)
	return slot{of: h, class: h.class, since: at}, true
}

// release gives a slot back.
func (s *slots) release(taken slot, now time.Time) {
	at := now.Sub(s.began)
	s.mu.Lock()
	taken.of.lasting.end(taken.since, at)
	s.give(taken.of, taken.class)
	next := s.grant(at)
	s.mu.Unlock()
	s.call(next, at)
}

// forgo returns the slot that is kept for an endpoint, if one is.
func (s *slots) forgo(h *slotHolder, now time.Time) {
	at := now.Sub(s.began)
	s.mu.Lock()
	s.forgoLocked(h)
	next := s.grant(at)
	s.mu.Unlock()
	s.call(next, at)
}

func (s *slots) forgoLocked(h *slotHolder) {
	if h.granted {
		h.granted = false
		s.give(h, h.class)
	}
}

// leave closes an endpoint's account. Slots that it took stay taken until they are released.
func (s *slots) leave(h *slotHolder, now time.Time) {
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
func (s *slots) call(next *slotHolder, at time.Duration) {
	for next != nil {
		s.notify(next.who)
		s.mu.Lock()
		next = s.grant(at)
		s.mu.Unlock()
	}
}

// may reports whether an endpoint may take a slot of a class while it sees some free ones.
func (s *slots) may(h *slotHolder, of class, free int) bool {
	return mayHold(h.load(of), free, s.size)
}

// visible returns how many free slots a class sees.
func (s *slots) visible(of class) int { return s.unclaimed(of) - of.leaves()*s.size/leavesOf }

// unclaimed returns how many slots are free for a class. Those in the half and
// the quarter of the unproven count as many times as they are fewer.
func (s *slots) unclaimed(of class) int {
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
func (s *slots) take(h *slotHolder, of class) {
	h.class, h.turn = of, 0
	h.used++
	s.count(h.client, of, 1)
	s.served(of)
}

// give counts it as free.
func (s *slots) give(h *slotHolder, of class) {
	h.used--
	s.count(h.client, of, -1)
	s.moved(h)
	s.forget(h.client)
}

func (s *slots) count(c *slotClient, of class, n int) {
	s.used.add(of, n)
	c.used.add(of, n)
	s.reorder(c)
}

// forget drops a client that has nothing to do with slots any more.
func (s *slots) forget(c *slotClient) {
	if c.members == 0 && c.used.all == 0 {
		delete(s.clients, c.name)
	}
}

// inUse returns how many slots are taken.
func (s *slots) inUse() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used.all
}

// mostHeld returns how many slots the client has that has most.
func (s *slots) mostHeld() (most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		most = max(most, c.used.all)
	}
	return most
}

// waiters returns how many endpoints wait for a slot.
func (s *slots) waiters() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}
