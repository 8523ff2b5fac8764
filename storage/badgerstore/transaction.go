package badgerstore

import (
	"errors"
	"fmt"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// change is what one write does to keys, and to the counts in memory.
type change struct {
	// Written in this order; a later one of the same key wins.
	ops   []op
	moves []move
	// bytes is how much of a transaction's bound the ops take, by Badger's formula.
	bytes int
	// lastSeq is the largest Seq among the IDs that the change stores.
	lastSeq uint64
	// drift corrects the total of pending deliveries; see pendingCount.
	drift int64
}

// pending returns by how much the change raises the total of pending deliveries.
func (c *change) pending() int64 {
	sum := c.drift
	for i := range c.moves {
		sum += int64(c.moves[i].queued) + int64(c.moves[i].retrying)
	}
	return sum
}

// op puts or removes one key.
type op struct {
	entry  badger.Entry
	remove bool
}

// move is a delivery that joins (+1) or leaves (-1) a queue or a retry schedule. The
// counts and the scan starts in memory follow these once the change is committed.
type move struct {
	id               webhook.ID
	queued, retrying int8
	due              webhook.DueTime // of the slot that it joins
}

// opOverhead is what Badger's formula adds to the sizes of key and value, rounded up.
const opOverhead = 16

// put writes a key that stays until it is removed.
func (c *change) put(key, value []byte) { c.putUntil(key, value, time.Time{}) }

// putNew writes a key of which no version was ever written before. It costs no disk space
// beyond the log if it is removed soon; see engine.NewKey.
func (c *change) putNew(key, value []byte) {
	c.add(op{entry: badger.Entry{Key: key, Value: value, UserMeta: engine.NewKey}})
}

// putUntil writes a key that expires at a time, rounded up to a second; the zero time
// is never. Expired keys cost nothing: Badger drops them when it merges tables.
func (c *change) putUntil(key, value []byte, until time.Time) {
	o := op{entry: badger.Entry{Key: key, Value: value}}
	// Badger compares whole seconds: rounded up, so that nothing expires early.
	if !until.IsZero() {
		o.entry.ExpiresAt = uint64(max(until.Unix()+1, 1))
	}
	c.add(o)
}

// remove removes a key, whether or not it exists.
func (c *change) remove(key []byte) { c.add(op{entry: badger.Entry{Key: key}, remove: true}) }

// add adds an op and counts its size.
func (c *change) add(o op) {
	c.ops = append(c.ops, o)
	c.bytes += len(o.entry.Key) + len(o.entry.Value) + opOverhead
}

// place writes a delivery into the space of its status, and into the retry schedule.
func (c *change) place(d *webhook.Delivery, value []byte, retention time.Duration) {
	s := layout.SpaceOf(d.Status)
	key := layout.DeliveryKey(s, d.ID)
	switch s {
	case layout.SpaceQueued:
		c.put(key, value)
		c.moves = append(c.moves, move{id: d.ID, queued: +1})
	case layout.SpaceRetrying:
		due := layout.SlotOf(d.NextAttemptAt, d.ID)
		c.put(key, value)
		c.put(layout.ScheduleKey(due), nil)
		c.moves = append(c.moves, move{id: d.ID, retrying: +1, due: due.At})
	default:
		c.putUntil(key, value, d.FinishedAt.Add(retention))
	}
}

// leave removes a delivery from where it is stored. replaced says that the caller
// writes a new record under the same key, which saves the removal.
func (c *change) leave(id webhook.ID, from webhook.Place, replaced bool) {
	s := layout.SpaceOf(from.Status)
	switch s {
	case layout.SpaceQueued:
		c.moves = append(c.moves, move{id: id, queued: -1})
	case layout.SpaceRetrying:
		c.remove(layout.ScheduleKey(layout.SlotOf(from.NextAttemptAt, id)))
		c.moves = append(c.moves, move{id: id, retrying: -1})
	}
	// Otherwise the caller's write of the same key does it.
	if !replaced {
		c.remove(layout.DeliveryKey(s, id))
	}
}

// Reads of single records and scans of prefixes, for all that works in a transaction.
// Missing and damaged records must stay apart: a missing one is webhook.ErrNotFound,
// or false, and anything else fails whoever asked.

// forward opens an iterator over the keys with a prefix, ascending. It reads values on
// demand, and stops at the prefix's end.
func forward(tx *badger.Txn, prefix []byte) *badger.Iterator {
	return tx.NewIterator(badger.IteratorOptions{Prefix: prefix})
}

// get calls read with the value of a key, which is valid until read returns; ErrNotFound.
func get(tx *badger.Txn, key []byte, read func(value []byte) error) error {
	item, err := tx.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return webhook.ErrNotFound
	}
	if err != nil {
		return err
	}
	if err := item.Value(read); err != nil {
		return fmt.Errorf("key %x: %w", key, err)
	}
	return nil
}

// readIfStored returns the record of a key that need not exist, and whether it does.
func readIfStored[T any](tx *badger.Txn, key []byte, decode func(value []byte) (T, error)) (T, bool, error) {
	out, err := readRecord(tx, key, decode)
	if errors.Is(err, webhook.ErrNotFound) {
		return out, false, nil
	}
	return out, err == nil, err
}

// readRecord returns the record of a key; ErrNotFound. decode must keep nothing of the
// bytes that it gets: they are Badger's.
func readRecord[T any](tx *badger.Txn, key []byte, decode func(value []byte) (T, error)) (out T, err error) {
	err = get(tx, key, func(value []byte) (err error) {
		out, err = decode(value)
		return err
	})
	return out, err
}

// decoded returns the record at an iterator's position.
func decoded[T any](it *badger.Iterator, decode func(value []byte) (T, error)) (out T, err error) {
	err = it.Item().Value(func(value []byte) error {
		out, err = decode(value)
		return err
	})
	return out, err
}

// has reports whether a key exists.
func has(tx *badger.Txn, key []byte) (bool, error) {
	_, err := tx.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, err
}
