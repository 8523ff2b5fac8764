//go:build !linux

package cluster

import "time"

// Boottime reads Go's monotonic clock. Whether it counts the time for which the system
// was suspended depends on the system; what such a node writes is refused in any case.
func Boottime() time.Duration { return sinceStart() }
