//go:build unix

package app

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// shareDescriptors reads the limit, which Go raises to the hard one at start.
func shareDescriptors() (descriptors, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return descriptors{}, fmt.Errorf("read the limit of open files: %w", err)
	}
	return share(limit.Cur), nil
}
