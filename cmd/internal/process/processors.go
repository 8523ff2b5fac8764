package process

import (
	"os"
	"runtime"
)

// AddProcessor has Go use one processor more than it would, unless the environment sets
// GOMAXPROCS. A goroutine that waits for a sync keeps its processor for most of that time,
// because the runtime takes it back after 20 µs at the earliest, and nothing else runs on
// it: on two cores that is half of what the process may use. The runtime does not follow changes
// of a container's limit afterwards.
func AddProcessor() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
