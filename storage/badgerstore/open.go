package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	badger "github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"
)

var errInUse = errors.New("is in use by another process")

// openBadger opens the database.
func openBadger(o badger.Options) (*badger.DB, error) {
	if err := removeUnborn(o.Dir); err != nil {
		return nil, err
	}
	if err := errors.Join(checkLogs(o.Dir), checkManifest(o)); err != nil {
		return nil, err
	}
	db, err := badger.Open(o)
	if err != nil && strings.Contains(err.Error(), "Cannot acquire directory lock") { // Badger wraps nothing here
		return nil, errInUse
	}
	return db, err
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
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return errInUse
		}
		return fmt.Errorf("lock directory: %w", err)
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
