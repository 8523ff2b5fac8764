//go:build unix

package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limitCore keeps the system from writing core files of this process and its children.
func limitCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}
