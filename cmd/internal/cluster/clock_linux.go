package cluster

import (
	"time"

	"golang.org/x/sys/unix"
)

// Boottime reads CLOCK_BOOTTIME. Go's own monotonic clock does not count the time for
// which the system was suspended, and a node that wakes up must know that its lease is
// over.
func Boottime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return sinceStart() // the kernel has had this clock since 2.6.39
	}
	return time.Duration(t.Nano())
}
