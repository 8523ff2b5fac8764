package badgerstore

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// CreateJob stores a new job. A note under the endpoint's number names its unfinished job,
// so that nothing has to be searched for a second one.
func (s *Store) CreateJob(ctx context.Context, j bulk.Job) (webhook.ID, error) {
	var unfinished webhook.ID
	note := layout.EndpointKey(layout.SpaceUnfinished, j.ID.Endpoint)
	err := s.update(ctx, "create job", func(tx *badger.Txn) (*change, error) {
		other, there, err := readIfStored(tx, note, layout.DecodeID)
		if err != nil {
			return nil, err
		}
		if there {
			unfinished = other
			return nil, webhook.ErrConflict
		}
		c := &change{}
		c.put(note, j.ID.AppendTo(nil))
		c.put(layout.JobKey(j.ID), record.EncodeJob(&j))
		return c, nil
	})
	if errors.Is(err, webhook.ErrConflict) {
		return unfinished, err
	}
	return webhook.ID{}, err // the write may not have ended yet
}

// putJob writes a job. One that has finished expires like a delivery.
func (s *Store) putJob(c *change, j *bulk.Job) {
	until := time.Time{}
	if j.Status.Finished() {
		until = j.FinishedAt.Add(s.retention)
		c.remove(layout.EndpointKey(layout.SpaceUnfinished, j.ID.Endpoint))
	}
	c.putUntil(layout.JobKey(j.ID), record.EncodeJob(j), until)
}

// readJob returns a job; ErrNotFound.
func readJob(tx *badger.Txn, id webhook.ID) (bulk.Job, error) {
	return readRecord(tx, layout.JobKey(id), func(value []byte) (bulk.Job, error) { return record.DecodeJob(id, value) })
}

// UpdateJob applies change to a stored job.
func (s *Store) UpdateJob(ctx context.Context, id webhook.ID, apply func(*bulk.Job) error) (bulk.Job, error) {
	var j bulk.Job
	err := s.update(ctx, "update job", func(tx *badger.Txn) (*change, error) {
		var err error
		if j, err = readJob(tx, id); err != nil {
			return nil, err
		}
		// A finished job has lost its note, which may be another job's now.
		finished := j.Status.Finished()
		if err := apply(&j); err != nil {
			return nil, err
		}
		if finished {
			return nil, webhook.ErrConflict
		}
		c := &change{}
		s.putJob(c, &j)
		return c, nil
	})
	if err != nil {
		return bulk.Job{}, err
	}
	return j, nil
}

// AdvanceJob makes a step and stores the job as it is after it.
func (s *Store) AdvanceJob(ctx context.Context, id webhook.ID, step bulk.Step) (bulk.Job, int, error) {
	var after bulk.Job
	var made int
	err := s.update(ctx, "advance job", func(tx *badger.Txn) (*change, error) {
		j, err := readJob(tx, id)
		if err != nil {
			return nil, err
		}
		if _, ok := j.After(&step, 0); !ok {
			return nil, webhook.ErrConflict
		}
		c := &change{}
		if made, err = s.makeStep(tx, c, id.Endpoint, &step); err != nil {
			return nil, err
		}
		after, _ = j.After(&step, made)
		s.putJob(c, &after)
		return c, nil
	})
	if err != nil {
		return bulk.Job{}, 0, err
	}
	return after, made, nil
}

// makeStep requeues and makes the deliveries of a step, and returns how many.
func (s *Store) makeStep(tx *badger.Txn, c *change, n webhook.EndpointNumber, step *bulk.Step) (made int, err error) {
	for _, list := range []struct {
		ids  []webhook.ID
		make func(*badger.Txn, *change, webhook.ID) (bool, error)
	}{{step.Requeue, s.replay}, {step.Missing, s.makeMissing}} {
		for _, id := range list.ids {
			done, err := list.make(tx, c, id.For(n))
			if err != nil {
				return 0, err
			}
			if done {
				made++
			}
		}
	}
	if made > 0 {
		// An attempt of one of them may be in flight, and must not settle it blindly.
		s.changeOutsideActor(n)
	}
	return made, nil
}

// makeMissing makes a delivery of an event that an endpoint was never sent, or requeues
// the one that was withheld. It reports whether it did.
func (s *Store) makeMissing(tx *badger.Txn, c *change, id webhook.ID) (bool, error) {
	was, err := findDelivery(tx, id, []layout.Space{layout.SpaceFailed})
	switch {
	case err == nil && bulk.Withheld(&was):
		return s.replay(tx, c, id)
	case err == nil:
		return false, nil
	case !errors.Is(err, webhook.ErrNotFound):
		return false, err
	}
	// Reap selects on a snapshot: an event that it could have selected gets no delivery.
	if id.Time().Before(bulk.Oldest(time.Now(), s.retention)) {
		return false, nil
	}
	e, there, err := readIfStored(tx, layout.EventKey(id), func(value []byte) (webhook.Event, error) {
		return record.DecodeEvent(id, value)
	})
	if err != nil || !there {
		return false, err
	}
	joined, err := c.join(tx, &e, id.Endpoint)
	if err != nil || !joined {
		return false, err
	}
	c.put(layout.DeliveryKey(layout.SpaceQueued, id), record.Fresh)
	c.moves = append(c.moves, move{id: id, queued: +1})
	return true, nil
}

