package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/disk"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

var errNoData = errors.New("there is no data")

// openExisting is Open for a directory that must hold a store already: a command that
// only reads must not make one.
func openExisting(o Options) (*Store, error) {
	entries, err := os.ReadDir(o.Dir)
	if unfinished := refuseUnfinished(o.Dir); unfinished != nil {
		return nil, fmt.Errorf("open storage: %w", unfinished)
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		err = errNoData
	}
	if err != nil {
		return nil, fmt.Errorf("open storage in %s: %w", o.Dir, err)
	}
	return Open(o)
}

// Usable returns why no store can be opened in a directory, whatever is in it: a
// restore into it has not finished, or this system keeps no data directories.
func Usable(dir string) error {
	if err := disk.Supported(); err != nil {
		return err
	}
	return refuseUnfinished(dir)
}

// makeDir makes the directory of a store if it is missing.
func makeDir(dir string) error {
	if err := Usable(dir); err != nil {
		return err
	}
	return disk.MakeDir(dir)
}

// Opening is what Open found in the directory.
type Opening struct {
	// New: there was no data.
	New bool
	// Logs were not closed, with so many Transactions in so many Bytes: everything that
	// was acknowledged since the last tables were made. None after a clean end.
	Logs, Transactions int
	Bytes              int64
	// Pending is how many deliveries are pending. Counting reports that the numbers per
	// endpoint are still being counted.
	Pending  int64
	Counting bool
	// Took is how long Open took.
	Took time.Duration
}

// Opening returns what Open found. Attempts that were in flight at an unclean end left no
// trace: their deliveries are pending.
func (s *Store) Opening() Opening { return s.opening }

// opened fills in what Open found.
func (s *Store) opened(since time.Time) {
	r := s.db.Replayed()
	s.opening = Opening{
		New: r.New, Logs: r.Logs, Transactions: r.Transactions, Bytes: r.Bytes,
		Pending: s.Pending(), Took: time.Since(since),
	}
	select {
	case <-s.counted:
	default:
		s.opening.Counting = true
	}
}

// Close commits what was handed over, and closes the files. Later calls fail. It is safe
// to call twice. On a broken store, and on a full disk, Close takes little longer than a
// second, and may leave goroutines behind: the process has to end then, and everything
// that was acknowledged is on disk.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.closed = s.db.Close(s.Broken(), func() {
			s.stop()
			s.committer.Close()
			s.awaitReads()
		})
	})
	return s.closed
}

// Urgencies of a write while the disk is full.
const (
	settles   = groupcommit.Settles
	publishes = groupcommit.Publishes
	changes   = groupcommit.Changes
	frees     = groupcommit.Frees
)

// errNoSpace is the error of a write for which the disk has no space. A minute is a guess
// at how soon somebody, or the next Reap, frees some.
var errNoSpace = &webhook.RetryAfterError{Err: webhook.ErrDiskReserve, After: time.Minute}

// SpaceNeeded returns how many bytes must stay free on the disk for storage to continue,
// and to start again. Publishing must be refused below that; Accept refuses events, too.
func (s *Store) SpaceNeeded() uint64 {
	if s.enter() != nil {
		return 0
	}
	defer s.leave()
	return s.db.SpaceNeeded()
}

// squeeze lets removed records leave the disk while less is free than storage needs. Reap
// calls it after each round.
func (s *Store) squeeze(ctx context.Context) error {
	if s.enter() != nil {
		return nil
	}
	defer s.leave()
	if ends, err := s.db.Squeeze(); err != nil || !ends {
		return err
	}
	return s.updateUrgently(ctx, frees, "end log", func(tx *badger.Txn) (*change, error) {
		if s.ended == s.tally.Commits { // nothing was committed since
			return nil, nil
		}
		last, err := metaNumber(tx, layout.MetaLastSeq)
		if err != nil {
			return nil, err
		}
		s.db.EndLog()
		s.ended = s.tally.Commits + 1
		c := &change{} // a log ends with the next commit only
		c.put(layout.MetaLastSeq, layout.EncodeNumber(last))
		return c, nil
	})
}
