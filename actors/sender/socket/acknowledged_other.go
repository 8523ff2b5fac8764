//go:build !linux

package socket

import "syscall"

// acknowledged fails: these systems do not report the count in a common form.
func acknowledged(syscall.RawConn) (bytes uint64, ok bool) { return 0, false }
