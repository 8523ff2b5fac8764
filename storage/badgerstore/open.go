package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/corpastro/astrohook/storage/disk"
)

var errNoData = errors.New("there is no data")

// openExisting is Open for a directory that must hold a store already: a command
// that reads makes none.
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

// Opening is what Open found.
type Opening struct {
	// New: there was no data.
	New bool
	// Logs were not closed, with so many Transactions in so many Bytes: those that had
	// been acknowledged since the last tables were made. None after a clean end.
	Logs, Transactions int
	Bytes              int64
	// Pending deliveries were counted, and Counting says that there are more.
	Pending  int64
	Counting bool
	// Took is how long it took.
	Took time.Duration
}

// Opening returns what Open found. What was in flight at an unclean end is known to
// nobody: those deliveries are pending.
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
