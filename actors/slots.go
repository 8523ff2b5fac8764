package actors

import (
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// slots bounds the attempts in flight of the whole server. Endpoints that have
// not shown to answer share half of them, so that however many receivers hang,
// the others find a slot.
type slots struct {
	notify func(*actor.PID) // tells a waiter that a slot may be free; must not block

	mu       sync.Mutex
	free     int
	unproven int // free slots for endpoints that are not proven
	waiting  [2][]*actor.PID
}

func newSlots(n int, notify func(*actor.PID)) *slots {
	return &slots{notify: notify, free: n, unproven: max(n/2, 1)}
}

// acquire takes a slot. If none is free, who is told once when one may be.
func (s *slots) acquire(proven bool, who *actor.PID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 || !proven && s.unproven == 0 {
		s.waiting[class(proven)] = append(s.waiting[class(proven)], who)
		return false
	}
	s.free--
	if !proven {
		s.unproven--
	}
	return true
}

// release gives a slot back.
func (s *slots) release(proven bool) {
	s.mu.Lock()
	s.free++
	if !proven {
		s.unproven++
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
	if s.free == 0 {
		return nil
	}
	for _, proven := range []bool{true, false} {
		line := s.waiting[class(proven)]
		if len(line) == 0 || !proven && s.unproven == 0 {
			continue
		}
		who := line[0]
		line[0] = nil
		s.waiting[class(proven)] = line[1:]
		return who
	}
	return nil
}

// inUse tells how many slots are taken, of total.
func (s *slots) inUse(total int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return total - s.free
}

func class(proven bool) int {
	if proven {
		return 0
	}
	return 1
}
