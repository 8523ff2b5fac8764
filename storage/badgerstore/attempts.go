package badgerstore

import (
	"cmp"
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
	was    webhook.Place
	now    webhook.Delivery // without its log
	number int              // of the new attempt; 0 if there is none
	// claimed is how many bytes of the BodyBudget end with the commit.
	claimed int
	records
}

// records are what one settlement writes of a delivery.
type records struct {
	delivery []byte
	attempt  []byte // for the log; nil once the delivery has finished
	body     []byte // for the log; nil if it is short or not kept
}

// outcomeOf encodes a settlement. A long body takes memory of the budget until the
// commit; without budget it is cut.
func (s *Store) outcomeOf(st *webhook.Settlement) *outcome {
	o := &outcome{was: st.Was, now: st.Now}
	o.now.AttemptLog = nil
	last := st.Now.LastAttempt()
	if last == nil {
		o.delivery = record.EncodeDelivery(&st.Now)
		return o
	}
	now := st.Now
	if n := last.Long(); n > 0 {
		// Decided before the settlement waits: a refused body is not kept in memory.
		if s.bodies.Take(o.now.ID.Endpoint, n, time.Now()) {
			o.claimed = n
		} else {
			now.AttemptLog = []webhook.Attempt{last.Cut()}
			last = now.LastAttempt()
		}
	}
	// After the cut, so that the record has what is kept.
	o.number, o.delivery = last.Number, record.EncodeDelivery(&now)
	if !now.Status.Finished() {
		o.attempt = record.EncodeAttempt(last)
	}
	if len(last.Response) > webhook.MaxShortResponse {
		o.body = (&record.Body{Number: last.Number, Truncated: last.ResponseTruncated, Text: last.Response}).Encode()
	}
	return o
}

// complete reports whether the record holds all that it should. A finished delivery's
// holds the latest attempt, which the caller may not know.
func (o *outcome) complete() bool {
	return o.number > 0 || o.now.Attempts == 0 || !o.now.Status.Finished()
}

// logged adds an attempt to the log of a delivery.
func (c *change) logged(id webhook.ID, number int, r records) {
	if r.attempt != nil {
		c.put(layout.AttemptKey(id, number), r.attempt)
	}
	if r.body != nil {
		c.put(layout.BodyKey(id, number), r.body)
	}
}

// keepLog copies into the log the attempts that a delivery's own record holds, before
// that is replaced: the latest one, or all of them if it is of version 1.
func (c *change) keepLog(d *webhook.Delivery) {
	for i := range d.AttemptLog {
		a := &d.AttemptLog[i]
		r := records{attempt: record.EncodeAttempt(a)}
		// Version 1 kept all bodies; only the latest ones move.
		if len(a.Response) > webhook.MaxShortResponse && i >= len(d.AttemptLog)-webhook.MaxLongResponses {
			r.body = (&record.Body{Number: a.Number, Truncated: a.ResponseTruncated, Text: a.Response}).Encode()
		}
		c.logged(d.ID, a.Number, r)
	}
}

// readLog adds the attempts in the log to those of the delivery's own record.
func readLog(tx *badger.Txn, d *webhook.Delivery) error {
	if d.Attempts == 0 {
		return nil
	}
	// Those in the record come first: the log may have an older copy of one.
	log := d.AttemptLog
	known := func(number int) bool {
		return slices.ContainsFunc(d.AttemptLog, func(a webhook.Attempt) bool { return a.Number == number })
	}
	err := eachLogged(tx, layout.SpaceAttempt, d.ID, func(value []byte) error {
		a, err := record.DecodeAttempt(value)
		// A cancelled delivery has its latest attempt in both places.
		if err == nil && !known(a.Number) {
			log = append(log, a)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(log, func(a, b webhook.Attempt) int { return cmp.Compare(a.Number, b.Number) })
	// The slot of an attempt may still hold an older one that was to be overwritten.
	d.AttemptLog = log[max(len(log)-webhook.MaxAttemptLog, 0):]
	return eachLogged(tx, layout.SpaceBody, d.ID, func(value []byte) error {
		b, err := record.DecodeBody(value)
		for i := range d.AttemptLog {
			if a := &d.AttemptLog[i]; err == nil && a.Number == b.Number {
				a.Response, a.ResponseTruncated = slices.Clone(b.Text), b.Truncated
			}
		}
		return err
	})
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
