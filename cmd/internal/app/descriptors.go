package app

// descriptors divides the file descriptors that the process may have. The parts that
// take them must not starve each other: a flood of requests must leave connections to
// receivers, and both must leave storage the files that it opens, because a server whose
// storage cannot open a file ends. The shares:
//
//	requests to the API       1/4, and what storage and the rest do not need
//	connections to receivers  1/2; attempts in flight may use half of these,
//	                          the rest are idle connections that are kept
//	storage and the rest      1/4
type descriptors struct {
	requests int // connections to the API
	outgoing int // connections to receivers, idle ones included
	attempts int // attempts in flight, of one connection each
}

// The most that each gets, however many descriptors there are: beyond that memory is the
// bound. maxRest is all that storage can need.
const (
	maxRequests = 16384
	maxAttempts = 4096
	maxOutgoing = 32768
	maxRest     = 4096
)

// share divides a number of descriptors.
func share(limit uint64) descriptors {
	quarter := limit / 4
	return descriptors{
		requests: int(min(2*quarter-min(quarter, maxRest), maxRequests)),
		outgoing: int(min(2*quarter, maxOutgoing)),
		attempts: int(min(quarter, maxAttempts)),
	}
}

// MostAttempts returns how many attempts a server on this machine may have in flight, as its
// limit of open files allows.
func MostAttempts() (int, error) {
	shares, err := shareDescriptors()
	return shares.attempts, err
}
