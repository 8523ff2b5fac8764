package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/disk"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

// A database must never run out of disk space: Badger cannot give back a log that it
// cannot write, and writes some of its files through memory, where a full disk ends
// the process by a signal. So space is reserved before it is needed. The log in use
// has its blocks in advance, and a write that could need the next log waits, or is
// refused, while there is no space for that log. Everything that was acknowledged is
// on disk all the time, and reads continue.
//
// The ballast, a file without content of its own, keeps space for a start on a full
// disk: enough to make tables of the logs, and to deliver for a while.

const ballastName = "BALLAST"

// spaceInterval is how often the writer looks after the disk space.
const spaceInterval = time.Second

// diskSpace keeps disk space for what has to be written. The zero value keeps none.
type diskSpace struct {
	dir string
	spaceSizes
	db       *badger.DB // nil until watch
	reserved string     // the log whose blocks are reserved
	left     int64      // what the log in use took more, when it was last looked at
	measure  func(dir string) (disk.Space, error)
	// state returns how many bytes more the log in use takes, and how many full logs
	// are not yet tables.
	state func() (left int64, waiting int)
}

// newDiskSpace returns the disk space of a database. A database that does not sync
// keeps none.
func newDiskSpace(o Options) (*diskSpace, error) {
	if o.NoSync {
		return &diskSpace{}, nil
	}
	space, err := disk.Measure(o.Dir)
	if err != nil {
		return nil, err
	}
	return &diskSpace{dir: o.Dir, spaceSizes: sizesFor(space.Total), measure: disk.Measure}, nil
}

// prepareStart removes the ballast if a start needs its space, and refuses a start for
// which even that is too little.
func (s *diskSpace) prepareStart() error {
	if s.dir == "" {
		return nil
	}
	logs, err := logsIn(s.dir)
	if err != nil {
		return err
	}
	free, err := s.free()
	if err == nil && free < s.nextLog()+int64(len(logs))*s.blocks() {
		_ = os.Remove(filepath.Join(s.dir, spareName))
		if err = os.Remove(filepath.Join(s.dir, ballastName)); err == nil || errors.Is(err, fs.ErrNotExist) {
			free, err = s.free()
		}
	}
	if err == nil && free < smallestStart {
		err = fmt.Errorf("%w: %d KiB are free, and a start needs %d: make room on the disk of %s, and nothing is lost",
			webhook.ErrDiskReserve, free>>10, smallestStart>>10, s.dir)
	}
	return err
}

// free returns how many bytes may still be written to the disk.
func (s *diskSpace) free() (int64, error) {
	space, err := s.measure(s.dir)
	return int64(space.Free), err
}

// watch limits the logs of an open database, and begins to follow them.
func (s *diskSpace) watch(db *badger.DB) {
	if s.dir == "" {
		return
	}
	s.db = db
	limitLogs(db, s.log)
	s.state = func() (int64, int) { return logState(db) }
}

// Admits reports whether the disk has space for a write. The blocks of the log in use
// are reserved, so only a write that could begin the next log needs free space. When
// the free space cannot be measured Admits reports true: the write will find out.
func (db *DB) Admits(u groupcommit.Urgency) bool { return db.space.admits(u, db.TableBytes) }

func (s *diskSpace) admits(u groupcommit.Urgency, tables func() int64) bool {
	if s.db == nil {
		return true
	}
	left, waiting := s.state()
	switch {
	case s.reserved == "":
		// Nothing is certain about the log in use.
	case left > freeingShare, u == groupcommit.Frees && left > 0:
		return true
	}
	free, err := s.free()
	if err != nil {
		return true
	}
	need := s.nextLog() * int64(1+waiting)
	if u == groupcommit.Publishes && free < need+largestMerge {
		need = max(need, s.needed(tables()))
	}
	return free >= need
}

// logChanged reports whether another log is in use than at the last call.
func (s *diskSpace) logChanged() bool {
	if s.db == nil {
		return false
	}
	before := s.left
	s.left, _ = s.state()
	return s.left > before
}

// reserve reserves blocks for the log in use, and makes the ballast if it is missing.
func (s *diskSpace) reserve() error {
	if s.dir == "" {
		return nil
	}
	return errors.Join(s.reserveLog(), s.makeBallast())
}

// reserveLog reserves the blocks of the newest log, and some for the manifest to grow.
// Where there is no space for that, or the file system cannot reserve, the files stay
// as they are, and admits looks at the free space before every write.
func (s *diskSpace) reserveLog() error {
	logs, err := logsIn(s.dir)
	if err != nil || len(logs) == 0 {
		return err
	}
	newest := slices.Max(logs)
	if newest == s.reserved {
		return nil
	}
	s.reserved = ""
	if free, err := s.free(); err != nil || free < s.blocks() {
		return err
	}
	manifest := filepath.Join(s.dir, badger.ManifestFilename)
	info, err := os.Stat(manifest)
	if err == nil {
		err = errors.Join(disk.Allocate(newest, s.blocks()), disk.Allocate(manifest, info.Size()+smallestStart))
	}
	if err == nil {
		s.reserved = newest
	}
	return unlessFutile(err)
}

// unlessFutile drops the errors of a system that cannot reserve blocks, or has none left.
func unlessFutile(err error) error {
	if isFull(err) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// makeBallast makes the ballast if it is missing and there is space for it beside the
// next log. A start that gave the ballast up makes it again, so that the next start has it.
func (s *diskSpace) makeBallast() error {
	path := filepath.Join(s.dir, ballastName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if free, err := s.free(); err != nil || free < s.ballast()+s.nextLog() {
		return err
	}
	err := disk.Allocate(path, s.ballast())
	if isFull(err) {
		return os.Remove(path)
	}
	return unlessFutile(err)
}

// SpaceNeeded returns how many bytes must stay free on the disk for the database to
// continue, and to start again: for the next log, a table of the last one, and the
// tables that are being merged. It is 0 for a database that does not sync.
func (db *DB) SpaceNeeded() uint64 {
	if db.space.db == nil {
		return 0
	}
	return uint64(db.space.needed(db.TableBytes()))
}

// Squeeze has removed records leave the disk while less is free than SpaceNeeded.
// Badger merges tables when more arrive; while publishing is refused hardly any does,
// and nothing would ever be freed. Squeeze reports whether the log in use should end as
// well (EndLog), so that its records become a table that can be merged.
func (db *DB) Squeeze() (endLog bool, err error) {
	if !patched || db.space.db == nil {
		return false, nil
	}
	free, err := db.space.free()
	if err != nil {
		return false, err
	}
	needed := db.space.needed(db.TableBytes())
	tight := free < needed+needed/8 // publishing ends somewhat above the need
	if tight {
		db.spare.drop()
	}
	squeezeTables(db.badger, tight)
	return tight && free >= db.space.nextLog(), nil
}

// EndLog has the next commit begin another log. Only the writer calls it.
func (db *DB) EndLog() { endLog(db.badger) }

// PretendDisk replaces what the database knows about the disk and the log in use, for
// tests of full disks. free and left are in bytes; waiting counts full logs that are
// not yet tables.
func (db *DB) PretendDisk(free func() int64, state func() (left int64, waiting int)) {
	db.space.measure = func(string) (disk.Space, error) { return disk.Space{Free: uint64(free())}, nil }
	db.space.state = state
}
