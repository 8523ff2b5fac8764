//go:build linux || darwin

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported returns nil: storage runs on this system.
func Supported() error { return nil }

// Measure returns the space of the file system that a directory is on.
func Measure(dir string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Space{}, fmt.Errorf("measure the disk of %s: %w", dir, err)
	}
	block := uint64(s.Bsize)
	return Space{Total: s.Blocks * block, Free: s.Bavail * block}, nil
}

// Lock locks an open file or directory until it is closed, or fails with ErrLocked. The
// system releases the lock when the process ends, however it ends, so that a kill leaves
// nothing to clean up.
func Lock(file *os.File) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return nil
}

// SyncDir syncs the entries of a directory, which a sync of the files in it does not.
func SyncDir(path string) error { return syncFile(path) }

// blocksOf returns how many bytes of the disk a file takes. Stat_t counts in units of 512
// bytes, whatever the file system's blocks are (POSIX, sys/stat.h).
func blocksOf(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Blocks) * 512
	}
	return uint64(info.Size())
}
