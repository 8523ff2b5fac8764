package badgerstore

import (
	"bytes"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// nearby is how many events on the way to the next one are read over at less
// cost than looking it up.
const nearby = 8

// payloads reads the payloads of ascending events. As long as each is near the
// one before, as in the queue of an endpoint that gets most of them, it goes
// from event to event; else it looks each of them up.
type payloads struct {
	tx     *badger.Txn
	it     *badger.Iterator // stands on the event after the last one; nil before the second
	begun  bool
	sparse bool
}

func (p *payloads) close() {
	if p.it != nil {
		p.it.Close()
	}
}

// read gives an event's payload; ErrNotFound. Its ID is larger than the one before.
func (p *payloads) read(id webhook.ID) (payload, error) {
	key := eventKey(id)
	if !p.goTo(key) {
		return readPayload(p.tx, id)
	}
	out, err := decoded(p.it, decodePayload)
	p.it.Next()
	return out, err
}

// goTo tells whether the iterator stands on the key, and gives up if it is too far away.
func (p *payloads) goTo(key []byte) bool {
	switch {
	case p.sparse:
		return false
	case !p.begun: // there may be no second
		p.begun = true
		return false
	case p.it == nil:
		p.it = forward(p.tx, []byte{byte(spaceEvent)})
		p.it.Seek(key)
	}
	for range nearby {
		if !p.it.Valid() {
			break
		}
		switch bytes.Compare(p.it.Item().Key(), key) {
		case 0:
			return true
		case +1:
			p.sparse = true
			return false
		}
		p.it.Next()
	}
	p.sparse = true
	return false
}
