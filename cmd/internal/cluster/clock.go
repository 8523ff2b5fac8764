package cluster

import "time"

// start is 1 s before the process began: readings are above 0, which stands for never.
var start = time.Now().Add(-time.Second)

// sinceStart reads Go's monotonic clock.
func sinceStart() time.Duration { return time.Since(start) }
