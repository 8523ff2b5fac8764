package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/corpastro/astrohook/storage/disk"
)

// diskInterval is the time between two looks at the free space. Writes at 200 MB/s use
// a tenth of the default reserve in that time.
const diskInterval = time.Second

// storedInterval is the time between two looks at what storage takes, which costs a look
// at the entry of each of its files.
const storedInterval = time.Minute

// The default reserve is a tenth of the disk, at most 2 GiB.
const (
	diskReservePart = 10
	diskReserveMost = 2 << 30
)

// diskWatcher informs the dispatcher when free disk space falls below the reserve, and
// when there is space again. The reserve is never less than storage needs to continue,
// whatever the setting says: that need grows with the data.
type diskWatcher struct {
	dir     string
	reserve uint64             // bytes; 0 for the default
	needed  func() uint64      // bytes that storage needs to continue
	tell    func(reached bool) // is called at each change, by Run's goroutine
	log     *slog.Logger
	stored  func() (uint64, error) // bytes that storage takes
	figures *figures
	measure func(dir string) (disk.Space, error) // disk.Measure, or a test's
	reached bool                                 // what tell was last called with
	failing bool                                 // the last measurement failed, and was logged
	weighed time.Time                            // when stored was last called
}

// Run logs the reserve, and measures now and at every interval until ctx ends.
func (w *diskWatcher) Run(ctx context.Context) {
	w.introduce()
	tick := time.NewTicker(diskInterval)
	defer tick.Stop()
	for {
		w.look()
		w.weigh(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// introduce logs the reserve, as a warning if the disk is too small for it.
func (w *diskWatcher) introduce() {
	space, err := w.measure(w.dir)
	if err != nil {
		return // look logs it
	}
	reserve := w.bytes(space)
	log := w.log.With("reserve_bytes", reserve, "set_bytes", w.reserve, "storage_needs_bytes", w.needed(),
		"free_bytes", space.Free, "disk_bytes", space.Total)
	if reserve > space.Total/2 {
		log.Warn("the disk is small: its reserve, below which publishing is refused, is more than half of it")
		return
	}
	log.Info("publishing is refused when less than the reserve is free on the disk")
}

// look measures once, and reports a change to the dispatcher and the log. When it cannot
// measure, the last answer stays in force: refusing everything because of a failed call
// would be worse, and storage refuses by itself when the disk is full.
func (w *diskWatcher) look() {
	space, err := w.measure(w.dir)
	if err != nil {
		if !w.failing {
			w.log.Error("free disk space is unknown", "error", err)
		}
		w.failing = true
		return
	}
	w.failing = false
	reserve := w.bytes(space)
	w.figures.free.Store(space.Free)
	w.figures.reserve.Store(reserve)
	reached := belowReserve(space.Free, reserve, w.reached)
	if reached == w.reached {
		return
	}
	w.reached = reached
	w.tell(reached)
	if reached {
		w.log.Error("disk reserve reached: publishing is refused", "free_bytes", space.Free, "reserve_bytes", reserve)
		return
	}
	w.log.Info("there is disk space again: publishing is accepted", "free_bytes", space.Free, "reserve_bytes", reserve)
}

// weigh measures what storage takes, if it is time. An error leaves the last figure as it
// is: nothing depends on it, and look logs a disk that cannot be read.
func (w *diskWatcher) weigh(now time.Time) {
	if now.Sub(w.weighed) < storedInterval {
		return
	}
	w.weighed = now
	if bytes, err := w.stored(); err == nil {
		w.figures.stored.Store(bytes)
	}
}

// bytes returns the reserve in force. It is computed for each look, since the disk can
// grow and so does storage's need.
func (w *diskWatcher) bytes(space disk.Space) uint64 {
	return max(reserveOf(w.reserve, space), w.needed())
}

// reserveOf returns the reserve that a setting stands for, in bytes; 0 is the default.
func reserveOf(setting uint64, space disk.Space) uint64 {
	if setting == 0 {
		return min(space.Total/diskReservePart, diskReserveMost)
	}
	return setting
}

// Disk returns the free space of the disk that the data directory is on, or will be, and the
// reserve below which publishing is refused, both in bytes. Storage may need a larger reserve.
func (c *Config) Disk() (free, reserve uint64, err error) {
	dir := c.DataDir
	for { // up to a folder that exists
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	space, err := disk.Measure(dir)
	return space.Free, reserveOf(uint64(c.DiskReserve), space), err
}

// belowReserve reports whether free space is below the reserve. Once below, it takes a
// sixteenth more than the reserve to be above again, so that the answer does not flap.
func belowReserve(free, reserve uint64, before bool) bool {
	if before {
		return free < reserve+reserve/16
	}
	return free < reserve
}
