package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/corpastro/astrohook/storage/disk"
)

// Badger writes its files through memory. Where a file has no blocks yet and the
// disk has none left, such a write ends the process by a signal. So the log that
// is being written gets its blocks in advance, and a file without meaning, the
// ballast, holds what the next log, the tables made of the full ones, and a start
// take. It is given up when the disk is full, and made again at a start with room.
const (
	ballastName = "BALLAST"
	ballastSize = 128 << 20
	// roomForBallast is what must be free to make it.
	roomForBallast = 4 * ballastSize
	// lowRoom is the free space at which the ballast is given up, and noRoom the
	// one at which there is no going on: a log with its blocks has to fit.
	lowRoom = 96 << 20
	noRoom  = logBlocks + 8<<20
	// logBlocks is how far a log is written: a full memory table and one more group.
	logBlocks = memtableSize + 2*maxGroupBytes
)

var errDiskFull = errors.New("the disk is full")

// room keeps space for what has to be written. The zero value keeps none.
type room struct {
	dir      string
	provided string // the log that has its blocks
}

// roomOf is the room of a store; without sync there is none to keep.
func roomOf(o Options) *room {
	if o.NoSync {
		return &room{}
	}
	return &room{dir: o.Dir}
}

// makeRoom gives up the ballast if a start needs it, and refuses a start for which
// even that is too little.
func (r *room) makeRoom() error {
	if r.dir == "" {
		return nil
	}
	return r.keep()
}

// keep looks at the free space.
func (r *room) keep() error {
	free, err := r.free()
	if err != nil || free >= lowRoom {
		return err
	}
	if err := os.Remove(filepath.Join(r.dir, ballastName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if free, err = r.free(); err == nil && free < noRoom {
		err = fmt.Errorf("%w: %d MiB are free, %d are needed", errDiskFull, free>>20, noRoom>>20)
	}
	return err
}

func (r *room) free() (uint64, error) {
	space, err := disk.Measure(r.dir)
	return space.Free, err
}

// provide gives the newest log its blocks. File systems that cannot do that leave
// the log as it is.
func (r *room) provide() error {
	if r.dir == "" {
		return nil
	}
	logs, err := filepath.Glob(filepath.Join(r.dir, "*.mem"))
	if err != nil || len(logs) == 0 {
		return err
	}
	if newest := slices.Max(logs); newest != r.provided {
		if err := disk.Allocate(newest, logBlocks); err != nil {
			return err
		}
		r.provided = newest
	}
	return r.keep()
}

// ballast makes the ballast if there is none, and room for it.
func (r *room) ballast() error {
	if r.dir == "" {
		return nil
	}
	path := filepath.Join(r.dir, ballastName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if free, err := r.free(); err != nil || free < roomForBallast {
		return err
	}
	return disk.Allocate(path, ballastSize)
}
