package actors

import "sync/atomic"

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
