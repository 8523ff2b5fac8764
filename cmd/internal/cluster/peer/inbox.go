package peer

import (
	"context"
	"sync"

	"github.com/corpastro/astrohook/storage"
)

// Receiver takes hints.
type Receiver interface {
	// Hinted is called with the hints of one batch, in order. It does not block, and may
	// keep them.
	Hinted(hints []Hint)
	// Lost says that hints from some node did not arrive: whatever was due is to be looked
	// for in storage.
	Lost()
}

// Inbox passes batches of hints to a Receiver, and notices when one is missing.
type Inbox struct {
	to    Receiver
	known func(storage.Incarnation) bool

	mu   sync.Mutex
	last map[storage.Incarnation]uint64 // number of the last batch of each node
}

// NewInbox returns an Inbox. known reports which nodes there are.
func NewInbox(to Receiver, known func(storage.Incarnation) bool) *Inbox {
	return &Inbox{to: to, known: known, last: make(map[storage.Incarnation]uint64)}
}

// Take is the Handler of batches.
func (i *Inbox) Take(_ context.Context, from storage.Incarnation, body []byte) ([]byte, error) {
	number, hints, err := parseBatch(body)
	if err != nil {
		return nil, err
	}
	if !i.follows(from, number) {
		i.to.Lost()
	}
	if len(hints) > 0 {
		i.to.Hinted(hints)
	}
	return nil, nil
}

// follows notes the number of a batch, and reports whether none before it is missing.
func (i *Inbox) follows(from storage.Incarnation, number uint64) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	last, heard := i.last[from]
	if !heard {
		for n := range i.last {
			if !i.known(n) {
				delete(i.last, n)
			}
		}
	}
	i.last[from] = max(last, number)
	return number <= last+1
}
