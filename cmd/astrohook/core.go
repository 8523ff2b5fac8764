//go:build unix

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limitCore has no core file written of this process and its children.
func limitCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}
