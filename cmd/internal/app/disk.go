package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/corpastro/astrohook/storage/disk"
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
// and when there is room again. The reserve is never less than what storage needs
// to go on, whatever was set: that grows with the data.
type diskWatcher struct {
	dir     string
	reserve uint64        // bytes; 0 for the default
	needed  func() uint64 // bytes that storage needs to go on
	tell    func(reached bool)
	log     *slog.Logger
	measure func(dir string) (disk.Space, error)
	reached bool
	failing bool
}

// Run looks at once and then at intervals, until ctx ends. It begins by logging
// what the reserve is.
func (w *diskWatcher) Run(ctx context.Context) {
	w.introduce()
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

// introduce logs the reserve, and warns of a disk that is too small for it.
func (w *diskWatcher) introduce() {
	space, err := w.measure(w.dir)
	if err != nil {
		return // look tells
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
	w.log.Info("disk has room again: publishing goes on", "free_bytes", space.Free, "reserve_bytes", reserve)
}

// bytes is the reserve in force.
func (w *diskWatcher) bytes(space disk.Space) uint64 {
	reserve := w.reserve
	if reserve == 0 {
		reserve = min(space.Total/diskReservePart, diskReserveMost)
	}
	return max(reserve, w.needed())
}

// belowReserve judges free space. Once below, a sixteenth more than the reserve
// is needed to be above again, so that the answer does not flutter.
func belowReserve(free, reserve uint64, before bool) bool {
	if before {
		return free < reserve+reserve/16
	}
	return free < reserve
}
