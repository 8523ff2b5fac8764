package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

// SaveGate keeps an endpoint's breaker state; the zero state forgets it.
func (s *Store) SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error)) {
	c, key := &change{}, endpointKey(spaceGate, n)
	if g.OpenUntil.IsZero() && g.Openings == 0 {
		c.remove(key)
	} else {
		c.put(key, encodeGate(g))
	}
	s.submit(&job{change: c, Ticket: groupcommit.Ticket{Urgency: settles, Done: wrapped("save gate", done)}})
}

// wrapped adds the action to the error that done gets.
func wrapped(action string, done func(error)) func(error) {
	return func(err error) {
		if err != nil {
			err = fmt.Errorf("%s: %w", action, err)
		}
		done(err)
	}
}

// Gate reads an endpoint's breaker state; zero if there is none.
func (s *Store) Gate(n webhook.EndpointNumber) (g webhook.GateState, err error) {
	err = s.view("read gate", func(tx *badger.Txn) error {
		g, err = readGate(tx, n)
		return err
	})
	return g, err
}

func readGate(tx *badger.Txn, n webhook.EndpointNumber) (g webhook.GateState, err error) {
	err = get(tx, endpointKey(spaceGate, n), func(record []byte) (err error) {
		g, err = decodeGate(record)
		return err
	})
	if errors.Is(err, webhook.ErrNotFound) {
		return webhook.GateState{}, nil
	}
	return g, err
}

func encodeGate(g webhook.GateState) []byte {
	record := appendTime([]byte{recordVersion}, g.OpenUntil)
	record = binary.AppendVarint(record, int64(g.Openings))
	return binary.AppendUvarint(record, g.Since)
}

func decodeGate(record []byte) (g webhook.GateState, err error) {
	d := newDecoder(record)
	g.OpenUntil, g.Openings = d.time(), d.int()
	if len(d.rest) > 0 { // records that were written before this field end here
		g.Since = d.uvarint()
	}
	return g, d.err
}
