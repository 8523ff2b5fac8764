package app

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// descriptors shares out the file descriptors that the process may have: a
// quarter for requests to the API, half for connections to receivers, and the
// last quarter for storage and everything else, who leave to requests what is too
// many for them. Half of those to receivers may be used by attempts in flight; what
// these do not need is for idle ones.
type descriptors struct {
	requests, outgoing, attempts int
}

// What is shared out at the most, however many descriptors there are.
const (
	maxRequests = 16384
	maxAttempts = 4096
	maxOutgoing = 32768
	maxRest     = 4096
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
	return descriptors{
		requests: int(min(2*quarter-min(quarter, maxRest), maxRequests)),
		outgoing: int(min(2*quarter, maxOutgoing)),
		attempts: int(min(quarter, maxAttempts)),
	}
}
