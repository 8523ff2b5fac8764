package actors

import (
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// maxReadBytes bounds the payloads that one read brings into memory, except for its first delivery.
const maxReadBytes = 1 << 20

// budget bounds the bytes of payload that all lanes and their mailboxes hold in
// memory. What finds no room stays in storage, to be read again later.
type budget struct {
	limit int64
	used  atomic.Int64
}

// tryTake takes n bytes if there is room.
func (b *budget) tryTake(n int) bool {
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

// take takes n bytes, room or not: for what was read already.
func (b *budget) take(n int) { b.used.Add(int64(n)) }

// give gives n bytes back.
func (b *budget) give(n int) { b.used.Add(-int64(n)) }

// room tells how many bytes are left, at least 0.
func (b *budget) room() int { return int(max(b.limit-b.used.Load(), 0)) }

// room is what a read may bring into memory.
type room struct{ deliveries, bytes int }

// room returns how many bytes the endpoint may have more, roughly.
func (s *seat) room(b *budget) int {
	if !s.mayTake(b) {
		return 0
	}
	return b.room()
}

// reserve bounds a read by what memory the endpoint may use. The less is free, the
// less a read may bring. One delivery can always be read, so that every endpoint
// that holds none goes on.
func (s *seat) reserve(b *budget, limit int) room {
	free := s.room(b)
	left := min(max(free/fairness, webhook.MaxPayload), maxReadBytes)
	if free < left || !b.tryTake(left) {
		return room{deliveries: 1}
	}
	s.client.payloads.Add(int64(left))
	return room{deliveries: limit, bytes: left}
}

// unreserve ends what reserve reserved.
func (s *seat) unreserve(b *budget, r room) {
	s.client.payloads.Add(-int64(r.bytes))
	b.give(r.bytes)
}
