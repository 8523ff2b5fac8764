//go:build !linux && !darwin

package disk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// Missing is what this system cannot do for storage, as part of a sentence; empty for nothing.
const Missing = "data directories cannot be kept"

var errUnsupported = fmt.Errorf("the server and its data directories run on Linux and macOS, not on %s: "+
	"run it there, or in a container; publish, listen, verify, token and the other client commands work here", runtime.GOOS)

// Supported returns why storage cannot run on this system; nil if it can.
func Supported() error { return errUnsupported }

// Measure fails here.
func Measure(string) (Space, error) { return Space{}, errors.ErrUnsupported }

// Lock fails here.
func Lock(*os.File) error { return errors.ErrUnsupported }

// Allocate fails here.
func Allocate(string, int64) error { return errors.ErrUnsupported }

// SyncDir does nothing here: a directory cannot be opened for that.
func SyncDir(string) error { return nil }
