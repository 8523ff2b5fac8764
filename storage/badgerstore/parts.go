package badgerstore

import (
	"errors"
	"fmt"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// An event with more than webhook.MaxFanOut recipients is stored in parts, because one
// transaction cannot hold all its deliveries. The first transaction holds the event, the
// deliveries of the first part, the recipients of all others, and a layout.Remainder:
// the note that these have no deliveries yet. Each later transaction makes the
// deliveries of one part and advances the note; the last one removes it. After a crash
// in between, Open makes the missing parts: an event goes to all its recipients, or it
// is not stored at all.

// parts returns how many parts an event has after the first.
func parts(e *webhook.Event) int {
	return (max(width(e), 1) - 1) / webhook.MaxFanOut
}

// partBytes returns a bound on the bytes that announceParts adds.
func partBytes(e *webhook.Event) int {
	if parts(e) == 0 {
		return 0
	}
	size := 64 * parts(e)
	for _, list := range [][]webhook.EndpointNumber{e.Endpoints, e.Disabled, e.Limited} {
		last := webhook.EndpointNumber(0)
		for _, n := range list {
			size += (bitsOf(n-last) + 6) / 7
			last = n
		}
	}
	return size + len(e.Disabled)*3 + len(e.Limited)*3
}

// bitsOf returns how many bits a number takes, at least one.
func bitsOf(n webhook.EndpointNumber) int {
	bits := 1
	for n >>= 1; n > 0; n >>= 1 {
		bits++
	}
	return bits
}

// partOf returns one part of an event's recipients, numbered from 1; part 0 is the first
// one, which the event's own record has.
func partOf(e *webhook.Event, to []webhook.EndpointNumber, number int) layout.Part {
	some := to[number*webhook.MaxFanOut : min((number+1)*webhook.MaxFanOut, len(to))]
	return layout.Part{All: some, Disabled: within(e.Disabled, some), Limited: within(e.Limited, some)}
}

// within returns those numbers of a list that lie between the first and the last of
// some; both lists ascend.
func within(list, some []webhook.EndpointNumber) []webhook.EndpointNumber {
	from, _ := slices.BinarySearch(list, some[0])
	to, found := slices.BinarySearch(list, some[len(some)-1])
	if found {
		to++
	}
	return list[from:to]
}

// announceParts stores the recipients after the first part, and the remainder.
func (c *change) announceParts(e *webhook.Event, to []webhook.EndpointNumber) {
	p := layout.Remainder{Next: 1, Last: parts(e)}
	for number := p.Next; number <= p.Last; number++ {
		some := partOf(e, to, number)
		c.put(layout.PartKey(e.ID, number), some.Encode())
	}
	c.put(layout.RemainderKey(e.ID), p.Encode())
}

// partDone notes that the next part has its deliveries.
func (c *change) partDone(id webhook.ID, p layout.Remainder) {
	if p.Next++; p.Next > p.Last {
		c.remove(layout.RemainderKey(id))
		return
	}
	c.put(layout.RemainderKey(id), p.Encode())
}

// later returns the jobs that make the deliveries of later parts.
func (a *acceptance) later() (jobs []*job) {
	for i := range a.events {
		last := parts(&a.events[i])
		for number := 1; number <= last; number++ {
			jobs = append(jobs, a.laterJob(i, layout.Remainder{Next: number, Last: last}))
		}
	}
	return jobs
}

// laterJob returns the job of one part. It is planned late: whether the event is stored
// is known only once the first job was planned.
func (a *acceptance) laterJob(i int, p layout.Remainder) *job {
	return &job{plan: func(*badger.Txn) (*change, error) { return a.laterPart(i, p), nil }}
}

// laterPart makes the deliveries of one part, unless the event was not stored.
func (a *acceptance) laterPart(i int, p layout.Remainder) *change {
	e, r := &a.events[i], &a.receipts[i]
	// The first job refused the event, or found it stored under the same key.
	if r.EventID != e.ID || r.Duplicate || r.Err != nil {
		return nil
	}
	c := &change{}
	to := partOf(e, a.wide[i], p.Next).All
	c.owe(make([]byte, 0, len(to)*layout.DeliveryKeySize), e, to, a.retention)
	c.partDone(e.ID, p)
	return c
}

// inTurn makes the last job answer for all, and each depend on the first: Accept's done
// comes after all parts.
func (a *acceptance) inTurn(jobs []*job) []*job {
	last := len(jobs) - 1
	jobs[0].Done, jobs[last].Done = nil, jobs[0].Done
	for _, j := range jobs[:last] {
		j.Done = func(err error) { a.err = errors.Join(a.err, err) }
	}
	for _, j := range jobs[1:] {
		j.After = &jobs[0].Ticket
	}
	return jobs
}

// finishParts makes the deliveries that a crash prevented.
func (s *Store) finishParts() error {
	unfinished, err := view(s, "look for unfinished events", func(tx *badger.Txn) (unfinished []webhook.ID, err error) {
		it := forward(tx, layout.SpaceRemainder.Prefix())
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			unfinished = append(unfinished, layout.ParseEventKey(it.Item().Key()))
		}
		return unfinished, nil
	})
	for _, id := range unfinished {
		// One transaction for each part, as Accept does: all in one would not fit.
		for more := true; more && err == nil; {
			more, err = s.finishPart(id)
		}
	}
	return err
}