// Job returns a job; ErrNotFound.
func (s *Store) Job(_ context.Context, id webhook.ID) (bulk.Job, error) {
	return view(s, "read job", func(tx *badger.Txn) (bulk.Job, error) { return readJob(tx, id) })
}

// UnfinishedJobs returns all jobs that have not finished.
func (s *Store) UnfinishedJobs(_ context.Context) ([]bulk.Job, error) {
	return view(s, "read unfinished jobs", func(tx *badger.Txn) (out []bulk.Job, err error) {
		it := forward(tx, layout.SpaceUnfinished.Prefix())
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			id, err := decoded(it, layout.DecodeID)
			if err != nil {
				return nil, err
			}
			j, err := readJob(tx, id)
			if err != nil {
				return nil, err
			}
			out = append(out, j)
		}
		return out, nil
	})
}

// ListJobs returns jobs newest first. A page looks at no more than 10 × limit + 1,000 jobs
// that it does not return.
func (s *Store) ListJobs(_ context.Context, q bulk.Query) (bulk.Page, error) {
	return view(s, "list jobs", func(tx *badger.Txn) (page bulk.Page, err error) {
		from := webhook.ID{Seq: math.MaxUint64, Endpoint: math.MaxUint32, Nonce: math.MaxUint32}
		if q.Before != (webhook.ID{}) {
			from = q.Before
		}
		err = backwards(tx, layout.SpaceJob, layout.JobKey(from), webhook.MaxLooks(q.Limit), func(key, value []byte) (int, error) {
			id := layout.ParseJobKey(key)
			if id == q.Before {
				return 0, nil
			}
			j, err := record.DecodeJob(id, value)
			if err != nil {
				return 0, err
			}
			if q.Wants(&j) {
				page.Jobs = append(page.Jobs, j)
				return 0, full(len(page.Jobs), q.Limit)
			}
			return 1, nil
		}, func(key []byte) { page.Next = layout.ParseJobKey(key) })
		return page, err
	})
}

// errFull ends a scan whose page is full.
var errFull = errors.New("the page is full")

// full returns errFull once a page has as many entries as it may.
func full(n, limit int) error {
	if n < limit {
		return nil
	}
	return errFull
}

// backwards calls visit for each key of a space from one down. visit returns how much of
// the allowance the record has taken, or errFull. ended is called with the key at which
// the scan ended early, behind which the next one continues.
func backwards(tx *badger.Txn, s layout.Space, from []byte, allowance int, visit func(key, value []byte) (int, error), ended func(key []byte)) error {
	scan := engine.NewBackward(tx, s.Prefix())
	defer scan.Close()
	for scan.Seek(from); ; {
		step := scan.Next(s.Prefix(), &allowance)
		if step == engine.Ended {
			return nil
		}
		cost, err := 0, error(nil)
		if step == engine.Found {
			cost, err = visit(scan.Key, scan.Value)
		}
		allowance -= cost
		switch {
		case err != nil && !errors.Is(err, errFull):
			return err
		case err != nil || allowance <= 0:
			ended(scan.Key)
			return nil
		}
	}
}

// MissingEvents returns events that an endpoint was never sent, newest first. A page looks
// at no more than 10 × limit + 1,000 events that it does not return, of which one counts as
// several if its record is large.
func (s *Store) MissingEvents(_ context.Context, q bulk.MissingQuery) (bulk.MissingPage, error) {
	return view(s, "list missing events", func(tx *badger.Txn) (page bulk.MissingPage, err error) {
		since, until := storage.SeqsOf(q.Since, q.Until)
		since = max(since, webhook.SeqAt(bulk.Oldest(time.Now(), s.retention)))
		first, ok := storage.ListStart(0, until, q.Before)
		if !ok || since >= until {
			return page, nil
		}
		page.Next, err = eventsDown(tx, first, since, q.Limit, func(id webhook.ID, value []byte) (int, error) {
			page.Looked++
			e, missing, err := missingEvent(tx, &q, id, value)
			if err != nil || !missing {
				return 1 + len(value)/bytesPerLook, err
			}
			page.Events = append(page.Events, e)
			return len(value) / bytesPerLook, full(len(page.Events), q.Limit)
		})
		return page, err
	})
}

// missingEvent returns an event if the query's endpoint was never sent it.
func missingEvent(tx *badger.Txn, q *bulk.MissingQuery, id webhook.ID, value []byte) (bulk.MissingEvent, bool, error) {
	e, size, err := record.DecodeEventHead(id, value)
	if err != nil || !q.Wants(e.Type, e.ClientID) {
		return bulk.MissingEvent{}, false, err
	}
	out := bulk.MissingEvent{ID: id, Type: e.Type, ClientID: e.ClientID, Size: int64(size), Record: int64(len(value))}
	to, err := withParts(tx, id, e.Endpoints)
	if err != nil {
		return out, false, err
	}
	if _, there := slices.BinarySearch(to, q.Endpoint); !there {
		return out, true, nil
	}
	d, stored, err := readIfStored(tx, layout.DeliveryKey(layout.SpaceFailed, id.For(q.Endpoint)), func(value []byte) (webhook.Delivery, error) {
		return record.DecodeDelivery(id.For(q.Endpoint), value)
	})
	return out, stored && bulk.Withheld(&d), err
}
