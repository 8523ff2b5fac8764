//go:build linux || darwin

package disk

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Supported returns why storage cannot run on this system; nil if it can.
func Supported() error { return nil }

// Measure asks for the space of the file system that a directory is on.
func Measure(dir string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Space{}, fmt.Errorf("measure the disk of %s: %w", dir, err)
	}
	block := uint64(s.Bsize)
	return Space{Total: s.Blocks * block, Free: s.Bavail * block}, nil
}

// Lock takes the lock of a file or directory until that is closed, or fails with ErrLocked.
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

// SyncDir syncs the entries of a directory.
func SyncDir(path string) error { return syncFile(path) }
