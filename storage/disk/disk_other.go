//go:build !linux && !darwin

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// Missing is what this system cannot do for storage, as a clause for a log line; "" for
// nothing.
const Missing = "data directories cannot be kept"

// errUnsupported says what to do instead: an operator meets it at the first start.
var errUnsupported = fmt.Errorf("the server and its data directories run on Linux and macOS, not on %s: "+
	"run it there, or in a container; publish, listen, verify, token and the other client commands work here", runtime.GOOS)

// Supported returns why storage cannot run on this system.
func Supported() error { return errUnsupported }

// Measure fails on this system.
func Measure(string) (Space, error) { return Space{}, errors.ErrUnsupported }

// Lock fails on this system.
func Lock(*os.File) error { return errors.ErrUnsupported }

// Allocate fails on this system.
func Allocate(string, int64) error { return errors.ErrUnsupported }

// SyncDir does nothing on this system, which cannot open a directory for that.
func SyncDir(string) error { return nil }

// blocksOf returns how many bytes of the disk a file takes, which this system does not say:
// its size.
func blocksOf(info fs.FileInfo) uint64 { return uint64(info.Size()) }
