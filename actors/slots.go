package actors

import (
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// standing is what an endpoint has shown of itself. The smaller, the more slots
// it may use.
type standing int

const (
	// standingProven: the receiver has answered since it last failed.
	standingProven standing = iota
	// standingFirst: it has not, and no attempt is in flight that would tell.
	standingFirst
	// standingMore: it has not, and some are.
	standingMore
	standings
)

// slots bounds the attempts in flight of the whole server. Endpoints that have
// not shown to answer share half of them, so that however many receivers hang,
// the others find a slot. Half of that half is for what they have in flight
// beside a first attempt, so that a newcomer finds one for its first.
type slots struct {
	notify func(*actor.PID) // tells a waiter that a slot may be free; must not block

	mu sync.Mutex
	// free slots for each standing: those for one are some of those for the smaller ones.
	free    [standings]int
	waiting [standings][]*actor.PID
}

func newSlots(n int, notify func(*actor.PID)) *slots {
	return &slots{notify: notify, free: [standings]int{n, max(n/2, 1), max(n/4, 1)}}
}

// acquire takes a slot. If none is free, who is told once when one may be.
func (s *slots) acquire(has standing, who *actor.PID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.anyLocked(has) {
		s.waiting[has] = append(s.waiting[has], who)
		return false
	}
	for i := range s.free[:has+1] {
		s.free[i]--
	}
	return true
}

// anyLocked tells whether an endpoint of a standing finds a slot.
func (s *slots) anyLocked(has standing) bool {
	return !slices.Contains(s.free[:has+1], 0)
}

// release gives a slot back that was taken with the same standing.
func (s *slots) release(had standing) {
	s.mu.Lock()
	for i := range s.free[:had+1] {
		s.free[i]++
	}
	s.mu.Unlock()
	s.pass()
}

// leave makes who wait no more. It may have been told already.
func (s *slots) leave(who *actor.PID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.waiting {
		s.waiting[i] = slices.DeleteFunc(s.waiting[i], func(p *actor.PID) bool { return p == who })
	}
}

// pass tells the next waiter. Who was told and needs no slot passes the word on.
func (s *slots) pass() {
	if who := s.nextWaiter(); who != nil {
		s.notify(who)
	}
}

func (s *slots) nextWaiter() *actor.PID {
	s.mu.Lock()
	defer s.mu.Unlock()
	for has := range standings {
		line := s.waiting[has]
		if len(line) == 0 || !s.anyLocked(has) {
			continue
		}
		who := line[0]
		line[0] = nil
		s.waiting[has] = line[1:]
		return who
	}
	return nil
}

// inUse tells how many slots are taken, of total.
func (s *slots) inUse(total int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return total - s.free[standingProven]
}
