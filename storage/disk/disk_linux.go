package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Missing is what this system cannot do for storage, as a clause for a log line; "" for
// nothing.
const Missing = ""

// Allocate reserves blocks for the first size bytes of a file, and makes the file if it does
// not exist. It does not change the file's size. It fails with errors.ErrUnsupported on a
// file system that cannot reserve blocks.
func Allocate(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("allocate %s: %w", filepath.Base(path), err)
	}
	return nil
}
