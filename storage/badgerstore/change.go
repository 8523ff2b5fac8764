package badgerstore

import (
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// change is what one write does to the keys, and to what is counted in memory.
type change struct {
	ops   []op
	moves []move
	// bytes is what the ops take in a transaction, as Badger reckons it.
	bytes int
	// lastSeq is the largest Seq among the IDs that the change stores.
	lastSeq uint64
	// drift corrects the count of all that is pending; the census finds it.
	drift int64
}

// pending returns by how much the change raises the count of all that is pending.
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

// move is a delivery that joins (+1) or leaves (-1) the queue or the retry schedule.
type move struct {
	id               webhook.ID
	queued, retrying int8
	due              webhook.DueTime // of the slot that it joins
}

// opOverhead is what Badger adds to key and value in its reckoning, rounded up.
const opOverhead = 16

func (c *change) put(key, value []byte) { c.putUntil(key, value, time.Time{}) }

// putUntil puts a key that Badger forgets at a time, to the second; the zero time is never.
func (c *change) putUntil(key, value []byte, until time.Time) {
	o := op{entry: badger.Entry{Key: key, Value: value}}
	if !until.IsZero() {
		o.entry.ExpiresAt = uint64(max(until.Unix()+1, 1))
	}
	c.add(o)
}

func (c *change) remove(key []byte) { c.add(op{entry: badger.Entry{Key: key}, remove: true}) }

func (c *change) add(o op) {
	c.ops = append(c.ops, o)
	c.bytes += len(o.entry.Key) + len(o.entry.Value) + opOverhead
}

// place puts a delivery where its status belongs.
func (c *change) place(d *webhook.Delivery, record []byte, retention time.Duration) {
	s := layout.SpaceOf(d.Status)
	key := layout.DeliveryKey(s, d.ID)
	switch s {
	case layout.SpaceQueued:
		c.put(key, record)
		c.moves = append(c.moves, move{id: d.ID, queued: +1})
	case layout.SpaceRetrying:
		due := layout.SlotOf(d.NextAttemptAt, d.ID)
		c.put(key, record)
		c.put(layout.ScheduleKey(due), nil)
		c.moves = append(c.moves, move{id: d.ID, retrying: +1, due: due.At})
	default:
		c.putUntil(key, record, d.FinishedAt.Add(retention))
	}
}

// leave removes a delivery from where it is kept. A retrying one keeps its record
// when replaced says that a new one is put under the same key.
func (c *change) leave(id webhook.ID, from webhook.Place, replaced bool) {
	s := layout.SpaceOf(from.Status)
	switch s {
	case layout.SpaceQueued:
		c.moves = append(c.moves, move{id: id, queued: -1})
	case layout.SpaceRetrying:
		c.remove(layout.ScheduleKey(layout.SlotOf(from.NextAttemptAt, id)))
		c.moves = append(c.moves, move{id: id, retrying: -1})
	}
	if !replaced {
		c.remove(layout.DeliveryKey(s, id))
	}
}