// finishPart makes the deliveries of an event's next part, and reports whether more
// parts are left.
func (s *Store) finishPart(id webhook.ID) (more bool, err error) {
	var p layout.Remainder
	done := make(chan error, 1)
	s.submit(&job{Ticket: groupcommit.Ticket{Done: func(err error) { done <- err }}, plan: func(tx *badger.Txn) (*change, error) {
		var err error
		if p, err = readRecord(tx, layout.RemainderKey(id), layout.DecodeRemainder); err != nil {
			return nil, err
		}
		some, err := readRecord(tx, layout.PartKey(id, p.Next), layout.DecodePart)
		if err != nil {
			return nil, err
		}
		c := &change{}
		// What owe needs of an event; its data stays where it is.
		e := webhook.Event{ID: id, Disabled: some.Disabled, Limited: some.Limited}
		c.owe(make([]byte, 0, len(some.All)*layout.DeliveryKeySize), &e, some.All, s.retention)
		c.partDone(id, p)
		return c, nil
	}})
	if err := <-done; err != nil {
		return false, fmt.Errorf("finish event %s: %w", webhook.EventID.Format(id), err)
	}
	return p.Next < p.Last, nil
}

// withParts adds the recipients of later parts to those of the first. It reads nothing
// unless the first part is full, as then there are no others.
func withParts(tx *badger.Txn, id webhook.ID, first []webhook.EndpointNumber) ([]webhook.EndpointNumber, error) {
	// Almost all events: no scan for them.
	if len(first) < webhook.MaxFanOut {
		return first, nil
	}
	it := forward(tx, layout.PartPrefix(id))
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		p, err := decoded(it, layout.DecodePart)
		if err != nil {
			return nil, err
		}
		first = append(first, p.All...)
	}
	// Those that joined later are in the last part, whatever their numbers.
	if !slices.IsSorted(first) {
		slices.Sort(first)
	}
	return first, nil
}

// join adds a recipient to an event, given with its first recipients. It reports false if
// the event has the recipient already. One more goes to the first part while that is not
// full, and else to the last one: all others stay full, as removeParts and withParts expect.
func (c *change) join(tx *badger.Txn, e *webhook.Event, n webhook.EndpointNumber) (bool, error) {
	if len(e.Endpoints) < webhook.MaxFanOut {
		to, joined := with(e.Endpoints, n)
		if joined {
			c.put(layout.EventKey(e.ID), record.EncodeEvent(e, to))
		}
		return joined, nil
	}
	if _, there := slices.BinarySearch(e.Endpoints, n); there {
		return false, nil
	}
	it := forward(tx, layout.PartPrefix(e.ID))
	defer it.Close()
	number, last := 0, layout.Part{}
	for it.Rewind(); it.Valid(); it.Next() {
		p, err := decoded(it, layout.DecodePart)
		if err != nil {
			return false, err
		}
		if _, there := slices.BinarySearch(p.All, n); there {
			return false, nil
		}
		number, last = number+1, p
	}
	if number == 0 || len(last.All) >= webhook.MaxFanOut {
		number, last = number+1, layout.Part{}
	}
	last.All, _ = with(last.All, n)
	c.put(layout.PartKey(e.ID, number), last.Encode())
	return true, nil
}

// with returns an ascending list with one more number; false if it has the number already.
func with(list []webhook.EndpointNumber, n webhook.EndpointNumber) ([]webhook.EndpointNumber, bool) {
	at, there := slices.BinarySearch(list, n)
	if there {
		return list, false
	}
	return slices.Insert(slices.Clip(list), at, n), true
}

// removeParts removes the records of an event's later parts, given its number of
// recipients.
func (c *change) removeParts(id webhook.ID, recipients int) {
	for number := 1; number*webhook.MaxFanOut < recipients; number++ {
		c.remove(layout.PartKey(id, number))
	}
}
