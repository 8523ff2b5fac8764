package app

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// descriptors shares out the file descriptors that the process may have: a
// quarter each for requests to the API, attempts in flight and idle connections,
// and the last one for storage and everything else. What attempts leave of theirs
// goes to requests.
type descriptors struct {
	requests, attempts, idle int
}

// What is shared out at the most, however many descriptors there are.
const (
	maxRequests = 16384
	maxAttempts = 4096
	maxIdle     = 16384
)

// shareDescriptors reads the limit, which Go raises to the hard one at start.
func shareDescriptors() (descriptors, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return descriptors{}, fmt.Errorf("read the limit of open files: %w", err)
	}
	return share(limit.Cur), nil
}

func share(limit uint64) descriptors {
	quarter := limit / 4
	attempts := min(quarter, maxAttempts)
	return descriptors{
		requests: int(min(2*quarter-attempts, maxRequests)),
		attempts: int(attempts),
		idle:     int(min(quarter, maxIdle)),
	}
}
