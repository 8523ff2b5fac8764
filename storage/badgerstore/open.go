package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/disk"
)

var errInUse = errors.New("is in use by another process")

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

// openBadger opens the database, and returns what was replayed for that.
func openBadger(o badger.Options) (*badger.DB, replay, error) {
	if err := removeUnborn(o.Dir); err != nil {
		return nil, replay{}, err
	}
	replayed, err := checkLogs(o.Dir)
	_, missing := os.Lstat(filepath.Join(o.Dir, badger.ManifestFilename))
	replayed.fresh = errors.Is(missing, fs.ErrNotExist)
	if err := errors.Join(err, checkManifest(o), checkKeyRegistry(o.Dir)); err != nil {
		return nil, replayed, err
	}
	db, err := badger.Open(o)
	if err != nil && strings.Contains(err.Error(), "Cannot acquire directory lock") { // Badger wraps nothing here
		err = errInUse
	}
	return db, replayed, err
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
func (s *Store) opened(since time.Time, r replay) {
	s.opening = Opening{
		New: r.fresh, Logs: r.logs, Transactions: r.transactions, Bytes: r.bytes,
		Pending: s.Pending(), Took: time.Since(since),
	}
	select {
	case <-s.counted:
	default:
		s.opening.Counting = true
	}
}

// removeUnborn removes log files of length zero. A process that is killed between
// creating such a file and sizing it leaves one; Badger does not open a directory
// with one in it. It does so under the lock that Badger takes itself, lest the
// file belong to a process that is about to size it.
func removeUnborn(dir string) error {
	lock, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // ends the lock
	if err := disk.Lock(lock); errors.Is(err, disk.ErrLocked) {
		return errInUse
	} else if err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return err
		}
		if info.Size() == 0 && slices.Contains([]string{".mem", ".vlog"}, filepath.Ext(f.Name())) {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
