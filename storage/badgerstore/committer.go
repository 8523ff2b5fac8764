package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

// job is a write on its way into a transaction.
type job struct {
	groupcommit.Ticket
	// change is what is written; plan makes it where it is not nil.
	change *change
	// plan reads what the write depends on. It sees every write before it, those of
	// its own transaction included. Its error fails this job only.
	plan    func(tx *badger.Txn) (*change, error)
	planned bool
}

// Replan has plan run again.
func (j *job) Replan() {
	if j.plan != nil {
		j.planned, j.change = false, nil
		j.Fail(nil)
	}
}

// prepare makes the job's change; an empty one if the job fails.
func (j *job) prepare(tx *badger.Txn) {
	if j.plan != nil && !j.planned {
		made, err := j.plan(tx)
		j.change, j.planned = made, true
		j.Fail(err)
	}
	if j.change == nil || j.Err() != nil {
		j.change = &change{}
	}
}

// submit hands jobs over and returns at once. No other job comes between them.
func (s *Store) submit(jobs ...*job) { s.committer.Submit(jobs...) }

// update runs a planned write and waits until it is on disk; action says what for.
func (s *Store) update(ctx context.Context, action string, plan func(tx *badger.Txn) (*change, error)) error {
	return s.updateUrgently(ctx, changes, action, plan)
}

// updateUrgently is update with an urgency other than that of changes.
func (s *Store) updateUrgently(ctx context.Context, u groupcommit.Urgency, action string, plan func(tx *badger.Txn) (*change, error)) error {
	if err := s.committer.Do(ctx, &job{plan: plan, Ticket: groupcommit.Ticket{Urgency: u}}); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// commit puts as many jobs as fit into one transaction, at least one, and syncs it.
// The committer calls it, one call at a time.
func (s *Store) commit(jobs []*job) (int, error) {
	tx := s.db.NewTransaction(true)
	defer tx.Discard()
	changes, err := fill(tx, jobs)
	if err == nil {
		err = s.committer.Err() // plans may have read a damaged block as an empty one
	}
	if err == nil {
		err = s.commitNumbered(tx, changes)
	}
	if err != nil {
		return len(changes), err
	}
	s.applied(changes)
	return len(changes), nil
}

// commitNumbered commits with the next number and the new count of pending
// deliveries, unless there is nothing to commit.
func (s *Store) commitNumbered(tx *badger.Txn, changes []*change) error {
	now := s.tally
	writes := false
	for _, change := range changes {
		now.Pending += change.pending()
		writes = writes || len(change.ops) > 0
	}
	// Plans that write nothing (a duplicate event, a refused change) cost no sync.
	if writes {
		now.Commits++
		if err := writeTally(tx, now); err != nil {
			return err
		}
		// Returns once the log is synced. The tally goes along in the same transaction, so
		// that a crash cannot separate it from what it counts.
		began := time.Now()
		if err := tx.Commit(); err != nil {
			return err
		}
		s.committed(time.Since(began))
	}
	s.tally = now
	return nil
}

// fill plans jobs and writes their changes to tx until it is full. It returns an
// empty change for each job that failed.
func fill(tx *badger.Txn, jobs []*job) ([]*change, error) {
	// One for each job, so that their number is that of the jobs committed.
	changes := make([]*change, 0, len(jobs))
	ops, bytes := 0, 0
	for _, j := range jobs {
		// The transaction has all writes before this one, so that a plan sees them.
		j.prepare(tx)
		ops, bytes = ops+len(j.change.ops), bytes+j.change.bytes
		if len(changes) > 0 && (ops > engine.MaxTxnKeys || bytes > engine.MaxTxnBytes) {
			break // the plan still holds: this job is the first of the next transaction
		}
		// Also of a job that failed: the change is empty then, and the count stays right.
		changes = append(changes, j.change)
		if err := j.change.write(tx); err != nil {
			return changes, err
		}
	}
	return changes, nil
}

// write puts the change's keys into a transaction.
func (c *change) write(tx *badger.Txn) error {
	for i := range c.ops {
		o := &c.ops[i]
		var err error
		if o.remove {
			err = tx.Delete(o.entry.Key)
		} else {
			err = tx.SetEntry(&o.entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTally stores the tally in the transaction of its commit.
func writeTally(tx *badger.Txn, t layout.Tally) error {
	if err := tx.Set(layout.MetaCommits, layout.EncodeNumber(t.Commits)); err != nil {
		return err
	}
	return tx.Set(layout.MetaPending, t.Encode())
}

// readTally returns what the last commit stored. known reports whether the count of
// pending deliveries belongs to that commit: an older program stores the number only.
func readTally(tx *badger.Txn) (t layout.Tally, known bool, err error) {
	commits, err := metaNumber(tx, layout.MetaCommits)
	if err != nil {
		return t, false, fmt.Errorf("read the number of commits: %w", err)
	}
	t, err = readRecord(tx, layout.MetaPending, layout.DecodeTally)
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return t, false, fmt.Errorf("read the count of pending deliveries: %w", err)
	}
	known = err == nil && t.Commits == commits
	t.Commits = commits
	return t, known, nil
}

// countPending counts all pending deliveries, for a directory without a valid tally.
func countPending(tx *badger.Txn) int64 {
	count := int64(0)
	// Keys alone, without values: a few million take a second or two.
	for _, s := range pendingSpaces {
		it := forward(tx, s.Prefix())
		for it.Rewind(); it.Valid(); it.Next() {
			count++
		}
		it.Close()
	}
	return count
}
