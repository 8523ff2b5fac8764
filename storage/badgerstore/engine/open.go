package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/disk"
)

// ErrInUse is returned by Open when another process has the directory open. Its text
// follows the directory's name in a sentence.
var ErrInUse = errors.New("is in use by another process")

// Replay is what Open found in a directory, and replayed.
type Replay struct {
	// New: there was no database.
	New bool
	// Logs were not closed, with so many Transactions in so many Bytes: all that was
	// committed since the last tables were made. None after a clean end.
	Logs, Transactions int
	Bytes              int64
}

// addLog counts a log whose whole transactions are text.
func (r *Replay) addLog(text []byte) {
	if len(text) > logHeaderSize {
		r.Logs++
		r.Transactions += countMarkers(text, logSeed(text))
		r.Bytes += int64(len(text) - logHeaderSize)
	}
}

// Open opens the database in a directory, or makes it. It returns ErrInUse, ErrDamaged
// with the name of the file, webhook.ErrDiskReserve if the disk is too full for a
// start, or an error of the file system.
func Open(o Options) (*DB, error) {
	o = o.withDefaults()
	space, err := newDiskSpace(o)
	if err != nil {
		return nil, err
	}
	if err := space.prepareStart(); err != nil {
		return nil, err
	}
	db, err := open(o)
	if err != nil {
		return nil, err
	}
	db.space, db.spare = space, newSpareLog(space.dir, space.spaceSizes)
	space.watch(db.badger)
	return db, nil
}

// open is Open without care for disk space.
func open(o Options) (*DB, error) {
	log := newLogger(o.Log)
	options := badgerOptions(o, log)
	if err := removeEmptyLogs(o.Dir); err != nil {
		return nil, err
	}
	replayed, err := checkFiles(options)
	if err != nil {
		return nil, err
	}
	db, err := badger.Open(options)
	if err != nil && strings.Contains(err.Error(), "Cannot acquire directory lock") { // Badger wraps nothing here
		err = ErrInUse
	}
	if err != nil {
		return nil, err
	}
	return &DB{
		badger: db, log: log, replayed: replayed, space: &diskSpace{}, mark: commitMark{dir: o.Dir}, stop: func() {},
	}, nil
}

// Replayed returns what Open found in the directory.
func (db *DB) Replayed() Replay { return db.replayed }

// checkFiles looks for damage that Badger would pass over in silence.
func checkFiles(o badger.Options) (Replay, error) {
	replayed, err := checkLogs(o.Dir)
	_, missing := os.Lstat(filepath.Join(o.Dir, badger.ManifestFilename))
	replayed.New = errors.Is(missing, fs.ErrNotExist)
	return replayed, errors.Join(err, checkManifest(o), checkKeyRegistry(o.Dir))
}

// removeEmptyLogs removes log files of length zero. A process that is killed between
// creating a log and sizing it leaves one, and Badger does not open a directory with
// one in it. removeEmptyLogs holds the lock that Badger takes itself: otherwise the
// file could belong to a process that is about to size it.
func removeEmptyLogs(dir string) error {
	lock, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // ends the lock
	if err := disk.Lock(lock); errors.Is(err, disk.ErrLocked) {
		return ErrInUse
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
