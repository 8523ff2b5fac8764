package badgerstore

import (
	"slices"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// outcome is a settlement that waits for its transaction. It is encoded already, so that
// a response is in memory once, as what will be written.
type outcome struct {
	was webhook.Place
	now webhook.Delivery // without its log
	// claimed is how many bytes of the BodyBudget end with the commit.
	claimed int
	record.Settled
}

// outcomeOf encodes a settlement. A long body takes memory of the budget until the
// commit; without budget it is cut, so that it does not wait in memory.
func (s *Store) outcomeOf(st *webhook.Settlement) *outcome {
	now, claimed := s.bodies.Bound(st.Now, time.Now())
	o := &outcome{was: st.Was, now: now, claimed: claimed, Settled: record.EncodeSettled(&now)}
	o.now.AttemptLog = nil
	return o
}

// logged adds an attempt to the log of a delivery.
func (c *change) logged(id webhook.ID, l record.Logged) {
	if l.Attempt != nil {
		c.put(layout.AttemptKey(id, l.Number), l.Attempt)
	}
	if l.Body != nil {
		c.put(layout.BodyKey(id, l.Number), l.Body)
	}
}

// keepLog copies into the log the attempts that a delivery's own record holds, before
// that is replaced: the latest one, or all of them if it is of version 1.
func (c *change) keepLog(d *webhook.Delivery) {
	for i := range d.AttemptLog {
		l := record.EncodeLogged(&d.AttemptLog[i])
		// Version 1 kept all bodies; only the latest ones move.
		if i < len(d.AttemptLog)-webhook.MaxLongResponses {
			l.Body = nil
		}
		c.logged(d.ID, l)
	}
}

// readLog adds the attempts in the log to those of the delivery's own record.
func readLog(tx *badger.Txn, d *webhook.Delivery) error {
	if d.Attempts == 0 {
		return nil
	}
	var attempts []webhook.Attempt
	err := eachLogged(tx, layout.SpaceAttempt, d.ID, func(value []byte) error {
		a, err := record.DecodeAttempt(value)
		attempts = append(attempts, a)
		return err
	})
	if err != nil {
		return err
	}
	var bodies []record.Body
	err = eachLogged(tx, layout.SpaceBody, d.ID, func(value []byte) error {
		b, err := record.DecodeBody(value)
		b.Text = slices.Clone(b.Text)
		bodies = append(bodies, b)
		return err
	})
	record.JoinLog(d, attempts, bodies)
	return err
}

// eachLogged calls visit for each record of a delivery in one space of the log.
func eachLogged(tx *badger.Txn, s layout.Space, id webhook.ID, visit func(value []byte) error) error {
	it := forward(tx, layout.DeliveryLogPrefix(s, id))
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := it.Item().Value(visit); err != nil {
			return err
		}
	}
	return nil
}

// readLatest adds the latest attempt to a delivery, unless its record has it.
func readLatest(tx *badger.Txn, d *webhook.Delivery) error {
	if d.Attempts == 0 || len(d.AttemptLog) > 0 {
		return nil
	}
	a, _, err := readIfStored(tx, layout.AttemptKey(d.ID, d.Attempts), record.DecodeAttempt)
	if err == nil && a.Number == d.Attempts { // else the slot holds an older one, or nothing
		d.AttemptLog = []webhook.Attempt{a}
	}
	return err
}

// readListed completes a delivery as lists show it: with its latest attempt, shortened.
func readListed(tx *badger.Txn, d *webhook.Delivery) error {
	if err := readLatest(tx, d); err != nil {
		return err
	}
	*d = d.Listed()
	return nil
}

// weighInterval is how often the size of bodies on disk is estimated, for which Badger
// looks at each table.
const weighInterval = 30 * time.Second

// weighBodies sets in the budget how many bytes bodies take on disk. Badger counts the
// tables that hold nothing else, so the latest bodies are missing.
func (s *Store) weighBodies(now time.Time) {
	if now.Sub(s.weighed) < weighInterval {
		return
	}
	// Only the committer calls this, so no lock guards it.
	s.weighed = now
	s.bodies.Kept(int64(s.db.EstimateSize(layout.SpaceBody.Prefix())))
}
