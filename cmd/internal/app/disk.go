package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"
)

// Free space is looked at once a second: at 200 MB/s of writes that is a tenth
// of the default reserve.
const diskInterval = time.Second

// The default reserve is a tenth of the disk, at most 2 GiB.
const (
	diskReservePart = 10
	diskReserveMost = 2 << 30
)

// diskWatcher tells the dispatcher when free disk space falls below the reserve,
// since a full disk would end the process, and when there is room again.
type diskWatcher struct {
	dir     string
	reserve uint64 // bytes; 0 for the default
	tell    func(reached bool)
	log     *slog.Logger
	measure func(dir string) (diskSpace, error)
	reached bool
	failing bool
}

// diskSpace is a file system's size, and what of it may still be written, in bytes.
type diskSpace struct{ total, free uint64 }

// measureDisk asks the operating system about the file system that dir is on.
func measureDisk(dir string) (diskSpace, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return diskSpace{}, fmt.Errorf("measure the disk of %s: %w", dir, err)
	}
	block := uint64(s.Bsize)
	return diskSpace{total: s.Blocks * block, free: s.Bavail * block}, nil
}

// Run looks at once and then at intervals, until ctx ends.
func (w *diskWatcher) Run(ctx context.Context) {
	tick := time.NewTicker(diskInterval)
	defer tick.Stop()
	for {
		w.look()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look measures once, and tells of a change.
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
	reached := belowReserve(space.free, reserve, w.reached)
	if reached == w.reached {
		return
	}
	w.reached = reached
	w.tell(reached)
	if reached {
		w.log.Error("disk reserve reached: publishing is refused", "free_bytes", space.free, "reserve_bytes", reserve)
		return
	}
	w.log.Info("disk has room again: publishing goes on", "free_bytes", space.free, "reserve_bytes", reserve)
}

func (w *diskWatcher) bytes(space diskSpace) uint64 {
	if w.reserve > 0 {
		return w.reserve
	}
	return min(space.total/diskReservePart, diskReserveMost)
}

// belowReserve judges free space. Once below, a sixteenth more than the reserve
// is needed to be above again, so that the answer does not flutter.
func belowReserve(free, reserve uint64, before bool) bool {
	if before {
		return free < reserve+reserve/16
	}
	return free < reserve
}
