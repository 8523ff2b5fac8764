package badgerstore

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

// A store must never run out of disk: Badger cannot give back a log that it cannot
// write, and some of its files are written through memory, where a full disk ends
// the process by a signal. So room is looked at before it is needed: the log in use
// has its blocks in advance, and a write that could need the next log waits, or is
// refused, while there is no room for that. What was promised before is on disk all
// the time, and reading goes on.
//
// A file without meaning, the ballast, keeps room for a start on a full disk: to
// make tables of the logs, and to deliver for a while.

// dimensions are what a store takes of a disk at a time.
type dimensions struct {
	log int64 // where a log ends
}

const (
	// A log takes a logShare-th of the disk at most, but has these bounds.
	logShare    = 64
	smallestLog = 4 << 20
	// largestMerge bounds what merging tables takes: the tables that are merged stay
	// until the new ones are synced. Five of the first level, or one of another, are
	// merged with those of the next level that they overlap; two merges run at a time.
	largestMerge = 512 << 20
	// spareRoom is for the list of tables, and whatever else is small.
	spareRoom = 4 << 20
	// lastRoom is what must be free at a start.
	lastRoom = 1 << 20
	// freeingShare is the end of a log that is kept for what frees room.
	freeingShare = 1 << 20
	ballastName  = "BALLAST"
)

// dimensionsOn returns the dimensions on a disk of some size.
func dimensionsOn(total uint64) dimensions {
	if !patched {
		return dimensions{log: memtableSize}
	}
	return dimensions{log: int64(min(max(total/logShare, smallestLog), memtableSize))}
}

// blocks is how far a log is written: it ends with the group that reaches its limit,
// and so does its memory table, in which small records take more than in the log.
func (d dimensions) blocks() int64 { return d.log + 2*maxGroupBytes }

// turn is what it takes to begin the next log, and to make a table of the last one.
func (d dimensions) turn() int64 { return 2*d.blocks() + spareRoom }

// needed is what must stay free to go on, with so many bytes of tables.
func (d dimensions) needed(tables int64) int64 { return d.turn() + min(tables, largestMerge) }

// ballast is for the tables of the logs that a start finds, and for one log and turn more.
func (d dimensions) ballast() int64 { return d.turn() + d.blocks() }

// errNoRoom is the answer to a write that finds none.
var errNoRoom = &webhook.RetryAfterError{Err: webhook.ErrDiskReserve, After: time.Minute}

// room keeps space for what has to be written. The zero value keeps none.
type room struct {
	dir string
	dimensions
	db       *badger.DB // nil until it is open
	provided string     // the log that has its blocks
	left     int64      // of the log in use, when it was last looked at
	measure  func(dir string) (disk.Space, error)
	// state returns how many bytes more the log in use takes, and how many full ones
	// are no tables yet.
	state func() (left int64, waiting int)
}

// roomOf is the room of a store; without sync there is none to keep.
func roomOf(o Options) (*room, error) {
	if o.NoSync {
		return &room{}, nil
	}
	space, err := disk.Measure(o.Dir)
	if err != nil {
		return nil, err
	}
	return &room{dir: o.Dir, dimensions: dimensionsOn(space.Total), measure: disk.Measure}, nil
}

// makeRoom gives up the ballast if a start needs it, and refuses a start for which
// even that is too little.
func (r *room) makeRoom() error {
	if r.dir == "" {
		return nil
	}
	logs, err := logsIn(r.dir)
	if err != nil {
		return err
	}
	free, err := r.free()
	if err == nil && free < r.turn()+int64(len(logs))*r.blocks() {
		if err = os.Remove(filepath.Join(r.dir, ballastName)); err == nil || errors.Is(err, fs.ErrNotExist) {
			free, err = r.free()
		}
	}
	if err == nil && free < lastRoom {
		err = fmt.Errorf("%w: %d KiB are free, and a start needs %d: make room on the disk of %s, and nothing is lost",
			webhook.ErrDiskReserve, free>>10, lastRoom>>10, r.dir)
	}
	return err
}

func logsIn(dir string) ([]string, error) { return filepath.Glob(filepath.Join(dir, "*.mem")) }

func (r *room) free() (int64, error) {
	space, err := r.measure(r.dir)
	return int64(space.Free), err
}

// use begins to look after an open database.
func (r *room) use(db *badger.DB) {
	if r.dir == "" {
		return
	}
	r.db = db
	limitLogs(db, r.log)
	r.state = func() (int64, int) { return logState(db) }
}

// urgency is how much a write needs the room that is left.
type urgency = groupcommit.Urgency

const (
	settles   = groupcommit.Settles
	publishes = groupcommit.Publishes
	changes   = groupcommit.Changes
	frees     = groupcommit.Frees
)

// admits reports whether there is room for a write. The log in use has its blocks;
// only a write that could begin the next one takes more.
func (r *room) admits(u urgency) bool {
	if r.db == nil {
		return true
	}
	left, waiting := r.state()
	switch {
	case r.provided == "":
		// Nothing is certain about the log in use.
	case left > freeingShare, u == frees && left > 0:
		return true
	}
	free, err := r.free()
	if err != nil {
		return true // a write will find out
	}
	need := r.turn() * int64(1+waiting)
	if u == publishes && free < need+largestMerge {
		need = max(need, r.needed(r.tables()))
	}
	return free >= need
}

// tables is how many bytes the tables have.
func (r *room) tables() (size int64) {
	for _, level := range r.db.Levels() {
		size += level.Size
	}
	return size
}

// turned reports whether another log is in use than when it was last asked.
func (r *room) turned() bool {
	if r.db == nil {
		return false
	}
	before := r.left
	r.left, _ = r.state()
	return r.left > before
}

// provide gives the newest log its blocks, and the list of tables some to grow.
// Where there is no room for that, or the file system cannot do it, they stay as
// they are.
func (r *room) provide() error {
	if r.dir == "" {
		return nil
	}
	logs, err := logsIn(r.dir)
	if err != nil || len(logs) == 0 {
		return err
	}
	newest := slices.Max(logs)
	if newest == r.provided {
		return nil
	}
	r.provided = ""
	if free, err := r.free(); err != nil || free < r.blocks() {
		return err
	}
	manifest := filepath.Join(r.dir, badger.ManifestFilename)
	info, err := os.Stat(manifest)
	if err == nil {
		err = errors.Join(disk.Allocate(newest, r.blocks()), disk.Allocate(manifest, info.Size()+lastRoom))
	}
	if err == nil {
		r.provided = newest
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

// ballast makes the ballast if there is none, and room for it beside what it takes
// to go on. A start that used it up makes it again, so that the next one has it.
func (r *room) ballast() error {
	if r.dir == "" {
		return nil
	}
	path := filepath.Join(r.dir, ballastName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if free, err := r.free(); err != nil || free < r.dimensions.ballast()+r.turn() {
		return err
	}
	err := disk.Allocate(path, r.dimensions.ballast())
	if isFull(err) {
		return os.Remove(path)
	}
	return unlessFutile(err)
}

// SpaceNeeded is how many bytes must stay free on the disk for storage to go on,
// and to start again: for the next log, a table of the last one, and the tables that
// are being merged. Below it publishing has to be refused; Accept does so, too.
func (s *Store) SpaceNeeded() uint64 {
	if s.room.db == nil || s.enter() != nil {
		return 0
	}
	defer s.leave()
	return uint64(s.room.needed(s.room.tables()))
}
