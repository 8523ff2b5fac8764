package peer

import (
	"encoding/binary"
	"sync"

	"github.com/corpastro/astrohook/storage"
)

// line is what waits for one node.
type line struct {
	to   storage.Node
	wake chan struct{}

	mu      sync.Mutex
	number  uint64 // of the last batch
	waiting []byte // the next batch, its number not yet set; nil if it has nothing
	skip    bool   // hints were dropped: the next batch skips a number
	gone    bool
}

// add appends a hint to the next batch, without its data if there is no room for it. It
// reports false if there was no room at all.
func (l *line) add(h Hint) bool {
	if l.waiting == nil {
		l.waiting = make([]byte, batchHead, batchHead+h.size())
	}
	if len(h.Data) > 0 && len(l.waiting)+h.size() > maxWaiting {
		h.Data = nil
	}
	if len(l.waiting)+h.size() > maxMissed {
		l.skip = true
		return false
	}
	l.waiting = h.appendTo(l.waiting)
	return true
}

// take returns the next batch, nil if there is none.
func (l *line) take() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch := l.waiting
	if batch == nil && !l.skip {
		return nil
	}
	if batch == nil {
		batch = make([]byte, batchHead)
	}
	if l.skip {
		l.number++
	}
	l.number++
	binary.BigEndian.PutUint64(batch, l.number)
	l.waiting, l.skip = nil, false
	return batch
}

// putBack has the hints of a batch that got no answer sent once more, with the next one. They
// may have arrived, which does no harm. A node that has just joined is unknown to others for
// up to a heartbeat, and would lose its first hints.
func (l *line) putBack(batch []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gone:
	case l.waiting == nil:
		l.waiting = batch
	case len(batch)+len(l.waiting)-batchHead <= maxMissed:
		l.waiting = append(batch, l.waiting[batchHead:]...)
	}
}

func (l *line) isGone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone
}
